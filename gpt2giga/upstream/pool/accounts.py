"""Whose GigaChat account answers a request: the service's own, or with GPT2GIGA_PASS_TOKEN the client's."""

from __future__ import annotations

import threading
from collections import OrderedDict

from gpt2giga.config.settings import Settings
from gpt2giga.upstream.accounts.client_account import account_settings
from gpt2giga.upstream.client import Upstream
from gpt2giga.upstream.fact_book import fact_book
from gpt2giga.upstream.fallback import settings_behind, with_fallback
from gpt2giga.upstream.gigachat import GigaChat
from gpt2giga.upstream.listener import Listener
from gpt2giga.upstream.packages import Packages
from gpt2giga.upstream.pool.own_accounts import OwnAccounts, Stored

# Accounts in use at a time; the one not asked for longest makes room, those that GigaChat does not know first, for
# keys are easily made up. What it still has in work goes on.
MOST = 100


class Accounts:
    """own_accounts: None where each client brings one."""

    def __init__(self, settings: Settings, listener: Listener | None = None, stored: Stored | None = None) -> None:
        """Raises SettingsError."""
        self._settings, self._listener = settings, listener or Listener()
        self.book = fact_book(settings)
        is_clients = settings.server.pass_token
        self.own_accounts = None if is_clients else OwnAccounts(settings, self.book, self._listener, stored)
        self._theirs: OrderedDict[str, GigaChat] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Connections that are kept for the next request."""
        for accounts in (self.own_accounts, *self._theirs.values()):
            if accounts:
                accounts.close()

    @property
    def own(self) -> GigaChat | None:
        """The service's: one account or a pool of them."""
        return self.own_accounts.current if self.own_accounts else None

    def packages(self) -> list[tuple[str, Packages]]:
        """Of each account of the service's, by its name."""
        return self.own_accounts.packages() if self.own_accounts else []

    def note_growth(self, account: str) -> None:
        """Somebody has bought more tokens for it."""
        if self.own_accounts:
            self.own_accounts.note_growth(account)

    def of(self, key: str) -> GigaChat:
        """The client's whose key it is; the service's own account never stands in for it. Raises NotAuthenticated."""
        with self._lock:
            if key not in self._theirs:
                self._theirs[key] = self._upstream(key)
            self._theirs.move_to_end(key)
            found = self._theirs[key]
            if len(self._theirs) > MOST:
                del self._theirs[self._least()]
            return found

    def _upstream(self, key: str) -> GigaChat:
        settings, account = settings_behind(self._settings), account_settings(self._settings.account, key)
        translation = settings.translation
        upstream = Upstream(account, settings.limits, translation, settings.server, self.book, self._listener)
        return with_fallback(upstream, self._settings)

    def _least(self) -> str:
        """The one that was asked for last stays, known or not."""
        others = [*self._theirs][:-1]
        return next((key for key in others if not self._theirs[key].is_known), others[0])
