"""Browsers on other origins: those that may call are told so. Never with credentials."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response

from gpt2giga.web.exchange import Exchange

METHODS = "GET, POST, DELETE, OPTIONS"
DAY = "86400"


def telling(is_allowed: Callable[[str], bool], *, all_alike: bool) -> Callable[[Exchange, Response], None]:
    """all_alike: every origin may, and caches may give one the answer of another."""

    def tell(exchange: Exchange, response: Response) -> None:
        origin = exchange.request.headers.get("Origin", "")
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
