"""Silences under plain threads; heartbeats and time limits have them under gevent."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue

from gpt2giga.concurrency.silence import Silence


def test_it_is_told_again_and_again_until_its_end() -> None:
    told: SimpleQueue[float] = SimpleQueue()
    started = time.monotonic()
    silence = Silence(0.05, lambda: told.put(time.monotonic()))
    moments = [told.get(timeout=10) for _ in range(3)]
    silence.end()
    silence.end()
    assert all(later - earlier >= 0.05 for earlier, later in zip([started, *moments], moments, strict=False))
    left = told.qsize()
    assert not threading.Event().wait(0.2) and told.qsize() == left


def test_a_touch_moves_it_away() -> None:
    told: list[str] = []
    silence = Silence(600, lambda: told.append("now"))
    first = silence.due
    silence.touch()
    assert silence.due > first
    silence.check(first)
    assert not told
    silence.check(silence.due)
    assert told == ["now"]
    silence.end()


def test_a_shorter_one_does_not_wait_for_a_longer_one() -> None:
    told: SimpleQueue[str] = SimpleQueue()
    silences = [Silence(600, lambda: told.put("long")), Silence(0.05, lambda: told.put("short"))]
    assert told.get(timeout=10) == "short"
    for silence in silences:
        silence.end()
