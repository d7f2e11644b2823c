"""The one table: whatever the SDK raises -> a ProxyError that says what happened and what to do.

Messages carry GigaChat's own words, never its URLs or headers: clients show them to anybody.
OpenClaw decides by status, code and words whether it waits, shortens its history or gives up.
"""

from __future__ import annotations

import json
import logging
import math
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from gpt2giga.bounded_json import read_json, TooManyValues
from gpt2giga.errors import (
    BadRequest,
    NotAuthenticated,
    NotFound,
    PermissionDenied,
    ProxyError,
    QuotaExceeded,
    RateLimited,
    UpstreamCut,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gpt2giga.language import _, N_
from gpt2giga.upstream.contract.answers import Unreadable
from gpt2giga.upstream.transport.access_token import TokenFailure, UnusableToken
from gpt2giga.upstream.transport.certificate import explain
from gpt2giga.upstream.transport.http import StatusError
from gpt2giga.upstream.transport.overflow import is_overflow, too_long
from gpt2giga.upstream.transport.proxy import proxy_for

log = logging.getLogger(__name__)

UNSENDABLE = N_("it holds characters that no key has")
WORDS_LIMIT, MOST_VALUES = 1000, 1000  # of an error

# What escapes the SDK (contract 7.1, 7.6). TypeError: it unpacks a JSON document that is no object.
FAILURES = (TokenFailure, StatusError, httpx.HTTPError, Unreadable, json.JSONDecodeError, UnicodeError, TypeError)

# Codes of the OAuth host (contract 1.6): what they mean for whoever keeps the settings.
OAUTH_CURES = {
    4: N_("GIGACHAT_CREDENTIALS is not a whole key: paste the Authorization Key from Sber Studio on one line."),
    5: N_("GIGACHAT_SCOPE is empty or does not belong to GIGACHAT_CREDENTIALS: try GIGACHAT_API_PERS, _B2B or _CORP."),
    1: N_("GIGACHAT_SCOPE is not one that GigaChat knows: use GIGACHAT_API_PERS, _B2B or _CORP."),
    7: N_("GIGACHAT_SCOPE does not belong to GIGACHAT_CREDENTIALS: try GIGACHAT_API_PERS, _B2B or _CORP."),
    6: N_("GIGACHAT_CREDENTIALS is unknown or was revoked: make a new Authorization Key in Sber Studio."),
}
UNKNOWN_CURE = N_("Check GIGACHAT_CREDENTIALS and GIGACHAT_SCOPE.")


class KeyRejected(NotAuthenticated):
    """Whose key it is the caller knows; `words` are GigaChat's, `cure` is for whoever keeps the settings."""

    code = "gigachat_credentials_rejected"

    def __init__(self, words: str, cure: str) -> None:
        super().__init__(_("GigaChat rejects the proxy's own key ({words}). {cure}", words=words, cure=cure))
        self.words, self.cure = words, cure


@contextmanager
def translated() -> Iterator[None]:
    """Raises a ProxyError for any failure of the SDK inside; everything else passes."""
    try:
        yield
    except FAILURES as error:
        raise to_proxy_error(error) from error


def to_proxy_error(error: Exception) -> ProxyError:
    if isinstance(error, TokenFailure):
        return _from_token_failure(error.__cause__)
    if isinstance(error, StatusError):
        found = from_status(error.status_code, _words(_body(error.content)), retry_after(error.headers))
        found.upstream_status = error.status_code
        return found
    if isinstance(error, Unreadable):
        return _from_unreadable(error.document)
    if isinstance(error, UnicodeEncodeError):
        return _from_unsendable(error)
    if isinstance(error, httpx.HTTPError):
        return from_transport(error, "GigaChat")
    if isinstance(error, TypeError):  # perhaps a mistake of ours
        log.warning("GigaChat's answer was not understood", exc_info=error)
    return UpstreamError(_("GigaChat's answer is not readable JSON."))


def retry_after(headers: Mapping[str, str] | None) -> float | None:
    """Seconds; None when there are none, or none that make sense."""
    value = (headers or {}).get("Retry-After", "")
    try:
        seconds = float(value)
    except ValueError:
        return _until(value)
    return seconds if 0 < seconds < math.inf else None


def _until(date: str) -> float | None:
    try:
        seconds = parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


def _body(content: bytes | None) -> dict[str, Any]:
    """GigaChat's error object (contract 3.4.1); empty for the HTML pages of its front (contract 3.4.9)."""
    try:
        body = read_json(content or b"", MOST_VALUES)
    except (ValueError, TooManyValues):
        return {}
    return body if isinstance(body, dict) else {}


def words_of(error: StatusError) -> str:
    """GigaChat's own."""
    return _words(_body(error.content))


def _words(body: dict[str, Any]) -> str:
    words = body.get("message")
    return words[:WORDS_LIMIT].rstrip(". \n") if words and isinstance(words, str) else _("no explanation")


def _from_token_failure(cause: BaseException | None) -> ProxyError:
    if isinstance(cause, StatusError):
        found = _from_oauth(cause.status_code, _body(cause.content), retry_after(cause.headers))
        found.upstream_status = cause.status_code
        return found
    if isinstance(cause, httpx.HTTPError):
        return from_transport(cause, _("GigaChat's authorisation (GIGACHAT_AUTH_URL)"))
    how = str(cause) if isinstance(cause, UnusableToken) else _("without a token")
    return UpstreamError(_("GigaChat's authorisation (GIGACHAT_AUTH_URL) answered {how}.", how=how))


def _from_oauth(status: int, body: dict[str, Any], wait: float | None) -> ProxyError:
    words = _words(body)
    if status == 429:
        return RateLimited(
            _("Rate limit reached: GigaChat gives out no more tokens for now ({words}).", words=words),
            retry_after=wait or 1.0,
        )
    if status in (400, 401, 403):
        code = body.get("code")
        cure = OAUTH_CURES.get(code if isinstance(code, int) else 0, UNKNOWN_CURE)
        return KeyRejected(words, _(cure))
    kind = UpstreamUnavailable if status >= 500 else UpstreamError
    return kind(
        _("GigaChat's authorisation (GIGACHAT_AUTH_URL) answered {status}: {words}.", status=status, words=words),
        retry_after=wait,
    )


def from_status(status: int, words: str, wait: float | None = None) -> ProxyError:
    """GigaChat's status and words as an error of ours (contract 1.11, 3.0.2, 3.4.3, 3.4.4, 3.4.5, 3.4.6)."""
    if status == 413 or (status in (400, 422) and is_overflow(words)):
        return too_long(words)
    if status == 401:
        return KeyRejected(words, _("Check GIGACHAT_CREDENTIALS, or GIGACHAT_ACCESS_TOKEN, in the proxy's settings."))
    if status == 402:
        return QuotaExceeded(
            _(
                "GigaChat: {words}. The tokens paid for this model are used up (insufficient quota); top "
                "up in Sber Studio or use another model.",
                words=words,
            )
        )
    if status == 403:
        return PermissionDenied(
            _("GigaChat: {words}. This account has no access to the model or function.", words=words)
        )
    if status == 404:
        code = "model_not_found" if "model" in words.lower() else "not_found"
        return NotFound(f"GigaChat: {words}.", code=code, param="model" if code == "model_not_found" else None)
    if status == 429:
        return RateLimited(
            _(
                "Rate limit reached (GigaChat: {words}). A personal account may have one request at a time.",
                words=words,
            ),
            retry_after=wait,
        )
    if status in (408, 504):
        return UpstreamTimeout(_("GigaChat timed out with {status}: {words}.", status=status, words=words))
    if status == 503:
        return UpstreamUnavailable(_("GigaChat answered 503: {words}.", words=words), retry_after=wait)
    if 400 <= status < 500:
        # EventException is a failure inside GigaChat that passes, whatever the status says: so found by pi-gigachat.
        return BadRequest(
            _("GigaChat refused the request: {words}.", words=words),
            code="gigachat_refused",
            transient="EventException" in words,
        )
    return UpstreamError(_("GigaChat answered {status}: {words}.", status=status, words=words))


def is_failure(document: Any) -> bool:
    """An error object of GigaChat's (contract 3.4.1)."""
    status = document.get("status") if isinstance(document, dict) else None
    return isinstance(status, int) and 400 <= status < 600


def _from_unreadable(found: Any) -> ProxyError:
    """A frame inside a stream may be an error object instead of a chunk; it counts as that status."""
    if is_failure(found):
        refused = from_status(found["status"], _words(found))
        refused.upstream_status = found["status"]
        return refused
    return UpstreamError(_("GigaChat's answer does not have the documented form."))


def _from_unsendable(error: UnicodeEncodeError) -> ProxyError:
    if error.encoding == "ascii":  # that of headers
        return KeyRejected(_(UNSENDABLE), _("Copy it once more."))
    return BadRequest(_("The request holds half of a surrogate pair, which is not text."), param="messages")


def from_transport(error: httpx.HTTPError, who: str) -> ProxyError:
    if failure := _tls_failure(error):
        return _from_tls(failure, who, _url(error))
    if isinstance(error, httpx.PoolTimeout):
        return RateLimited(
            _("Rate limit reached: all connections to GigaChat are busy (GIGACHAT_MAX_CONNECTIONS)."), retry_after=1.0
        )
    if isinstance(error, httpx.LocalProtocolError):  # a header cannot be sent, and only one comes from outside
        return KeyRejected(_(UNSENDABLE), _("Copy it once more."))
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        log.error("No connection to %s%s: %s", who, _way(_url(error)), error)
        return UpstreamUnavailable(
            _("{who} cannot be reached: the connection was refused, timed out or has no route.", who=who),
            transient=True,
        )
    if isinstance(error, httpx.ProxyError):
        log.error("The proxy does not let %s through: %s", who, error)
        return UpstreamUnavailable(
            _("{who} cannot be reached: the proxy (HTTPS_PROXY) does not let it through.", who=who)
        )
    if isinstance(error, httpx.TimeoutException):
        return UpstreamTimeout(_("{who} timed out: it sent nothing for as long as GIGACHAT_TIMEOUT allows.", who=who))
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        # In the words that agents look for when they decide to ask again: in a stream they see no status.
        return UpstreamCut(
            _("Connection lost: {who} closed the connection before its answer was whole.", who=who), transient=True
        )
    return UpstreamError(_("{who} answered in a way that is not its protocol.", who=who))


def _tls_failure(error: BaseException | None) -> ssl.SSLError | None:
    """None for a connection that was only cut."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return None if isinstance(error, ssl.SSLEOFError) else error


def _url(error: httpx.HTTPError) -> str:
    try:
        return str(error.request.url)
    except RuntimeError:
        return ""


def _way(url: str) -> str:
    """Over which it was tried: a proxy that is down looks as if GigaChat were."""
    proxy = proxy_for(url) if url else None
    return f" ({proxy.variable} {proxy.host}:{proxy.port})" if proxy else ""


def _from_tls(failure: ssl.SSLError, who: str, url: str) -> ProxyError:
    log.error("TLS with %s failed: %s", who, failure)
    if isinstance(failure, ssl.SSLCertVerificationError):
        why = explain(failure, url)
    else:
        why = _("the TLS handshake failed: check GIGACHAT_CERT_FILE, GIGACHAT_KEY_FILE and the address.")
    return UpstreamUnavailable(f"{who}: {why}", code="upstream_certificate")
