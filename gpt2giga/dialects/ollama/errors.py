"""ProxyError -> Ollama's error object."""

from __future__ import annotations

from gpt2giga.errors import ProxyError


def to_error(error: ProxyError) -> dict[str, str]:
    """The whole answer, and the last line of a stream that broke."""
    return {"error": error.message}
