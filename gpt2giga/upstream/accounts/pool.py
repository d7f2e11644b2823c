"""Whose GigaChat account answers a request: the service's own, or with GPT2GIGA_PASS_TOKEN the client's."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import cast

from gpt2giga.config.settings import AccountSettings, Settings
from gpt2giga.upstream.accounts.client_account import account_settings
from gpt2giga.upstream.client import Upstream
from gpt2giga.upstream.fact_book import fact_book
from gpt2giga.upstream.fallback import Fallback
from gpt2giga.upstream.listener import Listener
from gpt2giga.upstream.packages import Packages

# Accounts in use at a time; the one not asked for longest makes room, those that GigaChat does not know first, for
# keys are easily made up. What it still has in work goes on.
MOST = 100
ONLY = "1"  # name of the account where there is one


class Accounts:
    """own: the service's, None where each client brings one. are_several: so that it is worth saying whose answered."""

    are_several = False

    def __init__(self, settings: Settings, listener: Listener | None = None) -> None:
        self._settings, self._listener = settings, listener
        self.book = fact_book(settings)
        self._own = None if settings.server.pass_token else self._upstream(settings.account)
        self._fallback = self._fallback_of(self._own) if self._own else None
        self.own = _fronted(self._own, self._fallback) if self._own else None
        self._theirs: OrderedDict[str, Upstream] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Connections that are kept for the next request."""
        for upstream in (self.own, *self._theirs.values()):
            if upstream:
                upstream.close()

    def packages(self) -> list[tuple[str, Packages]]:
        """Of each account of the service's, by its name."""
        return [(ONLY, self._own.packages)] if self._own else []

    def note_growth(self, account: str) -> None:
        """Somebody has bought more tokens for it."""
        if self._fallback:
            self._fallback.forget()

    def _upstream(self, account: AccountSettings) -> Upstream:
        settings, translation = self._settings, self._settings.translation
        if translation.fallback:  # which names models that clients need not be able to name
            translation = replace(translation, pass_model=True)
        return Upstream(account, settings.limits, translation, settings.server, self.book, self._listener)

    def _fallback_of(self, upstream: Upstream) -> Fallback | None:
        translation = self._settings.translation
        return Fallback(upstream, translation, self._settings.account.model) if translation.fallback else None

    def of(self, key: str) -> Upstream:
        """The client's whose key it is; the service's own account never stands in for it. Raises NotAuthenticated."""
        with self._lock:
            if key not in self._theirs:
                upstream = self._upstream(account_settings(self._settings.account, key))
                self._theirs[key] = _fronted(upstream, self._fallback_of(upstream))
            self._theirs.move_to_end(key)
            found = self._theirs[key]
            if len(self._theirs) > MOST:
                del self._theirs[self._least()]
            return found

    def _least(self) -> str:
        """The one that was asked for last stays, known or not."""
        others = [*self._theirs][:-1]
        return next((key for key in others if not self._theirs[key].is_known), others[0])


def _fronted(upstream: Upstream, fallback: Fallback | None) -> Upstream:
    """What is asked: the fallback has the same public methods."""
    return cast(Upstream, fallback) if fallback else upstream
