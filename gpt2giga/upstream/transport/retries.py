"""Trying again, in one place, and only while nothing has been passed on: no text is ever repeated."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from gpt2giga.concurrency.waiting import pause, run_to_end
from gpt2giga.errors import ProxyError
from gpt2giga.upstream.listener import Listener

T = TypeVar("T")

log = logging.getLogger(__name__)

# A longer Retry-After is passed on: the client knows better whether to wait that long.
LONGEST_WAIT = 20.0


@dataclass(frozen=True, slots=True)
class Retries:
    """`backoff`: seconds before the first repetition, doubled for each one after it."""

    most: int
    backoff: float
    statuses: tuple[int, ...]
    listener: Listener | None = None

    def once(self, call: Callable[[], T]) -> T:
        """For an answer that is one value."""

        def attempt() -> Iterator[list[T]]:
            yield [call()]

        answer: Iterator[list[T]] = run_to_end(self.begin(attempt, None))
        return next(answer)[0]

    def batches(self, attempt: Callable[..., Iterator[list[T]]], *given: Any, tick: float | None) -> Iterator[list[T]]:
        yield from (yield from self.begin(partial(attempt, *given), tick))

    def begin(
        self, attempt: Callable[[], Iterator[list[T]]], tick: float | None
    ) -> Generator[list[T], None, Iterator[list[T]]]:
        """Returns the answer when its first event is there: only until then is anything repeated.

        Yields empty batches until then, while it waits and at each step.
        """
        for earlier in range(self.most + 1):
            batches = attempt()
            try:
                for batch in batches:
                    if batch:
                        return chain([batch], batches)
                    yield batch
                return batches
            except ProxyError as error:
                wait = self._wait(error, earlier)
                if wait is None:
                    raise
                if self.listener:
                    self.listener.on_retry()
                log.info("Trying again in %.1f s after %s (%s)", wait, error.code, error.upstream_status or "no answer")
            yield from pause(wait, tick)
            yield []
        raise AssertionError("the last attempt raises or returns")

    def _wait(self, error: ProxyError, earlier: int) -> float | None:
        """Seconds, or None when it makes no sense to try again."""
        worth_it = error.transient or error.upstream_status in self.statuses
        if not worth_it or earlier == self.most or (error.retry_after or 0) > LONGEST_WAIT:
            return None
        return error.retry_after or self.backoff * 2**earlier * random.uniform(0.5, 1)
