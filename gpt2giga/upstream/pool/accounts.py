"""Whose GigaChat account answers a request: the service's own, or with GPT2GIGA_PASS_TOKEN the client's."""

from __future__ import annotations

import threading
from collections import OrderedDict

from gpt2giga.config.account import AccountSettings
from gpt2giga.config.settings import Settings
from gpt2giga.upstream.accounts.client_account import account_settings
from gpt2giga.upstream.client import Upstream
from gpt2giga.upstream.fact_book import fact_book
from gpt2giga.upstream.gigachat import GigaChat
from gpt2giga.upstream.listener import Listener
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
        self._theirs: OrderedDict[str, Upstream] = OrderedDict()
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

    def _upstream(self, account: AccountSettings) -> Upstream:
        settings = self._settings
        return Upstream(account, settings.limits, settings.translation, settings.server, self.book, self._listener)

    def of(self, key: str) -> Upstream:
        """The client's whose key it is; the service's own account never stands in for it. Raises NotAuthenticated."""
        with self._lock:
            if key not in self._theirs:
                self._theirs[key] = self._upstream(account_settings(self._settings.account, key))
            self._theirs.move_to_end(key)
            found = self._theirs[key]
            if len(self._theirs) > MOST:
                del self._theirs[self._least()]
            return found

    def _least(self) -> str:
        """The one that was asked for last stays, known or not."""
        others = [*self._theirs][:-1]
        return next((key for key in others if not self._theirs[key].is_known), others[0])
