"""The accounts of the service: those of the settings, and those of the store, which come and go while it works."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TypeAlias

from gpt2giga.config.account import AccountSettings
from gpt2giga.config.parsers import AccountKey
from gpt2giga.config.settings import Settings
from gpt2giga.upstream.client import Upstream
from gpt2giga.upstream.fact_book import FactBook
from gpt2giga.upstream.fallback import Fallback, settings_behind, with_fallback
from gpt2giga.upstream.files.attachments import same_id
from gpt2giga.upstream.gigachat import GigaChat
from gpt2giga.upstream.listener import Listener
from gpt2giga.upstream.packages import Packages
from gpt2giga.upstream.pool.pool import Pool

log = logging.getLogger(__name__)

# Seconds between two looks into the store.
LOOK_SECONDS = 2.0
# The accounts of the store; None while it cannot be asked.
Stored: TypeAlias = Callable[[], tuple[AccountKey, ...] | None]


class OwnAccounts:
    """stored: None where nothing but the settings tells of accounts. chosen: as `current`, for whoever asks once.
    are_several: so that it is worth saying whose answered."""

    def __init__(self, settings: Settings, book: FactBook, listener: Listener, stored: Stored | None) -> None:
        """Raises SettingsError."""
        self._settings, self._book, self._listener, self._stored = settings, book, listener, stored
        self._accounts: dict[str, AccountSettings] = {}
        self._upstreams: dict[str, Upstream] = {}
        self._pool: Pool | None = None
        self._starting = threading.Lock()
        self._is_watched = self.is_closed = False
        self.chosen = self._choose(settings.accounts)

    @cached_property
    def current(self) -> GigaChat:
        """Who answers the next request: an account, or a pool of several. From the first request on the store is
        looked into, and not before: this may have been made in a process that is forked then."""
        with self._starting:
            if self._stored and not self._is_watched:
                if not self._accounts:
                    self.refresh()
                threading.Thread(target=_watch, args=(weakref.ref(self),), daemon=True, name="accounts").start()
                self._is_watched = True
        return self.chosen

    def refresh(self) -> None:
        """As the store says. Raises nothing: what is known stays."""
        found = self._stored() if self._stored else None
        if found is None:
            return
        wanted = dict(self._settings.accounts)
        keys = {account.credentials for account in wanted.values()}
        for key in found:
            if key.key not in keys:  # twice would be two accounts to count, and one to be refused by
                keys.add(key.key)
                wanted[key.name] = self._settings.account.of_key(key)
        if wanted != self._accounts:
            self._tell(wanted)
            self.chosen = self._choose(wanted)
        if "current" in vars(self):
            self.current = self.chosen

    @property
    def most_slots(self) -> int:
        """Requests at GigaChat at a time, of all accounts together; 0: no limit."""
        numbers = [upstream.most_slots for upstream in self._upstreams.values()]
        return sum(numbers) if all(numbers) else 0

    def packages(self) -> list[tuple[str, Packages]]:
        """Of each account, by its name."""
        return [(name, upstream.packages) for name, upstream in self._upstreams.items()]

    def note_growth(self, account: str) -> None:
        """Somebody has bought more tokens for it."""
        if self._pool:
            self._pool.aside.forget(account)
        if isinstance(self.chosen, Fallback):
            self.chosen.forget()

    def close(self) -> None:
        self.is_closed = True
        for upstream in self._upstreams.values():
            upstream.close()

    def _choose(self, accounts: Mapping[str, AccountSettings]) -> GigaChat:
        """The same account stays the same object, with its token, its connections and its line."""
        kept = {name: self._upstreams[name] for name in accounts if accounts[name] == self._accounts.get(name)}
        upstreams = {name: kept.get(name) or self._upstream(name, account) for name, account in accounts.items()}
        left = [upstream for name, upstream in self._upstreams.items() if upstream is not upstreams.get(name)]
        self._accounts, self._upstreams = dict(accounts), upstreams
        self.are_several = len(upstreams) > 1
        for upstream in left:
            upstream.close_idle()
        if self._pool or len(upstreams) != 1:
            self._pool = self._pool or Pool(settings_behind(self._settings), self._book, self._listener)
            self._pool.set_accounts(upstreams)
        if self._pool and len(upstreams) != 1:
            return with_fallback(self._pool, self._settings)
        [only] = upstreams.values()
        only.attachments.id_here = same_id
        return with_fallback(only, self._settings)

    def _upstream(self, name: str, account: AccountSettings) -> Upstream:
        settings = settings_behind(self._settings)
        return Upstream(
            account, settings.limits, settings.translation, settings.server, self._book, self._listener, name
        )

    def _tell(self, wanted: Mapping[str, AccountSettings]) -> None:
        former = self._accounts
        for word, names in (
            ("added", [name for name in wanted if name not in former]),
            ("removed", [name for name in former if name not in wanted]),
            ("changed", [name for name in wanted if name in former and wanted[name] != former[name]]),
        ):
            if names:
                log.info("Accounts %s: %s", word, ", ".join(names))


def _watch(reference: weakref.ref[OwnAccounts]) -> None:
    """As long as somebody needs them."""
    while (accounts := reference()) and not accounts.is_closed:
        accounts.refresh()
        del accounts
        time.sleep(LOOK_SECONDS)
