"""Trying again: when, how often, how long after, and that nothing is ever said twice."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt2giga.errors import BadRequest, ProxyError, RateLimited, UpstreamCut, UpstreamError
from gpt2giga.upstream.transport.retries import LONGEST_WAIT, Retries

STATUSES = (429, 500, 502, 503, 504)


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the process goes on only while this thread sleeps; another test's threads may sleep beside it."""
    waits: list[float] = []
    now = [0.0]
    this_thread, really_sleep = threading.get_ident(), time.sleep

    def sleep(seconds: float) -> None:
        if threading.get_ident() != this_thread:
            return really_sleep(seconds)
        waits.append(seconds)
        now[0] += seconds
        return None

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return waits


def refused(status: int, **options: float) -> ProxyError:
    error = UpstreamError("no", **options)
    error.upstream_status = status
    return error


class Source:
    """Fails with each of `failures` in turn, after `before` items; then it is whole."""

    def __init__(self, *failures: ProxyError, before: int = 0) -> None:
        self.failures, self.before, self.attempts, self.closed = [*failures], before, 0, 0

    def __call__(self) -> Iterator[list[int]]:
        self.attempts += 1
        try:
            for item in range(5):
                if item == self.before and self.failures:
                    raise self.failures.pop(0)
                yield [item]
        finally:
            self.closed += 1


def answer(retries: Retries, source: Source) -> Iterator[int]:
    return chain.from_iterable(retries.batches(source, tick=None))


@pytest.mark.parametrize("most", [0, 1, 2, 5])
def test_counts(most: int) -> None:
    source = Source(*(refused(503) for _ in range(most)))
    assert list(answer(Retries(most, 0.5, STATUSES), source)) == [0, 1, 2, 3, 4]
    assert source.attempts == source.closed == most + 1

    hopeless = Source(*(refused(503) for _ in range(most + 1)))
    with pytest.raises(UpstreamError):
        list(answer(Retries(most, 0.5, STATUSES), hopeless))
    assert hopeless.attempts == hopeless.closed == most + 1


@pytest.mark.parametrize(
    "error, again",
    [
        *((refused(status), True) for status in STATUSES),
        *((refused(status), False) for status in (400, 401, 402, 403, 404, 413, 422, 501)),
        (UpstreamCut("cut", transient=True), True),
        (BadRequest("EventException", transient=True), True),
        (BadRequest("no"), False),
        (RateLimited("the line is full"), False),
        (refused(429, retry_after=LONGEST_WAIT), True),
        (refused(429, retry_after=LONGEST_WAIT + 1), False),
    ],
    ids=str,
)
def test_what_is_worth_it(error: ProxyError, again: bool) -> None:
    source = Source(error)
    if again:
        assert len(list(answer(Retries(1, 0.5, STATUSES), source))) == 5
    else:
        with pytest.raises(ProxyError) as caught:
            list(answer(Retries(1, 0.5, STATUSES), source))
        assert caught.value is error
    assert source.attempts == 1 + again


def test_statuses_are_a_setting() -> None:
    assert len(list(answer(Retries(1, 0.5, (500,)), Source(refused(500))))) == 5
    with pytest.raises(UpstreamError):
        list(answer(Retries(1, 0.5, (500,)), Source(refused(503))))


def test_retry_after_is_obeyed(slept: list[float]) -> None:
    list(answer(Retries(2, 0.5, STATUSES), Source(refused(429, retry_after=3), refused(503, retry_after=0.2))))
    assert slept == pytest.approx([3, 0.2])


def test_each_wait_is_twice_as_long_and_never_the_same(slept: list[float]) -> None:
    random.seed(4)
    for _ in range(200):
        list(answer(Retries(3, 0.5, STATUSES), Source(*(refused(503) for _ in range(3)))))
    for number, longest in enumerate((0.5, 1, 2)):
        waits = slept[number::3]
        assert longest / 2 <= min(waits) < longest * 0.6 and longest * 0.9 < max(waits) <= longest
        assert len(set(waits)) == 200


@given(
    before=st.integers(0, 5),
    transient=st.lists(st.booleans(), max_size=5),
    most=st.integers(0, 5),
    read=st.integers(0, 5),
)
def test_nothing_is_ever_repeated(before: int, transient: list[bool], most: int, read: int) -> None:
    """Wherever it breaks and however often: what came is a beginning of the answer, and whole unless it raised."""
    source = Source(*(UpstreamCut("cut", transient=worth) for worth in transient), before=before)
    got = []
    try:
        for item in answer(Retries(most, 0, STATUSES), source):
            got.append(item)
            if len(got) > read:
                break
        else:
            assert len(got) == 5
    except UpstreamCut:
        assert len(got) == before
    assert got == list(range(len(got)))
    assert source.attempts == source.closed <= most + 1
    assert before == 0 or source.attempts == 1


def test_an_answer_that_is_one_value() -> None:
    failures = [refused(503), UpstreamCut("cut", transient=True)]

    def call() -> str:
        if failures:
            raise failures.pop()
        return "whole"

    assert Retries(2, 0.5, STATUSES).once(call) == "whole"


def test_signs_of_life_while_waiting(slept: list[float]) -> None:
    batches = Retries(1, 0.5, STATUSES).batches(Source(refused(429, retry_after=10)), tick=4)
    assert [*batches] == [[], [], [], [0], [1], [2], [3], [4]], "two while it waits, and one before the next attempt"
    assert slept == [4, 4, 2]
