"""The last hour in numbers, a bucket a minute, of this worker process only. For a glance; it forgets on restart."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from gpt2giga.web.exchange import Exchange, Outcome

MINUTES = 60
# Codes come from a small set of ours, but some day one may not.
MOST_CAUSES = 16


@dataclass
class Minute:
    start: int
    requests: int = 0
    errors: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    causes: Counter[str] = field(default_factory=Counter)

    def add(self, exchange: Exchange) -> None:
        self.requests += 1
        if exchange.usage:
            self.prompt += exchange.usage.prompt
            self.completion += exchange.usage.completion
            self.cached += exchange.usage.cached
        if is_error(exchange):
            self.errors += 1
            cause = exchange.cause or str(exchange.status)
            self.causes[cause if cause in self.causes or len(self.causes) < MOST_CAUSES else "other"] += 1


class LastHour:
    def __init__(self) -> None:
        self._since = _now()
        self._minutes: deque[Minute] = deque(maxlen=MINUTES)
        self._lock = threading.Lock()

    def add(self, exchange: Exchange) -> None:
        """Only what asks for work: probes, and the page that shows this, would drown the rest."""
        if exchange.method != "POST":
            return
        with self._lock:
            start = _now() // 60 * 60
            # Later than now after the clock was set back: rather one full minute than a mixed-up hour.
            if not self._minutes or self._minutes[-1].start < start:
                self._minutes.append(Minute(start))
            self._minutes[-1].add(exchange)

    def figures(self) -> dict[str, Any]:
        """Minutes without requests are left out."""
        now = _now()
        oldest = now // 60 * 60 - (MINUTES - 1) * 60
        with self._lock:
            minutes = [vars(minute) | {"causes": dict(minute.causes)} for minute in self._minutes]
        recent = [minute for minute in minutes if minute["start"] >= oldest]
        return {"now": now, "since": self._since, "worker": os.getpid(), "minutes": recent}


def is_error(exchange: Exchange) -> bool:
    """A client that has enough is no failure, and a stream that broke has a good status."""
    return exchange.outcome is not Outcome.CLIENT_GONE and (
        exchange.status >= 400 or exchange.outcome is not Outcome.WHOLE
    )


def _now() -> int:
    return int(time.time())
