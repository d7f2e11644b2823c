from __future__ import annotations

import pytest

from gpt2giga import errors
from gpt2giga.dialects.gemini.errors import to_error

TABLE = [
    (errors.BadRequest, 400, "INVALID_ARGUMENT"),
    (errors.ContextTooLong, 400, "INVALID_ARGUMENT"),
    (errors.NotAuthenticated, 401, "UNAUTHENTICATED"),
    (errors.QuotaExceeded, 402, "FAILED_PRECONDITION"),
    (errors.PermissionDenied, 403, "PERMISSION_DENIED"),
    (errors.NotFound, 404, "NOT_FOUND"),
    (errors.MethodNotAllowed, 405, "UNIMPLEMENTED"),
    (errors.BodyTimeout, 408, "DEADLINE_EXCEEDED"),
    (errors.BodyTooLarge, 413, "INVALID_ARGUMENT"),
    (errors.RateLimited, 429, "RESOURCE_EXHAUSTED"),
    (errors.InternalError, 500, "INTERNAL"),
    (errors.NotSetUp, 501, "UNIMPLEMENTED"),
    (errors.UpstreamError, 502, "UNAVAILABLE"),
    (errors.UpstreamUnavailable, 503, "UNAVAILABLE"),
    (errors.UpstreamTimeout, 504, "DEADLINE_EXCEEDED"),
]


@pytest.mark.parametrize("kind, code, status", TABLE, ids=lambda value: getattr(value, "__name__", str(value)))
def test_codes_and_statuses(kind: type[errors.ProxyError], code: int, status: str) -> None:
    told = to_error(kind("why not"))["error"]
    [info] = told.pop("details")
    assert told == {"code": code, "message": "why not", "status": status}
    assert info["reason"] and info["reason"] == info["reason"].upper()


def test_the_field_and_the_time_to_wait_are_told() -> None:
    """Gemini CLI waits for as long as RetryInfo says."""
    error = errors.RateLimited("why not", param="messages", retry_after=1.2)
    _, field, wait = to_error(error)["error"]["details"]
    assert field["fieldViolations"] == [{"field": "contents", "description": "why not"}]
    assert wait == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}


def test_googles_sdks_know_an_error_in_a_stream_by_its_first_name() -> None:
    assert [*to_error(errors.UpstreamCut("a"))] == ["error"]
