"""Under plain threads; tests/test_hangup.py has it in the service, with a client that does not read."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from queue import SimpleQueue

import pytest

from gpt2giga.concurrency import read_ahead
from gpt2giga.concurrency.read_ahead import Source, Sources
from tests.sockets import eventually


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "PATIENCE_SECONDS", 0.05)


class Answer:
    """Gives a batch for each number below `count`, and then fails with the words of `failure`, if any."""

    def __init__(self, count: int, failure: str = "") -> None:
        self._count, self._failure = count, failure
        self.given = 0
        self.ended = threading.Event()

    def __iter__(self) -> Generator[list[int], None, None]:
        try:
            for number in range(self._count):
                self.given += 1
                yield [number]
            if self._failure:
                raise ValueError(self._failure)
        finally:
            self.ended.set()


def read(source: Source[int], held_up: dict[int, float]) -> Generator[int, None, None]:
    """As a stream does: held up for so many seconds after a number."""
    for batches in source.parts():
        for batch in batches:
            for number in batch:
                source.lent.append(time.monotonic())
                yield number
                time.sleep(held_up.get(number, 0))
                try:
                    source.lent.pop()
                except IndexError:
                    break
            else:
                continue
            break


@pytest.mark.parametrize("held_up", [{}, {0: 0.3}, {3: 0.3, 5: 0.3}, {9: 0.3}], ids=str)
def test_nothing_is_lost_or_said_twice(held_up: dict[int, float]) -> None:
    sources = Sources()
    source = sources.new(iter(Answer(10)), tick=5)
    sources.add(source)
    assert [*read(source, held_up)] == [*range(10)]
    sources.remove(source)


def test_who_is_held_up_does_not_hold_up_the_answer() -> None:
    answer = Answer(1000)
    sources = Sources()
    source = sources.new(iter(answer), tick=5)
    sources.add(source)
    reader = read(source, {})
    assert next(reader) == 0  # and is being written for ever
    assert answer.ended.wait(5) and answer.given == 1000
    assert [*reader] == [*range(1, 1000)]


def test_a_failure_comes_after_what_was_before_it() -> None:
    answer = Answer(5, "broken")
    sources = Sources()
    source = sources.new(iter(answer), tick=5)
    sources.add(source)
    reader = read(source, {})
    next(reader)
    assert answer.ended.wait(5)
    got = []
    with pytest.raises(ValueError, match="broken"):
        got.extend(reader)
    assert got == [1, 2, 3, 4]


def test_silence_of_the_rest_is_an_empty_batch() -> None:
    go = threading.Event()

    def answer() -> Generator[list[int], None, None]:
        yield [0]
        go.wait(10)
        yield [1]

    sources = Sources()
    source = sources.new(answer(), tick=0.01)
    sources.add(source)
    first, rest = source.parts(), None
    assert next(next(first)) == [0]
    source.lent.append(0)
    assert eventually(lambda: not source.lent, 5)
    rest = next(first)
    assert [next(rest), next(rest)] == [[], []]
    go.set()
    assert [batch for batch in rest if batch] == [[1]]


def test_an_answer_that_nobody_wants_any_more_ends() -> None:
    answer = Answer(10**9)
    sources = Sources()
    source = sources.new(iter(answer), tick=5)
    sources.add(source)
    reader = read(source, {})
    next(reader)
    assert eventually(lambda: answer.given > 10, 5)
    sources.remove(source)
    del source, reader
    assert eventually(answer.ended.is_set, 5)


def test_closing_closes_the_answer_at_once() -> None:
    answer = Answer(10)
    sources = Sources()
    source = sources.new(iter(answer), tick=5)
    sources.add(source)
    reader = read(source, {})
    next(reader)
    sources.remove(source)
    assert answer.ended.is_set() and answer.given == 1


def test_a_reader_that_comes_back_while_its_source_is_being_taken_waits_for_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It must not look like the end."""
    taking = threading.Event()

    class SlowQueue(SimpleQueue):  # type: ignore[type-arg]
        def __init__(self) -> None:
            taking.set()
            time.sleep(0.1)

    monkeypatch.setattr(read_ahead, "SimpleQueue", SlowQueue)
    source = Sources().new(iter(Answer(10)), tick=5)
    reader = read(source, {0: 0.0})
    assert next(reader) == 0
    source.lent[0] = 0.0
    thread = threading.Thread(target=source.relieve, args=(time.monotonic(),))
    thread.start()
    assert taking.wait(5)
    assert [*reader] == [*range(1, 10)]
    thread.join()


def test_without_threads_the_reader_hears_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(read_ahead.background, "start", refuse)
    source = Sources().new(iter(Answer(10)), tick=5)
    reader = read(source, {})
    assert next(reader) == 0
    source.lent[0] = 0.0
    source.relieve(time.monotonic())
    with pytest.raises(RuntimeError):
        list(reader)
