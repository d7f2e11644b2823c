"""Whose GigaChat account answers a request: the service's own, or with GPT2GIGA_PASS_TOKEN the client's."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace

from gpt2giga.auth import client_key
from gpt2giga.errors import NotAuthenticated
from gpt2giga.settings import authorization_key
from gpt2giga.settings import Settings
from gpt2giga.upstream.client import Upstream

# Accounts in use at a time; the one not asked for longest makes room.
MOST = 100
SCOPES = ("GIGACHAT_API_PERS", "GIGACHAT_API_B2B", "GIGACHAT_API_CORP")
FORMS = "giga-cred-<key>[:scope], giga-auth-<token> or giga-user-<user>:<password>"


class Accounts:
    """Called by a view, gives the Upstream for the current request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._own = None if settings.pass_token else Upstream(settings)
        self._theirs: OrderedDict[str, Upstream] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self) -> Upstream:
        """Raises NotAuthenticated. The service's own account never stands in for a client's."""
        return self._own or self._of(client_key())

    def _of(self, key: str) -> Upstream:
        with self._lock:
            if key not in self._theirs:
                self._theirs[key] = Upstream(account_settings(self._settings, key))
            self._theirs.move_to_end(key)
            while len(self._theirs) > MOST:
                self._theirs.popitem(last=False)
            return self._theirs[key]


def account_settings(settings: Settings, key: str) -> Settings:
    """The settings with the account that a client's key holds, and with nothing of the service's own."""
    bare = replace(settings, credentials=None, access_token=None, user=None, password=None)
    kind, value = key[:10], key[10:]
    if kind == "giga-cred-" and value:
        return _with_credentials(bare, value)
    if kind == "giga-auth-" and value:
        return replace(bare, access_token=value)
    user, colon, password = value.partition(":")
    if kind == "giga-user-" and user and colon and password:
        return replace(bare, user=user, password=password)
    raise NotAuthenticated(f"This service wants your own GigaChat account as the API key: {FORMS}.")


def _with_credentials(bare: Settings, value: str) -> Settings:
    credentials, _, scope = value.rpartition(":")
    if scope not in SCOPES:
        credentials, scope = value, bare.scope
    try:
        return replace(bare, credentials=authorization_key(credentials), scope=scope)
    except ValueError as error:
        raise NotAuthenticated(f"The key after giga-cred- is not {error}.") from None
