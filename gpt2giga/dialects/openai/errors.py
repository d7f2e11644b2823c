"""ProxyError -> OpenAI's error object."""

from __future__ import annotations

from typing import Any

from gpt2giga.errors import KeyUsedUp, ProxyError, RateLimited

# `gpt2giga connect openclaw` has it sent.
OPENCLAW_HEADER = "X-Gpt2giga-Client"


def to_error(error: ProxyError) -> dict[str, Any]:
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}


def to_openclaw_error(error: ProxyError) -> dict[str, Any]:
    """At the code insufficient_quota OpenClaw tells people to top up, whatever the text says, and shuts the provider
    off for hours, also when the limit has ended. Of another 429 that ends in hours it shows the text, and asks once."""
    told = to_error(error)
    if isinstance(error, KeyUsedUp):
        told["error"]["code"] = RateLimited.code
    return told
