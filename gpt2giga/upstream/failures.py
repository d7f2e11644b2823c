"""The one table: whatever the SDK raises -> a ProxyError that says what happened and what to do.

Messages carry GigaChat's own words, never its URLs or headers: clients show them to anybody.
OpenClaw decides by status, code and words whether it waits, shortens its history or gives up.
"""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pydantic
from gigachat.exceptions import RateLimitError
from gigachat.exceptions import ResponseError

from gpt2giga.errors import BadRequest
from gpt2giga.errors import ContextTooLong
from gpt2giga.errors import NotAuthenticated
from gpt2giga.errors import NotFound
from gpt2giga.errors import PermissionDenied
from gpt2giga.errors import ProxyError
from gpt2giga.errors import QuotaExceeded
from gpt2giga.errors import RateLimited
from gpt2giga.errors import UpstreamCut
from gpt2giga.errors import UpstreamError
from gpt2giga.errors import UpstreamTimeout
from gpt2giga.errors import UpstreamUnavailable

log = logging.getLogger(__name__)

CREDENTIALS_CODE = "gigachat_credentials_rejected"
WORDS_LIMIT = 1000

# What escapes the SDK (contract 7). TypeError: it unpacks a JSON document that is no object.
FAILURES = (
    ResponseError,
    httpx.HTTPError,
    pydantic.ValidationError,
    json.JSONDecodeError,
    UnicodeError,
    TypeError,
)

# Codes of the OAuth host (contract 1): what they mean for whoever keeps the settings.
OAUTH_CURES = {
    4: "GIGACHAT_CREDENTIALS is not a whole key: paste the Authorization Key from Sber Studio on one line.",
    5: "GIGACHAT_SCOPE is empty or does not belong to GIGACHAT_CREDENTIALS: try GIGACHAT_API_PERS, _B2B or _CORP.",
    1: "GIGACHAT_SCOPE is not one that GigaChat knows: use GIGACHAT_API_PERS, _B2B or _CORP.",
    7: "GIGACHAT_SCOPE does not belong to GIGACHAT_CREDENTIALS: try GIGACHAT_API_PERS, _B2B or _CORP.",
    6: "GIGACHAT_CREDENTIALS is unknown or was revoked: make a new Authorization Key in Sber Studio.",
}


@contextmanager
def translated() -> Iterator[None]:
    """Raises a ProxyError for any failure of the SDK inside; everything else passes."""
    try:
        yield
    except FAILURES as error:
        raise to_proxy_error(error) from error


def to_proxy_error(error: Exception) -> ProxyError:
    if isinstance(error, ResponseError):
        found = _from_response(error)
        found.upstream_status = error.status_code
        return found
    if isinstance(error, pydantic.ValidationError):
        return _from_unreadable(error)
    if isinstance(error, UnicodeEncodeError):
        return BadRequest("The request holds half of a surrogate pair, which is not text.", param="messages")
    if isinstance(error, httpx.HTTPError):
        return _from_transport(error)
    return UpstreamError("GigaChat's answer is not readable JSON.")


def _from_response(error: ResponseError) -> ProxyError:
    body = _body(error.content)
    if "code" in body or httpx.URL(error.url).path.endswith(("/oauth", "/token")):
        return _from_oauth(error.status_code, body)
    retry_after = error.retry_after if isinstance(error, RateLimitError) else 0.0
    return from_status(error.status_code, _words(body), retry_after or None)


def _body(content: bytes | None) -> dict[str, Any]:
    """GigaChat's error object; empty for the HTML pages of its front (contract 3)."""
    try:
        body = json.loads(content or b"")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _words(body: dict[str, Any]) -> str:
    return str(body.get("message") or "no explanation")[:WORDS_LIMIT].rstrip(". \n")


