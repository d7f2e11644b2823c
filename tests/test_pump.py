"""The pump under plain threads; tests/test_hangup.py has it under gevent, with everything around it."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Generator

import pytest

from gpt2giga.concurrency.pump import Abandoned, Pump
from tests.sockets import eventually


class Source:
    """Gives the numbers below `count`, each when it is let go, and then fails with the words of `failure`, if any."""

    def __init__(self, count: int, failure: str = "") -> None:
        self._count, self._failure = count, failure
        self.go = threading.Semaphore(0)
        self.closed = threading.Event()

    def __call__(self) -> Generator[int, None, None]:
        try:
            for number in range(self._count):
                assert self.go.acquire(timeout=10)
                yield number
            if self._failure:
                raise ValueError(self._failure)
        finally:
            self.closed.set()


def let_go(source: Source, count: int) -> None:
    for _ in range(count):
        source.go.release()


def test_everything_comes_in_order_and_then_it_is_over() -> None:
    source = Source(100)
    let_go(source, 100)
    batches = Pump(source()).batches(None)
    assert [number for batch in batches for number in batch] == [*range(100)]
    assert next(batches, "over") == "over"


def test_silence_is_an_empty_batch() -> None:
    source = Source(2)
    batches = Pump(source()).batches(0.01)
    assert next(batches) == []
    source.go.release()
    assert next(batch for batch in batches if batch) == [0]
    source.go.release()
    assert next(batch for batch in batches if batch) == [1]
    assert next((batch for batch in batches if batch), "over") == "over"


def test_a_failure_comes_after_what_was_before_it() -> None:
    source = Source(3, "broken")
    let_go(source, 3)
    batches = Pump(source()).batches(None)
    assert source.closed.wait(10)
    got = []
    with pytest.raises(ValueError, match="broken"):
        for batch in batches:
            got += batch
    assert got == [0, 1, 2]


@pytest.mark.parametrize("failure", ["", "broken"])
def test_the_end_counts_also_when_a_silence_is_noted_after_it(failure: str) -> None:
    source = Source(2, failure)
    let_go(source, 1)
    pump = Pump(source())
    batches = pump.batches(0.05)
    assert next(batches) == [0]
    # The reader is busy sending, for longer than the limit.
    let_go(source, 1)
    assert source.closed.wait(10)
    unread = pump._queue.qsize()
    assert eventually(lambda: pump._queue.qsize() >= unread + 2)
    assert next(batches) == [1]
    with pytest.raises(ValueError, match="broken") if failure else contextlib.nullcontext():
        assert next(batches, "over") == "over"


def test_a_closed_pump_ends_its_source_at_the_next_item() -> None:
    source = Source(10)
    pump = Pump(source())
    pump.close()
    pump.close()
    source.go.release()
    assert source.closed.wait(10)


def test_the_abort_is_called_on_close_whether_it_was_there_before_or_came_after() -> None:
    registered, aborted, late = threading.Event(), threading.Event(), threading.Event()
    closed = threading.Event()

    def source() -> Generator[int, None, None]:
        Pump.on_abort(aborted.set)
        registered.set()
        assert closed.wait(10)
        Pump.on_abort(late.set)
        with pytest.raises(Abandoned):
            Pump.check()
        yield 1

    pump = Pump(source())
    assert registered.wait(10)
    pump.close()
    assert aborted.is_set()
    closed.set()
    assert late.wait(10)


def test_a_finished_part_is_not_aborted() -> None:
    aborted = threading.Event()

    def source() -> Generator[int, None, None]:
        Pump.on_abort(aborted.set)
        Pump.on_abort(None)
        yield 1

    pump = Pump(source())
    assert [*pump.batches(None)] == [[1]]
    pump.close()
    assert not aborted.is_set()


def test_outside_of_a_pump_nothing_happens() -> None:
    Pump.on_abort(lambda: None)
    Pump.check()


@pytest.mark.parametrize("failing", [False, True], ids=["whole", "broken"])
def test_no_garbage_is_left(failing: bool) -> None:
    """A cycle would keep whole streams, with requests and answers, until the collector comes by."""

    def use() -> None:
        source = Source(3, "broken" if failing else "")
        let_go(source, 3)
        with contextlib.suppress(ValueError):
            assert [*Pump(source()).batches(None)]
            assert not failing

    use()
    gc.collect()
    gc.disable()
    try:
        use()
        assert gc.collect() == 0
    finally:
        gc.enable()
