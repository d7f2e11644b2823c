"""What can go wrong at SaluteSpeech -> a ProxyError that says what happened and what to do (SaluteSpeech 4.1, 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from gpt2giga.errors import (
    BadRequest,
    NotAuthenticated,
    ProxyError,
    QuotaExceeded,
    RateLimited,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gpt2giga.upstream.transport.access_token import TokenFailure
from gpt2giga.upstream.transport.failures import FAILURES, from_transport, retry_after, words_of
from gpt2giga.upstream.transport.http import StatusError

NAME = "SaluteSpeech"
CURE = "Check SALUTESPEECH_CREDENTIALS and SALUTESPEECH_SCOPE (SALUTE_SPEECH_PERS, _B2B or _CORP)."


@contextmanager
def explaining() -> Iterator[None]:
    """Raises a ProxyError for any failure inside."""
    try:
        yield
    except FAILURES as error:
        raise to_proxy_error(error) from error


def to_proxy_error(error: Exception) -> ProxyError:
    cause = error.__cause__ if isinstance(error, TokenFailure) else error
    if isinstance(cause, StatusError):
        found = from_status(cause, for_token=cause is not error)
        found.upstream_status = cause.status_code
        return found
    if isinstance(cause, httpx.HTTPError):
        return from_transport(cause, NAME)
    return UpstreamError(f"{NAME}'s answer does not have the documented form.")


def from_status(error: StatusError, *, for_token: bool) -> ProxyError:
    status, words, wait = error.status_code, words_of(error), retry_after(error.headers)
    if status == 401 or (for_token and status in (400, 403)):
        return NotAuthenticated(
            f"{NAME} rejects the service's own key ({words}). {CURE}", code="salutespeech_credentials_rejected"
        )
    if status == 402:
        return QuotaExceeded(f"{NAME}: {words}. What was paid for is used up (insufficient quota).")
    if status == 413:
        return BadRequest(f"{NAME}: {words}. The recording or the text is too large.", code="salutespeech_refused")
    if status == 429:
        return RateLimited(f"Rate limit reached ({NAME}: {words}).", retry_after=wait)
    if status in (408, 504):
        return UpstreamTimeout(f"{NAME} timed out with {status}: {words}.")
    if status == 503:
        return UpstreamUnavailable(f"{NAME} answered 503: {words}.", retry_after=wait)
    if 400 <= status < 500:
        return BadRequest(f"{NAME} refused the request: {words}.", code="salutespeech_refused")
    return UpstreamError(f"{NAME} answered {status}: {words}.")
