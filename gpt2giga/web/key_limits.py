"""What a key may spend: looked up before a request, and counted after it with the figures that GigaChat has told.

Only for keys that have such a limit; all others cost nothing here. Requests in work at the same time may go past the
end together, for what each will spend nobody knows before.
"""

from __future__ import annotations

import atexit
import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from gpt2giga.concurrency import background
from gpt2giga.errors import KeyUsedUp, RateLimited
from gpt2giga.store import spending
from gpt2giga.store.database import Database, Unusable
from gpt2giga.store.keys import StoredKey
from gpt2giga.store.orm import Connection
from gpt2giga.store.spending import Account, DAY, MINUTE, MONTH
from gpt2giga.web.exchange import Exchange
from gpt2giga.web.keyring import moment

# Nobody waits for longer: whoever repeats a request by himself is told not to.
PATIENCE = 60.0
FORGET_SECONDS = 3600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limit:
    """One of a key's, as it stands. what: what it counts; account: where that is added up; end: Unix time."""

    what: str
    most: int
    account: Account
    end: float
    spent: int

    @property
    def left(self) -> int:
        return max(0, self.most - self.spent)

    def refusal(self, key: str, now: float) -> RateLimited:
        words = f"The limit of the key '{key}' is {self.most:,} {self.what}, and it has reached that. It resets at "
        words += f"{moment(self.end)}"
        seconds = max(1.0, self.end - now)
        if self.account.span == MINUTE:
            return RateLimited(f"{words}.", retry_after=seconds)
        error = KeyUsedUp(f"{words}, or when whoever runs this service raises it.", retry_after=seconds)
        error.is_final = seconds > PATIENCE
        return error


class Refusal(NamedTuple):
    """limits: all of the key's, the one that it has reached among them."""

    key: StoredKey
    limits: list[Limit]
    reached: Limit


