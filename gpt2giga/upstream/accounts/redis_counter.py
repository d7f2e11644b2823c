"""Counts the account's slots in Redis, for services on several machines (GPT2GIGA_REDIS_URL).

A slot is a lease that ends by itself: each process renews its own, and one that dies gives them back. The processes
that wait stand in a line that Redis keeps, first come, first served; each has one place in it, whatever the length of
its own line. What goes last, requests of batches, stands behind all others there. Without Redis each machine counts for
itself as it does without this setting, until Redis is back.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TYPE_CHECKING

from gpt2giga.upstream.accounts.file_counter import FileCounter

if TYPE_CHECKING:
    from redis.commands.core import Script

log = logging.getLogger(__name__)

# Seconds. A process that hangs longer than its leases last loses them to others.
LEASE, RENEWAL, PATIENCE = 10.0, 3.0, 2.0
PAUSE, LAST_PAUSE = 0.05, 0.2
# What goes last comes so much later. Numbers of this size still tell microseconds apart.
LATER = 1_000_000_000

# Sorted sets by the moment (of Redis's clock) when an entry ends: leases; who still stands in the line. And the
# line itself, by arrival. Each has an end, so that nothing stays of an account that is not used any more.
TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local leases, present, line = KEYS[1], KEYS[2], KEYS[3]
local id, slots, lease, patience = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local later = tonumber(ARGV[5])
redis.call('ZREMRANGEBYSCORE', leases, '-inf', now)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', present, '-inf', now)) do
    redis.call('ZREM', present, gone)
    redis.call('ZREM', line, gone)
end
redis.call('ZADD', line, 'NX', now + later, id)
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


class RedisCounter:
    """A Counter (slots.py). `here` counts while Redis does not answer."""

    def __init__(self, slots: int, account: str, url: str, here: FileCounter, ring: Callable[[], None]) -> None:
        # Only now, for the package is an extra.
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._slots, self._here, self._ring = slots, here, ring
        again = Retry(NoBackoff(), 1)  # a connection from before Redis was restarted
        redis = Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=again)
        self._take_script, self._keep_script = redis.register_script(TAKE), redis.register_script(KEEP)
        digest = hashlib.sha256(account.encode()).hexdigest()[:32]
        # In braces what a cluster keeps in one place.
        self._keys = [f"gpt2giga:{{{digest}}}:{name}" for name in ("leases", "present", "line")]
        self._away = self.announced = False
        self._place: str | None = None  # in the line of the processes
        self._goes_last = False
        self._leases: set[str] = set()
        self._returned: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._keeper: threading.Thread | None = None

    @property
    def held(self) -> int:
        return len(self._leases) + self._here.held

    def take(self, *, last: bool = False) -> str | None:
        if self._away:
            return self._here.take(last=last)
        if last is not self._goes_last:
            self._leave()
            self._goes_last = last
        place, self._place = self._place or secrets.token_hex(16), None
        granted = None
        try:
            granted = self._ask(self._take_script, place, self._slots, LEASE, PATIENCE, LATER if last else 0)
        finally:
            if granted is None:  # no answer, or a greenlet was killed meanwhile: it may have been granted
                self._returned.put(place)
            elif granted:
                self._leases.add(place)
            else:
                self._place = place
            self._start_keeper()
        return place if granted else None

    def give_back(self, token: str) -> None:
        if token in self._leases:
            self._returned.put(token)
            self._leases.discard(token)
        else:
            self._here.give_back(token)

    def announce(self, waiting: bool, *, last: bool = False) -> None:
        """To Redis, take() does it."""
        self.announced = waiting
        if self._away or not waiting:
            self._here.announce(waiting, last=last)
        if not waiting:
            self._leave()

    def pause(self, waited: float, *, last: bool = False) -> float:
        return self._here.pause(waited, last=last) if self._away else LAST_PAUSE if last else PAUSE

    def _leave(self) -> None:
        if self._place:
            self._returned.put(self._place)
            self._place = None

    def _start_keeper(self) -> None:
        with self._lock:
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, daemon=True)
                self._keeper.start()

    def _keep(self) -> None:
        """Gives back what was returned and renews the leases, as long as there are any."""
        renewal = time.monotonic() + RENEWAL
        while True:
            with self._lock:
                if not (self._place or self._leases or self._returned.qsize() or self._away):
                    self._keeper = None
                    return
            returned: list[str] = []
            with suppress(queue.Empty):
                returned.append(self._returned.get(timeout=max(0.0, renewal - time.monotonic())))
                while True:
                    returned.append(self._returned.get_nowait())
            kept: list[str] = []
            if time.monotonic() >= renewal:
                renewal, kept = time.monotonic() + RENEWAL, [*self._leases]
            self._ask(self._keep_script, LEASE, len(returned), *returned, *kept)
            self._ring()

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
