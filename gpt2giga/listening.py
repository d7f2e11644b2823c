"""The address the service listens on: can it be had, and what to say once it is."""

from __future__ import annotations

import socket

from gpt2giga import __version__
from gpt2giga.settings import Settings


def why_unavailable(settings: Settings) -> str:
    """Empty when the address can be bound. Asked first, since gunicorn would retry and print a traceback."""
    if settings.host.startswith("unix:"):
        return ""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return str(error.strerror or error)
    return ""


def banner(settings: Settings) -> str:
    """One line; for the sandbox also one to paste, and each says that it is the sandbox."""
    if settings.host.startswith("unix:"):
        return f"gpt2giga {__version__} listens on {settings.address}, backend: {settings.backend}"
    line = f"gpt2giga {__version__} listens on http://{settings.address}, backend: {settings.backend}"
    if not settings.sandbox:
        return line
    question = '{"messages": [{"role": "user", "content": "Привет!"}]}'
    return (
        f"{line}\n"
        f"Base URL of the sandbox: http://{settings.address}/v1\n"
        f"Try the sandbox:  curl http://{settings.address}/v1/chat/completions -d '{question}'"
    )
