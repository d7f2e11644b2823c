"""Who may come in: GPT2GIGA_API_KEY, and whose GigaChat account answers."""

from __future__ import annotations

import hmac

from flask import Flask
from flask import request

from gpt2giga.errors import NotAuthenticated
from gpt2giga.settings import Settings

OPEN_ENDPOINTS = ("health.alive",)


def init_app(app: Flask, settings: Settings) -> None:
    """Without keys nothing is checked: clients send dummies when they are made to send something."""
    keys = tuple(key.encode() for key in settings.api_key)

    def check_key() -> None:
        # A preflight carries no key by its nature, and unknown paths tell nothing.
        if request.method == "OPTIONS" or (request.endpoint or "").endswith(OPEN_ENDPOINTS):
            return
        shown = client_key().encode()
        # Each in constant time, so that the time taken says nothing about a key.
        if not any(hmac.compare_digest(shown, key) for key in keys):
            raise NotAuthenticated(
                "Incorrect API key provided. This service wants the key that its GPT2GIGA_API_KEY holds."
                if shown
                else "No API key provided. Send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'."
            )

    if keys:
        app.before_request(check_key)


def client_key() -> str:
    """The key the client shows, empty when it shows none."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else request.headers.get("X-Api-Key", "").strip()
