"""ProxyError -> Anthropic's error object and status (https://docs.claude.com/en/api/errors)."""

from __future__ import annotations

from typing import Any

from gpt2giga.errors import ContextTooLong, ProxyError

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
# Ours that Anthropic does not have; its clients repeat both.
STATUSES = {502: 500, 503: 529}
# Anthropic's SDKs read this code and go on without a thread.
NO_THREADS = "thread_unsupported_request"


def to_status(error: ProxyError) -> int:
    return STATUSES.get(error.status, error.status)


def to_error(error: ProxyError, request_id: str) -> dict[str, Any]:
    status = to_status(error)
    kind = TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")
    message = _too_long(error) if isinstance(error, ContextTooLong) else error.message
    details = {"details": {"error_code": NO_THREADS}} if error.code == NO_THREADS else {}
    return {"type": "error", "error": {"type": kind, "message": message, **details}, "request_id": request_id}


def _too_long(error: ContextTooLong) -> str:
    """Claude Code shortens the conversation by itself when it reads these words, by as much as the figures say."""
    figures = f"{error.asked} tokens > {error.window} maximum. " if error.window else ""
    return f"prompt is too long: {figures}{error.message}"
