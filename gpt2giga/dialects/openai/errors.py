"""ProxyError -> OpenAI's error object."""

from __future__ import annotations

from typing import Any

from gpt2giga.errors import ProxyError


def to_error(error: ProxyError) -> dict[str, Any]:
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}
