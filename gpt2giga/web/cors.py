"""Browsers on other origins: off unless GPT2GIGA_CORS_ORIGINS names them. Never with credentials."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response

from gpt2giga.web.exchange import Exchange

METHODS = "GET, POST, DELETE, OPTIONS"
DAY = "86400"


def allowing(origins: tuple[str, ...]) -> Callable[[Exchange, Response], None]:
    # As browsers write them: without a slash, in small letters.
    allowed = [origin.rstrip("/").lower() for origin in origins]

    def allow(exchange: Exchange, response: Response) -> None:
        origin = exchange.request.headers.get("Origin", "")
        if origin and (origin in allowed or "*" in allowed):
            response.headers["Access-Control-Allow-Origin"] = "*" if "*" in allowed else origin
            response.headers["Access-Control-Expose-Headers"] = "*"
            if exchange.request.method == "OPTIONS":
                wanted = exchange.request.headers.get("Access-Control-Request-Headers", "Authorization, Content-Type")
                response.headers["Access-Control-Allow-Headers"] = wanted
                response.headers["Access-Control-Allow-Methods"] = METHODS
                response.headers["Access-Control-Max-Age"] = DAY
        response.vary.add("Origin")

    return allow
