"""ProxyError -> Google's error object (https://cloud.google.com/apis/design/errors)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from gpt2giga.errors import ProxyError

# All others are INVALID_ARGUMENT below 500, and INTERNAL from there on.
STATUSES = {
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
# What the upstream calls by OpenAI's names.
FIELDS = {"messages": "contents", "input": "content", "dimensions": "outputDimensionality"}
KIND = "type.googleapis.com/google.rpc."
DOMAIN = "gpt2giga"


def to_error(error: ProxyError) -> dict[str, Any]:
    status = STATUSES.get(error.status) or ("INVALID_ARGUMENT" if error.status < 500 else "INTERNAL")
    told = {"code": error.status, "message": error.message, "status": status}
    return {"error": {**told, "details": [*_details(error)]}}


def _details(error: ProxyError) -> Iterator[dict[str, Any]]:
    """Google's clients read the reason, the field and how long to wait."""
    reason = (error.code or error.type).upper()
    yield {"@type": f"{KIND}ErrorInfo", "reason": reason, "domain": DOMAIN}
    if error.param:
        field = FIELDS.get(error.param, error.param)
        yield {"@type": f"{KIND}BadRequest", "fieldViolations": [{"field": field, "description": error.message}]}
    if error.retry_after is not None:
        yield {"@type": f"{KIND}RetryInfo", "retryDelay": f"{math.ceil(error.retry_after)}s"}
