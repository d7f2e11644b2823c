"""Who may come in: the keys of GPT2GIGA_API_KEY, or with GPT2GIGA_PASS_TOKEN whoever brings a GigaChat account."""

from __future__ import annotations

import hmac
from dataclasses import replace

from flask import Flask, request

from gpt2giga.config.parsers import authorization_key
from gpt2giga.config.settings import SCOPES, Settings
from gpt2giga.errors import NotAuthenticated

OPEN_ENDPOINTS = ("health.alive", "ui.asset")
FORMS = "giga-cred-<key>[:scope], giga-auth-<token> or giga-user-<user>:<password>"


def init_app(app: Flask, settings: Settings) -> None:
    """Without a setting nothing is checked: clients send dummies when they are made to send something."""

    def check() -> None:
        # A preflight carries no key by its nature.
        if request.method == "OPTIONS" or (request.endpoint or "").endswith(OPEN_ENDPOINTS):
            return
        if settings.pass_token:
            account_settings(settings, client_key())
        else:
            _check_key(client_key(), settings.api_key)

    if settings.api_key or settings.pass_token:
        app.before_request(check)


def client_key() -> str:
    """The key the client shows, empty when it shows none."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    shown = key.strip(" ") if scheme.lower() == "bearer" else ""
    shown = shown or request.headers.get("X-Api-Key", "").strip(" ")
    # WSGI hands headers over as Latin-1; what clients mean is UTF-8.
    return shown.encode("latin-1").decode(errors="replace")


def _check_key(shown: str, keys: tuple[str, ...]) -> None:
    # Each in constant time, so that the time taken says nothing about a key.
    if not any(hmac.compare_digest(shown.encode(), key.encode()) for key in keys):
        raise NotAuthenticated(
            "Incorrect API key provided. This service wants the key that its GPT2GIGA_API_KEY holds."
            if shown
            else "No API key provided. Send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'."
        )


def account_settings(settings: Settings, key: str) -> Settings:
    """The settings with the account that a client's key holds, and with nothing of the service's own.

    Empty rather than None, for which the SDK looks into the environment, where the service's own account is.
    """
    bare = replace(settings, credentials="", access_token="", user="", password="")
    kind, value = key[:10], key[10:]
    if kind == "giga-cred-" and value:
        return _with_credentials(bare, value)
    if kind == "giga-auth-" and value.isascii() and value.isprintable() and value:
        return replace(bare, access_token=value)
    user, _, password = value.partition(":")
    if kind == "giga-user-" and user and password:
        return replace(bare, user=user, password=password)
    raise NotAuthenticated(f"This service wants your own GigaChat account as the API key: {FORMS}.")


def _with_credentials(bare: Settings, value: str) -> Settings:
    key, _, scope = value.rpartition(":")
    if scope not in SCOPES:
        if _is_encoded(key):
            raise NotAuthenticated(f"The scope after the key must be one of: {', '.join(SCOPES)}.")
        key, scope = value, bare.scope
    try:
        return replace(bare, credentials=authorization_key(key), scope=scope)
    except ValueError as error:
        raise NotAuthenticated(f"The key after giga-cred- is not {error}.") from None


def _is_encoded(key: str) -> bool:
    """Unlike a client id, which may stand before a colon too."""
    try:
        return authorization_key(key) == key
    except ValueError:
        return False