def _from_oauth(status: int, body: dict[str, Any]) -> ProxyError:
    words = _words(body)
    if status == 429:
        return RateLimited(f"GigaChat gives out no more tokens for now: {words}.", retry_after=1.0)
    if status >= 500:
        return UpstreamUnavailable(f"GigaChat's authorisation answered {status}: {words}.")
    cure = OAUTH_CURES.get(body.get("code", 0), "Check GIGACHAT_CREDENTIALS and GIGACHAT_SCOPE.")
    log.error("GigaChat rejects the key: %s. %s", words, cure)
    return NotAuthenticated(f"GigaChat rejects the proxy's own key ({words}). {cure}", code=CREDENTIALS_CODE)


def from_status(status: int, words: str, retry_after: float | None = None) -> ProxyError:
    """GigaChat's status and words as an error of ours (contract 3, users' table of causes)."""
    if status == 413 or "tokens limit" in words.lower():
        return ContextTooLong(
            f"The request exceeds the model's maximum context length (GigaChat: {words}). Shorten the messages.",
            param="messages",
        )
    if status == 401:
        log.error("GigaChat answers 401: %s. Check GIGACHAT_CREDENTIALS or GIGACHAT_ACCESS_TOKEN.", words)
        cure = "Check GIGACHAT_CREDENTIALS in the proxy's settings."
        return NotAuthenticated(f"GigaChat rejects the proxy's own key ({words}). {cure}", code=CREDENTIALS_CODE)
    if status == 402:
        return QuotaExceeded(
            f"GigaChat: {words}. The tokens paid for this model are used up (insufficient quota); "
            "top up in Sber Studio or use another model."
        )
    if status == 403:
        return PermissionDenied(f"GigaChat: {words}. This account has no access to the model or function.")
    if status == 404:
        code = "model_not_found" if "model" in words.lower() else "not_found"
        return NotFound(f"GigaChat: {words}.", code=code, param="model" if code == "model_not_found" else None)
    if status == 429:
        return RateLimited(
            f"Rate limit reached (GigaChat: {words}). A personal account may have one request at a time.",
            retry_after=retry_after,
        )
    if status in (408, 504):
        return UpstreamTimeout(f"GigaChat timed out with {status}: {words}.")
    if status == 503:
        return UpstreamUnavailable(f"GigaChat answered 503: {words}.")
    if 400 <= status < 500:
        # EventException is a failure inside GigaChat that passes (users' reports), whatever the status says.
        return BadRequest(
            f"GigaChat refused the request: {words}.", code="gigachat_refused", transient="EventException" in words
        )
    return UpstreamError(f"GigaChat answered {status}: {words}.")


def _from_unreadable(error: pydantic.ValidationError) -> ProxyError:
    """A frame inside a stream may be an error object instead of a chunk; it counts as that status."""
    found = error.errors(include_url=False, include_context=False)[0].get("input")
    if isinstance(found, dict) and isinstance(found.get("status"), int) and found["status"] >= 400:
        return from_status(found["status"], _words(found))
    return UpstreamError("GigaChat's answer does not have the documented form.")


def _from_transport(error: httpx.HTTPError) -> ProxyError:
    if _is_certificate_failure(error):
        return UpstreamUnavailable(
            "GigaChat's certificate is not trusted: name its root certificate in GIGACHAT_CA_BUNDLE_FILE.",
            code="upstream_certificate",
        )
    if isinstance(error, httpx.PoolTimeout):
        return RateLimited("All connections to GigaChat are busy; see GIGACHAT_MAX_CONNECTIONS.", retry_after=1.0)
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return UpstreamUnavailable(
            "GigaChat cannot be reached: the connection was refused, timed out or has no route.", transient=True
        )
    if isinstance(error, httpx.TimeoutException):
        return UpstreamTimeout("GigaChat timed out: it sent nothing for as long as GIGACHAT_TIMEOUT allows.")
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return UpstreamCut("GigaChat closed the connection before its answer was whole.", transient=True)
    return UpstreamError("GigaChat's answer does not follow its protocol.")


def _is_certificate_failure(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
