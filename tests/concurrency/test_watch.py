"""Looking after work that goes on without its client."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from gpt2giga.concurrency import background
from gpt2giga.concurrency.watch import Watch
from tests.sockets import eventually


class Work:
    """look() says what `seconds` are, and counts."""

    def __init__(self) -> None:
        self.looks, self.seconds = 0, None
        self.watch = Watch(self.look)

    seconds: float | None

    def look(self) -> float | None:
        self.looks += 1
        return self.seconds


@pytest.fixture
def work() -> Iterator[Work]:
    work = Work()
    yield work
    work.watch.close()


def is_asleep(work: Work) -> bool:
    return not work.watch._is_awake


def test_nobody_looks_unless_somebody_wakes_it(work: Work) -> None:
    for looks in (1, 2):
        work.watch.wake()
        assert eventually(lambda: is_asleep(work))
        assert work.looks == looks


def test_it_looks_as_long_as_there_is_something(work: Work) -> None:
    work.seconds = 0.01
    work.watch.wake()
    assert eventually(lambda: work.looks >= 5)
    work.seconds = None
    assert eventually(lambda: is_asleep(work))


def test_a_long_wait_ends_with_news(work: Work) -> None:
    work.seconds = 600
    work.watch.wake()
    assert eventually(lambda: work.looks == 1)
    work.seconds = None
    work.watch.wake()
    assert eventually(lambda: is_asleep(work)) and work.looks == 2


def test_what_is_closed_looks_no_more(work: Work) -> None:
    work.seconds = 600
    work.watch.wake()
    assert eventually(lambda: work.looks == 1)
    before = threading.active_count()
    work.watch.close()
    assert eventually(lambda: threading.active_count() < before)
    work.watch.wake()
    assert work.looks == 1 and work.watch.is_closed


def test_without_a_thread_the_next_one_tries_again(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def start_apart(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(background, "start_apart", start_apart)
        work.watch.wake()
    assert work.looks == 0 and is_asleep(work)
    work.watch.wake()
    assert eventually(lambda: work.looks == 1)


def test_an_error_of_ours_does_not_end_it_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[BaseException | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(args.exc_value))
    looks = iter([ZeroDivisionError("ours"), None])

    def look() -> None:
        if error := next(looks):
            raise error

    watch = Watch(look)
    for _ in range(2):
        watch.wake()
        assert eventually(lambda: not watch._is_awake)
    assert [type(error) for error in told] == [ZeroDivisionError] and next(looks, "all are taken") == "all are taken"
