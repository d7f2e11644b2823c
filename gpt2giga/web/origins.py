"""Whose web pages may call. Only browsers send Origin and Sec-Fetch-Site, and no page can forge either: curl and SDKs
notice nothing of this."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

from flask import Request

from gpt2giga.config.settings import ServerSettings
from gpt2giga.errors import PermissionDenied
from gpt2giga.web.auth import is_open
from gpt2giga.web.exchange import Exchange

# Nothing that can be called with these changes anything, and a foreign page cannot read what they bring.
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Pages and apps of this machine, as Ollama has them: Obsidian, Tauri, VS Code, extensions. Tauri on Windows calls
# itself http://tauri.localhost. Not "null": every page can put itself into a frame that has it.
OF_THIS_MACHINE = (
    r"https?://(([\w-]+\.)*localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?",
    r"(app|file|tauri|vscode-webview|vscode-file|chrome-extension|moz-extension)://.*",
)
# What no stranger's DNS answers for: addresses, names of the local network, and domains that are reserved for it.
LOCAL_HOSTS = (r"\[.*\]", r"[^.]*", r"(.*\.)?([0-9]+|local|localhost|internal)")


def allowed_origins(named: tuple[str, ...]) -> Callable[[str], bool]:
    """`named` (GPT2GIGA_CORS_ORIGINS) in any letter case, with or without slashes at the end."""
    patterns = [".*" if origin == "*" else _pattern(origin.rstrip("/")) for origin in named]
    whole = re.compile(f"({'|'.join([*OF_THIS_MACHINE, *patterns])})/*", re.IGNORECASE)
    return lambda origin: whole.fullmatch(origin) is not None


def guard(server: ServerSettings, is_allowed: Callable[[str], bool]) -> Callable[[Exchange], None]:
    """For a service that asks for no key: any page that a browser on this machine shows can reach it."""
    own = map(_pattern, (*map(_name, server.allowed_hosts), socket.gethostname(), server.host))
    known = re.compile("|".join([*LOCAL_HOSTS, *own]), re.IGNORECASE)

    def check(exchange: Exchange) -> None:
        request = exchange.request
        origin, hosts = request.headers.get("Origin", ""), _hosts(request)
        # DNS rebinding: a page whose own name has come to mean this service's address may read all answers.
        strange = next((host for host in hosts if not known.fullmatch(_name(host))), "")
        if strange and not is_open(request):
            raise PermissionDenied(
                f"This service does not go by the name {strange}: add it to GPT2GIGA_ALLOWED_HOSTS, "
                "or set GPT2GIGA_API_KEY.",
                code="host_not_allowed",
            )
        # Browsers send some requests without asking first: forms, and bodies that say they are text.
        if request.method not in SAFE_METHODS and not is_allowed(origin) and _is_foreign(request, origin, hosts):
            raise PermissionDenied(
                f"Web pages of {origin or 'other sites'} may not call this service: GPT2GIGA_CORS_ORIGINS names "
                "the origins that may.",
                code="origin_not_allowed",
            )

    return check


def _is_foreign(request: Request, origin: str, hosts: list[str]) -> bool:
    site = request.headers.get("Sec-Fetch-Site", "")
    if site == "same-origin":  # true also where a proxy tells us a Host of its own
        return False
    return site == "cross-site" or bool(origin) and origin.lower().partition("://")[2] not in hosts


def _hosts(request: Request) -> list[str]:
    """All that the service was called by, the name that a proxy was called by included. No browser leaves it out."""
    told = (request.headers.get(header, "").lower() for header in ("Host", "X-Forwarded-Host"))
    return [host for header in told for word in header.split(",") if (host := word.strip())]


def _name(host: str) -> str:
    """Without the port, and the dot that ends a name in full."""
    return re.sub(r":[0-9]*$", "", host).rstrip(".")


def _pattern(text: str) -> str:
    """A * stands for anything, but at the end of a name for digits: http://192.168.1.evil.example is not meant by
    http://192.168.1.*"""
    return re.sub(r"(?<=[.:])\\\*(?=:|$)", "[0-9]*", re.escape(text)).replace(r"\*", "[^/]*")
