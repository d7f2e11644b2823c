"""Browsers on other origins: off unless GPT2GIGA_CORS_ORIGINS names them. Never with credentials."""

from __future__ import annotations

from flask import Flask, request, Response

from gpt2giga.config.settings import Settings

METHODS = "GET, POST, DELETE, OPTIONS"
DAY = "86400"


def init_app(app: Flask, settings: Settings) -> None:
    # As browsers write them: without a slash, in small letters.
    allowed = [origin.rstrip("/").lower() for origin in settings.cors_origins]

    def allow(response: Response) -> Response:
        origin = request.headers.get("Origin", "")
        if origin and (origin in allowed or "*" in allowed):
            response.headers["Access-Control-Allow-Origin"] = "*" if "*" in allowed else origin
            response.headers["Access-Control-Expose-Headers"] = "*"
            if request.method == "OPTIONS":
                wanted = request.headers.get("Access-Control-Request-Headers", "Authorization, Content-Type")
                response.headers["Access-Control-Allow-Headers"] = wanted
                response.headers["Access-Control-Allow-Methods"] = METHODS
                response.headers["Access-Control-Max-Age"] = DAY
        response.vary.add("Origin")
        return response

    if allowed:
        app.after_request(allow)
