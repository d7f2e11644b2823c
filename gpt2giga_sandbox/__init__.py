"""A local stand-in for GigaChat, without the model: docs/gigachat-contract.md over a real socket."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    # Late, so that importing the package for its pure parts does not load Flask.
    if name == "SandboxServer":
        from gpt2giga_sandbox.server import SandboxServer

        return SandboxServer
    raise AttributeError(name)
