"""What is left of GigaChat's packages, how long that will do, and a word in the log before nothing is left."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, TypeAlias

from gpt2giga.concurrency import background
from gpt2giga.errors import ProxyError
from gpt2giga.store.database import Database, Unusable
from gpt2giga.telemetry import package_table
from gpt2giga.telemetry.usage_report import billed
from gpt2giga.upstream.contract.packages import Package, package_of
from gpt2giga.upstream.packages import Packages

log = logging.getLogger(__name__)

PACE_DAYS = 7
# Later than that nobody plans.
MOST_DAYS = 3650

# By name. Those of the service; none where clients bring their own.
Accounts: TypeAlias = Callable[[], Iterable[tuple[str, Packages]]]
OnRead: TypeAlias = Callable[[str, Sequence[package_table.Known]], Any]


@dataclass(frozen=True, slots=True)
class PackageState:
    """left, whole: tokens; whole is the most that was seen since it was bought last. used_up: the day on which it will
    be, at the pace of the last seven; None where it is not used, or not for years."""

    model: str
    left: int
    whole: int
    used_up: date | None = None

    @property
    def is_low(self) -> bool:
        return package_table.is_low(self.left, self.whole)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        used_up = self.used_up.isoformat() if self.used_up else None
        return {"model": self.model, "left": self.left, "whole": self.whole, "used_up": used_up}


@dataclass(frozen=True, slots=True)
class AccountState:
    """packages: None where the account pays as it goes. failure: why they are not known."""

    account: str
    packages: tuple[PackageState, ...] | None
    failure: str = ""

    def told(self) -> dict[str, Any]:
        """As JSON."""
        is_prepaid = self.packages is not None
        states = [state.told() for state in self.packages or ()]
        return {"account": self.account, "pays_as_it_goes": not is_prepaid, "packages": states}


class PackageWatch:
    """One a process. database: remembers how much there was, and what was warned of, for all processes and for the next
    start. on_read: gets the name of an account and its packages. on_growth: gets the name of one that has more than
    before."""

    def __init__(
        self,
        accounts: Accounts,
        database: Database | None = None,
        *,
        on_read: OnRead | None = None,
        on_growth: Callable[[str], Any] | None = None,
    ) -> None:
        self._accounts, self._database = accounts, database
        self._on_read, self._on_growth = on_read, on_growth
        # By the account's digest.
        self._found: dict[str, list[package_table.Known] | None] = {}
        self._reading = threading.Lock()

    def look(self) -> bool:
        """Has GigaChat asked where that is due, beside all requests. Returns whether it is being asked."""
        if not self._reading.locked():
            if not any(packages.are_due for _, packages in self._accounts()):
                return False
            with suppress(RuntimeError):  # no thread to be had; the next one tries again
                background.start(self.read)
        return True

    def read(self) -> None:
        """Asks GigaChat where that is due, and waits for it. Never raises."""
        if not self._reading.acquire(blocking=False):
            return
        try:
            for name, packages in self._accounts():
                if packages.are_due:
                    self._read(name, packages)
        finally:
            self._reading.release()

    def close(self) -> None:
        """Nothing is asked any more; what is being asked is waited for."""
        self._accounts = tuple
        with self._reading:
            pass

    def states(self) -> list[AccountState]:
        """Of each account of which anything is known."""
        accounts = [*self._accounts()]
        past = _Past(accounts, self._database)
        found = []
        for name, packages in accounts:
            mine = self._found.get(packages.digest, [])
            if mine is None:
                found.append(AccountState(name, None))
            elif newest := _newest(mine, past.kept(packages)):
                found.append(AccountState(name, past.states(name, newest)))
        return found

    def _read(self, name: str, packages: Packages) -> None:
        asked_at = time.time()
        try:
            found = packages.read()
        except ProxyError as error:
            log.info("GigaChat does not tell what is left of the packages%s: %s", self._whose(name), error)
            return
        is_first = packages.digest not in self._found
        before = {known.model: known.left for known in self._found.get(packages.digest) or ()}
        if found is None:
            self._found[packages.digest] = None
            return
        self._remember(name, packages.digest, found, asked_at)
        if self._on_read:
            self._on_read(name, self._found[packages.digest] or ())
        # One that was not told of before is bought: what an account lacks is as good as used up.
        has_grown = any(package.left > before.get(package.model, 0) for package in found)
        if has_grown and not is_first and self._on_growth:
            self._on_growth(name)

    def _whose(self, name: str) -> str:
        return f" of account {name}" if len([*self._accounts()]) > 1 else ""

    def _remember(self, name: str, digest: str, found: Sequence[Package], asked_at: float) -> None:
        try:
            if self._database is None:
                raise Unusable("none is there")
            known = package_table.remember(self._database, digest, found, asked_at)
        except Unusable:
            known = package_table.merged(self._found.get(digest) or [], found, asked_at)
        self._found[digest] = [replace(one, is_news=False) for one in known]
        whose = self._whose(name)
        for one in known:
            if one.is_news:
                share = one.left * 100 // one.whole
                figures = (f"{one.left:,}", f"{one.whole:,}", share)
                log.warning("GigaChat's package %s%s has %s of %s tokens left (%d %%)", one.model, whose, *figures)


def current_states(accounts: Sequence[tuple[str, Packages]], database: Database | None) -> list[AccountState]:
    """For who only looks: GigaChat is asked, and nothing is written. One account hides nothing of the others."""
    past, states = _Past(accounts, database), list[AccountState]()
    for name, packages in accounts:
        try:
            found = packages.read()
        except ProxyError as error:
            states.append(AccountState(name, (), str(error)))
            continue
        if found is None:
            states.append(AccountState(name, None))
        else:
            known = package_table.merged(past.kept(packages), found, time.time())
            states.append(AccountState(name, past.states(name, known)))
    return states


class _Past:
    """What the database knows, if it can be asked."""

    def __init__(self, accounts: Sequence[tuple[str, Packages]], database: Database | None) -> None:
        self._is_one = len(accounts) == 1
        self._kept: Mapping[str, list[package_table.Known]] = {}
        self._used: Mapping[tuple[str, str], int] = {}
        if database:
            with suppress(Unusable):
                self._kept = package_table.known(database, [packages.digest for _, packages in accounts])
                self._used = billed(database, PACE_DAYS)

    def kept(self, packages: Packages) -> list[package_table.Known]:
        return self._kept.get(packages.digest, [])

    def states(self, account: str, found: Sequence[package_table.Known]) -> tuple[PackageState, ...]:
        """By their names. One account alone has also used what was counted before accounts were told apart."""
        names = [one.model for one in found]
        used = dict.fromkeys(names, 0)
        for (whose, model), tokens in self._used.items():
            package = package_of(model, names)
            if package and (whose == account or self._is_one):
                used[package] += tokens
        states = (PackageState(one.model, one.left, one.whole, _used_up(one.left, used[one.model])) for one in found)
        return tuple(sorted(states, key=lambda state: state.model))


def _newest(mine: Sequence[package_table.Known], kept: Sequence[package_table.Known]) -> Sequence[package_table.Known]:
    """Another process may have asked since."""
    latest = max((one.seen for one in kept), default=0.0)
    return kept if latest > max((one.seen for one in mine), default=0.0) else mine


def _used_up(left: int, used: int) -> date | None:
    """used: tokens in PACE_DAYS."""
    if not (left and used):
        return None
    days = left * PACE_DAYS // used
    return date.today() + timedelta(days=days) if days <= MOST_DAYS else None