class KeyLimits:
    """One a process. While the database is away the process counts for itself, and adds that later."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[Account, int] = defaultdict(int)
        self._known: dict[str, Mapping[Account, int]] = {}  # by key, as the database had it last
        self._refused: dict[str, Refusal] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._warned = False
        self._forget_at = 0.0
        atexit.register(self.close)

    def check(self, exchange: Exchange) -> None:
        """Only what asks for work is counted. Raises RateLimited, KeyUsedUp."""
        key = exchange.stored_key
        if key is None or not key.rights.is_counted:
            return
        if exchange.asker and exchange.asker.is_counted:
            self._check_tokens(exchange, key)
            return
        now, counts = time.time(), exchange.method == "POST"
        refusal = self._refused.get(key.id) if counts else None
        if refusal is None or refusal.key != key or now >= refusal.reached.end:
            limits = _limits(key, now, self._spent(key, now, counts=counts))
            refusal = _refusal(key, limits)
        exchange.headers |= _headers(limits if refusal is None else refusal.limits, now)
        if not counts:
            return
        if refusal:  # kept, for whoever hammers at it is not to reach the database
            self._refused[key.id] = refusal
            raise refusal.reached.refusal(key.name, now)
        self._refused.pop(key.id, None)
        exchange.on_end(partial(self._settle, exchange, key))

    def _check_tokens(self, exchange: Exchange, key: StoredKey) -> None:
        now = time.time()
        limits = _limits(key, now, self._spent(key, now, counts=False))
        if refusal := _refusal(key, [limit for limit in limits if limit.account.span != MINUTE]):
            raise refusal.reached.refusal(key.name, now)
        exchange.on_end(partial(self._settle, exchange, key))

    def flush(self) -> None:
        """Never raises: what cannot be written waits."""
        with self._writing:  # also for what another thread writes just now
            if self._waiting:
                self._write(lambda _: {})

    def close(self) -> None:
        """When the process ends."""
        atexit.unregister(self.close)
        self.flush()

    def _settle(self, exchange: Exchange, key: StoredKey) -> None:
        """What GigaChat bills: of its own figures, without what it took from its cache (contract 4.8). Beside the
        request, whose end gives back other things too and must not fail."""
        usage = exchange.usage
        tokens = usage.prompt - usage.cached + usage.completion if usage else 0
        if tokens <= 0:
            return
        spans = spending.spans(time.time())
        with self._lock:
            for name in (DAY, MONTH):
                self._waiting[Account(key.id, name, spans[name].start)] += tokens
        with suppress(RuntimeError):  # no thread to be had: the next request of such a key writes it
            background.start(self.flush)

    def _spent(self, key: StoredKey, now: float, *, counts: bool) -> Mapping[Account, int]:
        with self._writing:
            # Only now: counted with another one, each would find itself the later of the two.
            if counts and key.rights.requests_per_minute is not None:
                with self._lock:
                    self._waiting[Account(key.id, MINUTE, spending.span(MINUTE, now).start)] += 1
            found = self._write(lambda connection: spending.spent(connection, now, key.id))
        if found is not None:
            self._known[key.id] = found
            return found
        known = defaultdict(int, self._known.get(key.id, {}))
        with self._lock:
            for account, amount in self._waiting.items():
                known[account] += amount
        return known

    def _write(self, read: Callable[[Connection], dict[Account, int]]) -> dict[Account, int] | None:
        """What `read` finds when all that waits is written; None where nothing can be written. One at a time."""
        with self._lock:
            waiting, self._waiting = self._waiting, defaultdict(int)

        def work(connection: Connection) -> dict[Account, int]:
            spending.spend(connection, waiting)
            if time.monotonic() >= self._forget_at:
                spending.forget(connection)
                self._forget_at = time.monotonic() + FORGET_SECONDS
            return read(connection)

        try:
            found = self._database.do(work)
        except Unusable as unusable:
            self._take_back(waiting)
            if not self._warned:
                log.warning("The limits of keys count in memory only until the database is back: %s", unusable)
            self._warned = True
            return None
        self._warned = False
        return found

    def _take_back(self, waiting: Mapping[Account, int]) -> None:
        """But for minutes that are over."""
        minute = spending.span(MINUTE, time.time()).start
        with self._lock:
            for account, amount in waiting.items():
                if account.span != MINUTE or account.start >= minute:
                    self._waiting[account] += amount


def _limits(key: StoredKey, now: float, spent: Mapping[Account, int]) -> list[Limit]:
    rights = key.rights
    spans = spending.spans(now)
    found = []
    for name, what, most in (
        (MINUTE, "requests per minute", rights.requests_per_minute),
        (DAY, "tokens per day", rights.tokens_per_day),
        (MONTH, "tokens per month", rights.tokens_per_month),
    ):
        if most is not None:
            account = Account(key.id, name, spans[name].start)
            found.append(Limit(what, most, account, spans[name].end, spent.get(account, 0)))
    return found


def _refusal(key: StoredKey, limits: list[Limit]) -> Refusal | None:
    """A request was counted with the others before it is looked at, tokens are not."""
    over = [limit for limit in limits if limit.spent >= limit.most + (limit.account.span == MINUTE)]
    return Refusal(key, limits, max(over, key=lambda limit: limit.end)) if over else None


def _headers(limits: list[Limit], now: float) -> dict[str, str]:
    """As OpenAI names them; of two limits of tokens the one that is nearer."""
    found = {}
    for kind in ("requests", "tokens"):
        of_kind = [limit for limit in limits if (limit.account.span == MINUTE) == (kind == "requests")]
        if of_kind:
            nearest = min(of_kind, key=lambda limit: limit.left)
            found[f"x-ratelimit-limit-{kind}"] = str(nearest.most)
            found[f"x-ratelimit-remaining-{kind}"] = str(nearest.left)
            found[f"x-ratelimit-reset-{kind}"] = _duration(nearest.end - now)
    return found


def _duration(seconds: float) -> str:
    """As in OpenAI's headers: 1h2m3s."""
    left = math.ceil(max(0.0, seconds))
    hours, minutes = left // 3600, left // 60 % 60
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if left >= 60 else "") + f"{left % 60}s"
