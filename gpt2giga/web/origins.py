"""Whose web pages may call, and what browsers are told of it. Only browsers send Origin and Sec-Fetch-Site, and no page
can forge either: curl and SDKs notice nothing of this."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Response

from gpt2giga.config.settings import ServerSettings
from gpt2giga.errors import PermissionDenied
from gpt2giga.web.auth import is_open
from gpt2giga.web.exchange import Exchange, SAFE_METHODS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Pages and apps of this machine, as Ollama has them: Obsidian, Tauri, VS Code, extensions. Tauri on Windows calls
# itself http://tauri.localhost. Not "null": every page can put itself into a frame that has it.
OF_THIS_MACHINE = (
    r"https?://(([\w-]+\.)*localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?",
    r"(app|file|tauri|vscode-webview|vscode-file|chrome-extension|moz-extension)://.*",
)
# What no stranger's DNS answers for: addresses, names of the local network, and domains that are reserved for it.
LOCAL_HOSTS = (r"\[.*\]", r"[^.]*", r"(.*\.)?([0-9]+|local|localhost|internal)")
METHODS = "GET, POST, DELETE, OPTIONS"
DAY = "86400"


def allowed_origins(named: tuple[str, ...]) -> Callable[[str], bool]:
    """`named` (GPT2GIGA_CORS_ORIGINS) in any letter case, with or without slashes at the end."""
    patterns = [".*" if origin == "*" else _pattern(origin.rstrip("/")) for origin in named]
    whole = re.compile(f"({'|'.join([*OF_THIS_MACHINE, *patterns])})/*", re.IGNORECASE)
    return lambda origin: whole.fullmatch(origin) is not None


def cors(is_allowed: Callable[[str], bool], *, all_alike: bool) -> Callable[[Exchange, Response], None]:
    """Never with credentials. all_alike: every origin may, and caches may give one the answer of another."""

    def tell(exchange: Exchange, response: Response) -> None:
        origin = exchange.request.environ.get("HTTP_ORIGIN", "")
        if origin and is_allowed(origin):
            response.headers["Access-Control-Allow-Origin"] = "*" if all_alike else origin
            response.headers["Access-Control-Expose-Headers"] = "*"
            if exchange.request.method == "OPTIONS":
                wanted = exchange.request.headers.get("Access-Control-Request-Headers", "Authorization, Content-Type")
                response.headers["Access-Control-Allow-Headers"] = wanted
                response.headers["Access-Control-Allow-Methods"] = METHODS
                response.headers["Access-Control-Max-Age"] = DAY
        response.headers.add("Vary", "Origin")

    return tell


def guard(server: ServerSettings, is_allowed: Callable[[str], bool]) -> Callable[[Exchange], None]:
    """For a service that asks for no key: any page that a browser on this machine shows can reach it."""
    named = [re.sub(":[0-9]*$", "", host).rstrip(".") for host in server.allowed_hosts]
    own = map(_pattern, (*named, socket.gethostname(), server.host))
    known = re.compile(rf"({'|'.join([*LOCAL_HOSTS, *own])})\.?(:[0-9]*)?", re.IGNORECASE)

    def check(exchange: Exchange) -> None:
        request = exchange.request
        hosts = _hosts(request.environ)
        # DNS rebinding: a page whose own name has come to mean this service's address may read all answers.
        strange = next((host for host in hosts if not known.fullmatch(host)), "")
        if strange and not is_open(request):
            raise PermissionDenied(
                f"This service does not go by the name {strange}: add it to GPT2GIGA_ALLOWED_HOSTS, "
                "or set GPT2GIGA_API_KEY.",
                code="host_not_allowed",
            )
        # Browsers send some requests without asking first: forms, and bodies that say they are text. What safe methods
        # bring, a foreign page cannot read.
        origin, site = (request.environ.get(name, "") for name in ("HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE"))
        if request.method in SAFE_METHODS or not (origin or site):
            return
        if not is_allowed(origin) and _is_foreign(site, origin, hosts):
            raise PermissionDenied(
                f"Web pages of {origin or 'other sites'} may not call this service: GPT2GIGA_CORS_ORIGINS names "
                "the origins that may.",
                code="origin_not_allowed",
            )

    return check


def _is_foreign(site: str, origin: str, hosts: list[str]) -> bool:
    if site == "same-origin":  # true also where a proxy tells us a Host of its own
        return False
    return site == "cross-site" or bool(origin) and origin.lower().partition("://")[2] not in hosts


def _hosts(environ: WSGIEnvironment) -> list[str]:
    """All that the service was called by, the name that a proxy was called by included. No browser leaves it out."""
    told = f"{environ.get('HTTP_HOST', '')},{environ.get('HTTP_X_FORWARDED_HOST', '')}".lower()
    return [host for word in told.split(",") if (host := word.strip())]


def _pattern(text: str) -> str:
    """A * stands for anything, but at the end of a name for digits: http://192.168.1.evil.example is not meant by
    http://192.168.1.*"""
    return re.sub(r"(?<=[.:])\\\*(?=:|$)", "[0-9]*", re.escape(text)).replace(r"\*", "[^/]*")
