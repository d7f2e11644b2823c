"""The account's slots, counted in Redis for services on several machines (GPT2GIGA_REDIS_URL).

A slot is a lease that ends by itself: each process renews its own, and one that dies gives them back. Requests of a
process stand in one line, and the first of them stands for all in the line of the processes, which Redis keeps.
Without Redis each machine counts for itself as it does without this setting, until Redis is back.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import threading
import time
import weakref
from collections import deque
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TYPE_CHECKING

from gpt2giga.upstream.accounts.slots import Limiter, QueueTimeout, Slot

if TYPE_CHECKING:
    from redis.commands.core import Script

log = logging.getLogger(__name__)

# Seconds. A process that hangs longer than its leases last loses them to others.
LEASE, RENEWAL, PATIENCE = 10.0, 3.0, 2.0
PAUSE = 0.05

# Sorted sets by the moment (of Redis's clock) when an entry ends: leases; who still stands in the line. And the
# line itself, by arrival. Each has an end, so that nothing stays of an account that is not used any more.
TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local leases, present, line = KEYS[1], KEYS[2], KEYS[3]
local id, slots, lease, patience = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', leases, '-inf', now)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', present, '-inf', now)) do
    redis.call('ZREM', present, gone)
    redis.call('ZREM', line, gone)
end
redis.call('ZADD', line, 'NX', now, id)
redis.call('ZADD', present, now + patience, id)
local mine = redis.call('ZRANK', line, id) < slots - redis.call('ZCARD', leases)
if mine then
    redis.call('ZREM', present, id)
    redis.call('ZREM', line, id)
    redis.call('ZADD', leases, now + lease, id)
end
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, 3600) end
return mine and 1 or 0
"""
# ARGV: seconds of a lease, how many ids are given back, these, and those that are kept.
KEEP = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local lease, returned = tonumber(ARGV[1]), tonumber(ARGV[2])
for index = 3, 2 + returned do
    for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[index]) end
end
for index = 3 + returned, #ARGV do redis.call('ZADD', KEYS[1], now + lease, ARGV[index]) end
redis.call('EXPIRE', KEYS[1], 3600)
"""


def limiter(slots: int, account: str, directory: Path, redis_url: str | None) -> Limiter | RedisLimiter:
    here = Limiter(slots, account, directory)
    return RedisLimiter(slots, account, redis_url, here) if redis_url and slots else here


class RedisLimiter:
    """Offers what Limiter does. `here` counts while Redis does not answer."""

    def __init__(self, slots: int, account: str, url: str, here: Limiter) -> None:
        # Only now, for the package is an extra.
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._slots, self._here = slots, here
        again = Retry(NoBackoff(), 1)  # a connection from before Redis was restarted
        self._redis = Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=again)
        self._take_script = self._redis.register_script(TAKE)
        self._keep_script = self._redis.register_script(KEEP)
        digest = hashlib.sha256(account.encode()).hexdigest()[:32]
        # In braces what a cluster keeps in one place.
        self._keys = [f"gpt2giga:{{{digest}}}:{name}" for name in ("leases", "present", "line")]
        self._away = False
        self._start()
        if hasattr(os, "register_at_fork"):
            start = weakref.WeakMethod(self._start)
            os.register_at_fork(after_in_child=lambda: (start() or int)())

    def _start(self) -> None:
        """Also in the child of a fork, where line and slots are the parent's."""
        self._lock = threading.Lock()
        self._line: deque[Slot] = deque()
        self._numbers = count(1)
        self._ids: dict[int, str] = {}  # of all that Redis has heard of
        self._held: set[int] = set()
        self._returned: SimpleQueue[int] = SimpleQueue()
        self._keeper: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        return len(self._line) + self._here.waiting

    @property
    def held(self) -> int:
        return len(self._held) + self._here.held

    def acquire(self, timeout: float, tick: float | None = None) -> Any:
        yield from ()
        return self.acquire_now(timeout)

    def acquire_now(self, timeout: float) -> Slot:
        """Raises QueueTimeout after `timeout` seconds in the line."""
        slot = Slot(self._give_back)
        deadline = slot.since + timeout
        ahead = self._stand_in_line(slot, deadline)
        if slot.number is not None:
            return slot
        if self._away:
            return self._here.acquire_now(max(0.0, deadline - time.monotonic()))
        raise QueueTimeout(time.monotonic() - slot.since, ahead)

    def _give_back(self, number: int) -> None:
        """May be called anywhere, also where the garbage collector finds a slot that was lost."""
        self._held.discard(number)
        self._returned.put(number)

    def _stand_in_line(self, slot: Slot, deadline: float) -> int:
        """Until it has a number, its time is over, or Redis is away. Returns how many were ahead then."""
        number = next(self._numbers)
        with self._lock:
            self._line.append(slot)
        try:
            while not self._away:
                first = self._line[0] is slot
                if first and self._may_take(number):
                    self._held.add(number)
                    slot.number = number
                left = deadline - time.monotonic()
                if slot.number is not None or left <= 0:
                    break
                slot.bell.wait(min(left, PAUSE) if first else left)
                slot.bell.clear()
            return self._line.index(slot)
        finally:  # also when a greenlet is killed in the line, or while Redis answers it
            self._leave(slot)
            if slot.number is None and number in self._ids:
                self._give_back(number)

    def _leave(self, slot: Slot) -> None:
        with self._lock:
            self._line.remove(slot)
        self._ring()

    def _ring(self) -> None:
        """The first may try; all must know when Redis is away."""
        for slot in [*self._line] if self._away else [*self._line][:1]:
            slot.bell.set()

    def _may_take(self, number: int) -> bool:
        identity = self._ids.setdefault(number, secrets.token_hex(16))
        with self._lock:
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, daemon=True)
                self._keeper.start()
        return bool(self._ask(self._take_script, identity, self._slots, LEASE, PATIENCE))

    def _keep(self) -> None:
        """Gives slots back and renews the others, as long as there are any."""
        renewal = time.monotonic() + RENEWAL
        while True:
            with self._lock:
                if not (self._ids or self._away):
                    self._keeper = None
                    return
            returned = self._next_returned(renewal - time.monotonic())
            kept: list[str] = []
            if time.monotonic() >= renewal:
                renewal = time.monotonic() + RENEWAL
                kept = [identity for number, identity in [*self._ids.items()] if number in self._held]
            self._ask(self._keep_script, LEASE, len(returned), *returned, *kept)
            self._ring()

    def _next_returned(self, seconds: float) -> list[str]:
        try:
            numbers = [self._returned.get(timeout=max(0.0, seconds))]
        except Empty:
            return []
        numbers += [self._returned.get() for _ in range(self._returned.qsize())]
        return [self._ids.pop(number) for number in numbers]

    def _ask(self, script: Script, *arguments: str | float) -> Any:
        """None when Redis does not answer. The first failure is told, and the first answer after it."""
        from redis.exceptions import RedisError

        try:
            answer = script(keys=self._keys, args=arguments)
        except (RedisError, OSError) as error:
            if not self._away:
                log.warning("Redis does not answer; each machine counts the account's slots for itself: %s", error)
            self._away = True
            return None
        if self._away:
            log.info("Redis answers again")
        self._away = False
        return answer
