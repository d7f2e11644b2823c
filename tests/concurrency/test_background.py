"""Under plain threads; tests/test_hangup.py has it under gevent, with everything around it."""

from __future__ import annotations

import gc
import threading
import weakref
from contextvars import ContextVar

import pytest

from gpt2giga.concurrency import background
from gpt2giga.concurrency.waiting import pause, run_to_end

word: ContextVar[str] = ContextVar("word")


@pytest.mark.parametrize("tick", [None, 10.0])
def test_the_result_and_the_context(tick: float | None) -> None:
    word.set("here")
    assert run_to_end(background.run(lambda: word.get(), tick)) == "here"


@pytest.mark.parametrize("tick", [None, 10.0])
def test_a_failure_is_raised_where_it_is_waited_for(tick: float | None) -> None:
    def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run_to_end(background.run(fail, tick))


def test_signs_of_life_until_it_is_done() -> None:
    go = threading.Event()
    steps = background.run(lambda: go.wait(10), 0.01)
    assert [next(steps), next(steps)] == [[], []]
    go.set()
    assert run_to_end(steps) is True


def test_who_leaves_does_not_wait() -> None:
    go = threading.Event()
    steps = background.run(lambda: go.wait(10), 0.01)
    next(steps)
    steps.close()
    go.set()


def test_a_failure_does_not_keep_what_its_call_held() -> None:
    class Large:
        pass

    gone: list[weakref.ref[Large]] = []

    def fail() -> None:
        large = Large()
        gone.append(weakref.ref(large))
        raise ValueError

    gc.disable()
    try:
        with pytest.raises(ValueError):
            run_to_end(background.run(fail, 10.0))
        assert gone[0]() is None
    finally:
        gc.enable()


def test_a_pause_in_ticks() -> None:
    assert [*pause(0.5, 0.2)] == [[], []]
    assert [*pause(0.01, None)] == []


@pytest.mark.parametrize("is_late", [False, True], ids=["there before", "comes later"])
def test_a_result_that_nobody_waits_for_is_discarded(is_late: bool) -> None:
    """A connection, for example, would stay open."""
    go, discarded = threading.Event(), threading.Event()
    steps = background.run(lambda: go.wait(10), 0.01, lambda _: discarded.set())
    next(steps)
    if is_late:
        steps.close()
        go.set()
    else:
        go.set()
        threading.Event().wait(0.05)
        steps.close()
    assert discarded.wait(5)


def test_computing_is_one_at_a_time() -> None:
    begun, at_once = threading.Semaphore(0), []

    def work() -> None:
        at_once.append(begun.acquire(blocking=False))
        begun.release()
        pause_ends.wait(0.05)
        begun.acquire()

    pause_ends = threading.Event()
    threads = [threading.Thread(target=background.compute, args=(work,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert at_once == [False, False, False]
