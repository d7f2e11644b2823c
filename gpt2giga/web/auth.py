"""Who may come in: the keys of the keyring, or with GPT2GIGA_PASS_TOKEN whoever brings a GigaChat account. Without
either see origins.py; where others can reach the service nobody."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Request

from gpt2giga.config.account import AccountSettings
from gpt2giga.config.settings import KEY_IS_MISSING
from gpt2giga.errors import NotAuthenticated, PermissionDenied
from gpt2giga.upstream.accounts.client_account import account_settings
from gpt2giga.web.exchange import Exchange
from gpt2giga.web.keyring import Keyring
from gpt2giga.web.signs import GOOGLES_PATHS, WRITTEN_PATH

PROBE = "health.alive"
OPEN_ENDPOINTS = (PROBE, "ui.asset", "openapi.document")
ROOT = "health.root"
NO_ACCOUNT_IS_KEPT = (
    "This service works with the GigaChat account that each client brings (GPT2GIGA_PASS_TOKEN) and keeps none, so it "
    "cannot work on when the client has gone."
)
# Anthropic's and Gemini's.
KEY_HEADERS = ("X-Api-Key", "X-Goog-Api-Key")
# Clients that ask for a whole header get the key alone, and those that ask for the key get "Bearer KEY".
BEARER = re.compile("(bearer( +|$))+", re.IGNORECASE)


def key_checker(keyring: Keyring) -> Callable[[Exchange], None]:
    def check(exchange: Exchange) -> None:
        if exchange.asker:
            keyring.admit_again(exchange, exchange.asker)
            return
        exchange.key = _shown_key(exchange.request)
        if not needs_no_key(exchange.request):
            keyring.admit(exchange)

    return check


def account_checker(account: AccountSettings) -> Callable[[Exchange], None]:
    def check(exchange: Exchange) -> None:
        if exchange.asker:
            raise NotAuthenticated(NO_ACCOUNT_IS_KEPT)
        exchange.key = _shown_key(exchange.request)
        if not needs_no_key(exchange.request):
            account_settings(account, exchange.key)

    return check


def refuse_all(exchange: Exchange) -> None:
    """But probes: whoever starts the service is not to take it for broken."""
    if not (exchange.request.endpoint or "").endswith(PROBE):
        raise PermissionDenied(KEY_IS_MISSING, code="no_key_configured")


def needs_no_key(request: Request) -> bool:
    """A preflight carries none by its nature."""
    return request.method == "OPTIONS" or is_open(request)


def is_open(request: Request) -> bool:
    """What everybody may see: the probe, the page with its files, and the API's description."""
    endpoint = request.endpoint or ""
    return endpoint.endswith(OPEN_ENDPOINTS) or (endpoint == ROOT and wants_html(request))


def wants_html(request: Request) -> bool:
    """Named, as browsers do: curl and most clients accept anything."""
    return any(kind == "text/html" and quality > 0 for kind, quality in request.accept_mimetypes)


def _shown_key(request: Request) -> str:
    """The key the client shows, empty when it shows none."""
    given = request.headers.get("Authorization", "").strip(" ")
    scheme = BEARER.match(given)
    shown = given[scheme.end() :] if scheme else "" if " " in given else given
    for header in KEY_HEADERS:
        shown = shown or request.headers.get(header, "").strip(" ")
    if not shown and GOOGLES_PATHS.match(request.environ.get(WRITTEN_PATH, "")):
        return request.args.get("key", "")
    # WSGI hands headers over as Latin-1; what clients mean is UTF-8.
    return shown.encode("latin-1").decode(errors="replace")
