"""The way of one request through the accounts of a pool."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping

from gpt2giga.errors import NotFound, PermissionDenied, ProxyError, QuotaExceeded, RateLimited, Unavailable
from gpt2giga.language import _, N_
from gpt2giga.upstream.accounts.slots import Slots
from gpt2giga.upstream.client import Upstream
from gpt2giga.upstream.pool.set_aside import SetAside

NO_ACCOUNT = N_("This service has no GigaChat account: `gpt2giga accounts add NAME` gives it one.")

# Of several refusals; whatever else there is comes after them.
TOLD_FIRST = (RateLimited, QuotaExceeded, NotFound, PermissionDenied)


class Way:
    """Each account is tried once. Those that are set aside come after all others, and only one of them: that whose
    time ends first, so that nothing is refused needlessly, and what nobody has is not asked of everybody.

    accounts: those that there are now. session: requests with the same one go to the same account while they can, in
    every process, for GigaChat's prompt cache goes by it. home: the account whose files the request names.
    """

    def __init__(
        self,
        accounts: Callable[[], Mapping[str, Upstream]],
        aside: SetAside,
        model: str,
        *,
        session: str = "",
        home: str = "",
    ) -> None:
        self._accounts, self._aside, self.model = accounts, aside, model
        self._session, self._home = session or str(random.random()), home
        self._tried: set[str] = set()
        self._has_tried_one_aside = False
        self._last: ProxyError | None = None
        self._is_over = False
        self._owners: dict[Slots, Upstream] = {}

    def accounts(self) -> list[Upstream]:
        """The best first; never none. When all were tried, raises the error that tells the client most."""
        left = [account for account in self._accounts().values() if account.name not in self._tried]
        fresh = [account for account in left if not self._aside.until(account.name, self.model)]
        if not fresh and left and not self._has_tried_one_aside:
            fresh = [min(left, key=self._time_aside)]
        if not fresh and self._last:
            self._is_over = True
            last, self._last = self._last, None
            try:
                raise last
            finally:
                del last  # its traceback holds this frame: a cycle would keep all of the request in memory
        if not left:
            raise Unavailable(_(NO_ACCOUNT))
        return sorted(fresh or left, key=self._distance)

    def lines(self) -> list[Slots]:
        accounts = self.accounts()
        self._owners = {account.slots: account for account in accounts}
        return [account.slots for account in accounts]

    def owner(self, slots: Slots) -> Upstream:
        """Of one of the lines that were asked for last."""
        return self._owners[slots]

    def went_well(self, account: Upstream) -> None:
        if self._aside.until(account.name, self.model):
            self._aside.end(account.name, self.model)

    def failed(self, account: Upstream, error: ProxyError) -> None:
        """Raises the error where there is no other account to go on with."""
        try:
            if self._is_over:  # there was none any more when it stood in line
                raise error
            self._has_tried_one_aside |= bool(self._aside.until(account.name, self.model))
            self._tried.add(account.name)
            if not self._aside.note(account.name, self.model, error):
                raise error
            if self._last is None or _weight(error) <= _weight(self._last):
                self._last = error.with_traceback(None)
            self.accounts()
        finally:
            del error  # as above

    def _time_aside(self, account: Upstream) -> tuple[bool, float]:
        """A rejected key after all others: what it says is of no use to the client."""
        return self._aside.is_rejected(account.name), self._aside.until(account.name, self.model)

    def _distance(self, account: Upstream) -> tuple[bool, bytes]:
        digest = hashlib.blake2b(f"{self._session}\0{account.name}".encode(errors="replace"), digest_size=8).digest()
        return account.name != self._home, digest


def _weight(error: ProxyError) -> int:
    """Of several refusals the one with the least is told: tokens that are busy are tokens all the same, so another
    model has no call to answer; and a rejected key hides neither that nor what is used up."""
    return next((place for place, kind in enumerate(TOLD_FIRST) if isinstance(error, kind)), len(TOLD_FIRST))
