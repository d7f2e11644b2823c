from __future__ import annotations

import pytest

from gpt2giga import errors
from gpt2giga.dialects.anthropic.errors import to_error, to_status

TABLE = [
    (errors.BadRequest, 400, "invalid_request_error"),
    (errors.ContextTooLong, 400, "invalid_request_error"),
    (errors.NotAuthenticated, 401, "authentication_error"),
    (errors.QuotaExceeded, 402, "billing_error"),
    (errors.PermissionDenied, 403, "permission_error"),
    (errors.NotFound, 404, "not_found_error"),
    (errors.MethodNotAllowed, 405, "invalid_request_error"),
    (errors.BodyTooLarge, 413, "request_too_large"),
    (errors.RateLimited, 429, "rate_limit_error"),
    (errors.InternalError, 500, "api_error"),
    (errors.UpstreamError, 500, "api_error"),
    (errors.UpstreamCut, 500, "api_error"),
    (errors.UpstreamUnavailable, 529, "overloaded_error"),
    (errors.UpstreamTimeout, 504, "timeout_error"),
]


@pytest.mark.parametrize("kind, status, wire_type", TABLE, ids=lambda value: getattr(value, "__name__", str(value)))
def test_statuses_and_types(kind: type[errors.ProxyError], status: int, wire_type: str) -> None:
    error = kind("why not")
    assert to_status(error) == status
    body = to_error(error, "r1")
    assert body["error"].pop("message").endswith("why not")
    assert body == {"type": "error", "error": {"type": wire_type}, "request_id": "r1"}


def test_claude_code_understands_that_the_prompt_is_too_long() -> None:
    assert to_error(errors.ContextTooLong("a"), "r1")["error"]["message"] == "prompt is too long: a"
