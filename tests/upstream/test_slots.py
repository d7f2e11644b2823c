"""Real threads, real processes and real greenlets; the clock is only waited for with a deadline."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gpt2giga.concurrency.waiting import run_to_end
from gpt2giga.upstream.accounts import file_counter
from gpt2giga.upstream.accounts import slots as slots_module
from gpt2giga.upstream.accounts.slots import acquire_any, QueueTimeout, Slot, Slots, UNHEARD
from gpt2giga.upstream.caller import Priority

ACCOUNT = "NmIxZTk0:secret-of-an-account"

# Argument 1 is the directory. Whatever is written to the pipe below arrives in the order of writing.
PRELUDE = f"""
import os, sys, threading, time
from pathlib import Path
from gpt2giga.concurrency.waiting import run_to_end
from gpt2giga.upstream.accounts.slots import QueueTimeout, Slots
def take(slots, timeout): return run_to_end(slots.acquire(timeout))
def make(number): return Slots(number, {ACCOUNT!r}, Path(sys.argv[1]))
def say(text): os.write(1, text.encode())
"""

# Threads that work on and on: argument 2 is the letter said for every slot, 3 the number of threads.
WORKERS = """
slots, end = make(1), time.monotonic() + 5
def work():
    while time.monotonic() < end:
        with take(slots, 30):
            say(sys.argv[2])
            time.sleep(0.002)
for _ in range(int(sys.argv[3])):
    threading.Thread(target=work).start()
"""


@contextlib.contextmanager
def process(code: str, *arguments: object, stdout: int = subprocess.PIPE) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", PRELUDE + code, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stdout) as running:
        try:
            yield running
        finally:
            running.kill()


def read(running: subprocess.Popen[bytes], size: int) -> bytes:
    assert running.stdout is not None
    return running.stdout.read(size)


def finish(code: str, directory: Path) -> str:
    """What the code says; it has to end well."""
    command = [sys.executable, "-c", PRELUDE + code, str(directory)]
    return subprocess.run(command, check=True, timeout=30, capture_output=True, text=True).stdout


def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def take(slots: Slots, timeout: float) -> Slot:
    return run_to_end(slots.acquire(timeout))


def full(slots: Slots) -> bool:
    """No slot is to be had at once."""
    try:
        take(slots, 0).release()
    except QueueTimeout:
        return True
    return False


@pytest.fixture(params=["files", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int], Slots]:
    return lambda number: Slots(number, ACCOUNT, tmp_path if request.param == "files" else tmp_path / "missing")


def test_threads_never_have_more_than_the_slots(make: Callable[[int], Slots]) -> None:
    slots, running, peak = make(3), [], []

    def work() -> None:
        for _ in range(10):
            with take(slots, 30):
                running.append(None)
                peak.append(len(running))
                time.sleep(random.uniform(0, 0.002))
                running.pop()

    for thread in [in_thread(work) for _ in range(40)]:
        thread.join(30)
    assert (len(peak), max(peak), slots.held, slots.waiting) == (400, 3, 0, 0)


def test_who_is_last_waits_for_those_who_come_later(make: Callable[[int], Slots]) -> None:
    slots, served = make(1), []

    def work(name: str, priority: Priority) -> None:
        with run_to_end(slots.acquire(30, priority=priority)):
            served.append(name)

    with take(slots, 0):
        threads = [in_thread(partial(work, "last", Priority.LOW))]
        time.sleep(0.2)  # it has looked a few times
        threads += [in_thread(partial(work, "other", Priority.NORMAL)) for _ in range(3)]
        until(lambda: slots.waiting == 4)
    for thread in threads:
        thread.join(30)
    assert (served, slots.held, slots.waiting) == (["other"] * 3 + ["last"], 0, 0)


def test_who_is_last_gives_up_in_time(make: Callable[[int], Slots]) -> None:
    slots = make(1)
    with take(slots, 0), pytest.raises(QueueTimeout):
        run_to_end(slots.acquire(0.2, priority=Priority.LOW))
    with run_to_end(slots.acquire(0, priority=Priority.LOW)):
        assert slots.held == 1
    assert (slots.held, slots.waiting) == (0, 0)


def test_who_has_waited_long_enough_goes_first(make: Callable[[int], Slots], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes in between: nobody starves."""
    monkeypatch.setattr(slots_module, "AGE", 0.05)
    slots, served = make(1), []

    def work(name: str, priority: Priority) -> None:
        with run_to_end(slots.acquire(30, priority=priority)):
            served.append(name)

    with take(slots, 0):
        threads = [in_thread(partial(work, "low", Priority.LOW))]
        until(lambda: slots.waiting == 1)
        time.sleep(0.15)  # more than two steps
        threads.append(in_thread(partial(work, "high", Priority.HIGH)))
        until(lambda: slots.waiting == 2)
    for thread in threads:
        thread.join(30)
    assert served == ["low", "high"]


def test_a_batch_goes_last_and_is_patient(make: Callable[[int], Slots], monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it has waited, and longer than others may."""
    monkeypatch.setattr(slots_module, "AGE", 0.01)
    slots, served = make(1), []

    def work(name: str, priority: Priority) -> None:
        with run_to_end(slots.acquire(0.3, priority=priority)):
            served.append(name)
            time.sleep(0.02)

    with take(slots, 0):
        threads = [in_thread(partial(work, name, Priority.BATCH)) for name in ("batch", "batch")]
        until(lambda: slots.waiting == 2)
        time.sleep(0.4)  # longer than the others have
        threads += [in_thread(partial(work, "other", Priority.LOW)) for _ in range(3)]
        until(lambda: slots.waiting == 5)
    for thread in threads:
        thread.join(30)
    assert served == ["other"] * 3 + ["batch"] * 2
    assert (slots.held, slots.waiting) == (0, 0)


BATCHES = """
from gpt2giga.upstream.caller import Priority
slots, end = make(1), time.monotonic() + 5
while time.monotonic() < end:
    with run_to_end(slots.acquire(30, priority=Priority.BATCH)):
        say(sys.argv[2])
        time.sleep(0.002)
"""


def test_a_batch_of_another_process_goes_last_too(tmp_path: Path) -> None:
    """Threads of this process wait; as long as they do, no batch gets a slot."""
    slots = make_slots(tmp_path)
    with process(BATCHES, tmp_path, "b") as other:
        assert read(other, 10) == b"b" * 10, "nobody else is there"
        with take(slots, 30):
            threads = [in_thread(lambda: take(slots, 30).release()) for _ in range(20)]
            until(lambda: slots.waiting == 20)
            said(other)
        for thread in threads:
            thread.join(30)
        assert len(said(other)) <= 3, "after the last of the threads"
        assert read(other, 10) == b"b" * 10, "nobody else is there any more"


def said(running: subprocess.Popen[bytes]) -> bytes:
    """All that has come so far."""
    assert running.stdout is not None
    os.set_blocking(running.stdout.fileno(), False)
    try:
        return running.stdout.read() or b""
    finally:
        os.set_blocking(running.stdout.fileno(), True)


def test_no_batch_starves_another(tmp_path: Path) -> None:
    with process(BATCHES, tmp_path, "a", stdout=subprocess.PIPE) as one, process(BATCHES, tmp_path, "b") as other:
        assert read(one, 5) == b"a" * 5 and read(other, 5) == b"b" * 5
        assert read(one, 5) == b"a" * 5 and read(other, 5) == b"b" * 5


@pytest.mark.parametrize("first", Priority)
def test_by_priority_and_then_by_arrival(make: Callable[[int], Slots], first: Priority) -> None:
    """Also where the first of the line, who asks already, is not the first any more."""
    slots, served = make(1), []

    def work(name: tuple[Priority, int]) -> None:
        with run_to_end(slots.acquire(30, priority=name[0])):
            served.append(name)

    with take(slots, 0):
        threads = []
        names = [(first, 0), *((priority, number) for number in (1, 2) for priority in reversed(Priority))]
        for length, name in enumerate(names, 1):
            threads.append(in_thread(partial(work, name)))
            until(lambda length=length: slots.waiting == length)  # type: ignore[misc]
        time.sleep(0.3)  # who was the first, and asks already, has its answer by then
    for thread in threads:
        thread.join(30)
    assert served == sorted(names)
    assert (slots.held, slots.waiting) == (0, 0)


def test_one_asks_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes to the head of the line while the former first asks the counter waits for its next look."""
    slots, asking, go_on, peak = make_slots(tmp_path), threading.Event(), threading.Event(), []
    ask = slots._files.take

    def slow(*, last: bool) -> str | None:
        peak.append(len(peak))
        asking.set()
        go_on.wait(10)
        return ask(last=last)

    monkeypatch.setattr(slots._files, "take", slow)
    taken: list[Slot] = []
    low = in_thread(lambda: taken.append(run_to_end(slots.acquire(30, priority=Priority.LOW))))
    assert asking.wait(10)
    high = in_thread(lambda: taken.append(run_to_end(slots.acquire(30, priority=Priority.HIGH))))
    until(lambda: slots.waiting == 2)
    time.sleep(0.2)  # several looks
    assert len(peak) == 1
    go_on.set()
    low.join(5)
    assert len(taken) == 1
    taken.pop().release()
    high.join(5)
    assert len(taken) == 1


def make_slots(folder: Path) -> Slots:
    return Slots(1, ACCOUNT, folder)


# Any of several accounts


def several(folder: Path, number: int) -> list[Slots]:
    return [Slots(1, f"account {place}", folder) for place in range(number)]


def take_any(lines: list[Slots], timeout: float, priority: Priority = Priority.NORMAL) -> tuple[Slots, Slot]:
    return run_to_end(acquire_any(lambda: lines, timeout, None, UNHEARD, priority, time.monotonic()))


def test_any_account_that_has_a_slot(tmp_path: Path) -> None:
    """The first of those that do, as the caller orders them."""
    lines = several(tmp_path, 3)
    taken = [take_any(lines, 0), take_any(lines, 0), take_any([lines[2], *lines], 0)]
    assert [slots for slots, _ in taken] == lines
    with pytest.raises(QueueTimeout):
        take_any(lines, 0.1)
    taken[1][1].release()
    assert take_any(lines, 0)[0] is lines[1]
    assert [slots.waiting for slots in lines] == [0, 0, 0]


def test_no_account_is_idle_while_somebody_waits(tmp_path: Path) -> None:
    """Not even behind somebody who may have another account only, and first come, first served all the same."""
    lines, served = several(tmp_path, 2), []
    held = [take_any(lines, 0), take_any(lines, 0)]

    def work(name: str, wanted: list[Slots]) -> None:
        slots, slot = take_any(wanted, 30)
        served.append((name, slots))
        slot.release()

    threads = []
    for name, wanted, waiting in (("only one", lines[:1], (1, 0)), ("a", lines, (2, 1)), ("b", lines, (3, 2))):
        threads.append(in_thread(partial(work, name, wanted)))
        until(lambda waiting=waiting: tuple(slots.waiting for slots in lines) == waiting)  # type: ignore[misc]
    held[1][1].release()
    until(lambda: len(served) == 2)
    assert served == [("a", lines[1]), ("b", lines[1])]
    held[0][1].release()
    for thread in threads:
        thread.join(10)
    assert served[2:] == [("only one", lines[0])]
    assert [(slots.held, slots.waiting) for slots in lines] == [(0, 0), (0, 0)]


def test_who_waits_hears_of_another_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots_module, "LOOK", 0.05)
    first, second = several(tmp_path, 2)
    lines, taken = [first], []
    with take(first, 0):
        thread = in_thread(lambda: taken.append(take_any(lines, 30)))
        until(lambda: first.waiting == 1)
        lines[:] = [second]
        thread.join(5)
        assert taken[0][0] is second and first.waiting == second.waiting == 0


def test_threads_never_have_more_than_all_slots(tmp_path: Path) -> None:
    lines, running, peak = several(tmp_path, 3), [], []

    def work() -> None:
        for _ in range(10):
            with take_any(random.sample(lines, 3), 30, random.choice([*Priority]))[1]:
                running.append(None)
                peak.append(len(running))
                time.sleep(random.uniform(0, 0.002))
                running.pop()

    for thread in [in_thread(work) for _ in range(30)]:
        thread.join(30)
    assert (len(peak), max(peak)) == (300, 3)
    assert [(slots.held, slots.waiting) for slots in lines] == [(0, 0)] * 3


def test_first_come_first_served(make: Callable[[int], Slots]) -> None:
    slots, served = make(1), []

    def line_is(length: int) -> bool:
        return slots.waiting == length

    def work(number: int) -> None:
        with take(slots, 30):
            served.append(number)

    with take(slots, 0):
        threads = []
        for number in range(20):
            threads.append(in_thread(partial(work, number)))
            until(partial(line_is, number + 1))
        assert (slots.held, served) == (1, [])
    for thread in threads:
        thread.join(30)
    assert served == [*range(20)]


def test_a_slot_that_comes_back_goes_to_the_line_at_once(
    make: Callable[[int], Slots], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_counter, "SHORTEST_PAUSE", 60)
    slots, taken = make(1), []
    slot = take(slots, 0)
    thread = in_thread(lambda: taken.append(take(slots, 30)))
    until(lambda: slots.waiting == 1)
    slot.release()
    thread.join(5)
    assert len(taken) == 1


def test_a_timeout_leaves_the_line_as_it_was(make: Callable[[int], Slots]) -> None:
    slots, served = make(1), []
    slot = take(slots, 0)
    first = in_thread(lambda: served.append(take(slots, 30)))
    until(lambda: slots.waiting == 1)
    with pytest.raises(QueueTimeout, match="0.1 s; requests still ahead in the line: 1") as timeout:
        take(slots, 0.1)
    assert 0.1 <= timeout.value.waited < 1
    assert (timeout.value.ahead, slots.waiting, served) == (1, 1, [])
    slot.release()
    first.join(5)
    assert (slots.waiting, slots.held) == (0, 1)


def test_an_exception_in_the_line_leaves_the_line(make: Callable[[int], Slots]) -> None:
    slots = make(1)

    def strike(*_: object) -> None:
        raise ZeroDivisionError

    def wait_and_strike() -> None:
        until(lambda: slots.waiting == 1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, strike)
    with take(slots, 0):
        thread = in_thread(wait_and_strike)
        with pytest.raises(ZeroDivisionError):
            take(slots, 30)
        assert (slots.waiting, slots.held) == (0, 1)
    signal.signal(signal.SIGALRM, before)
    thread.join(5)
    take(slots, 0).release()


def test_an_exception_with_the_slot_in_hand(make: Callable[[int], Slots], monkeypatch: pytest.MonkeyPatch) -> None:
    slots = make(1)
    slot, wait, begun = take(slots, 0), slots._wait, threading.Event()

    def struck(*arguments: Any) -> Iterator[list[Any]]:
        begun.set()
        yield from wait(*arguments)
        raise ZeroDivisionError

    def wait_and_release() -> None:
        begun.wait(5)
        slot.release()

    monkeypatch.setattr(slots, "_wait", struck)
    thread = in_thread(wait_and_release)
    with pytest.raises(ZeroDivisionError) as kept:
        take(slots, 5)
    assert (slots.held, slots.waiting, kept.type) == (0, 0, ZeroDivisionError)
    thread.join(5)


def test_signs_of_life_from_the_line(make: Callable[[int], Slots]) -> None:
    slots = make(1)
    slot, asked = take(slots, 0), time.monotonic()
    steps = slots.acquire(30, tick=0.05)
    assert [next(steps) for _ in range(3)] == [[], [], []]
    assert 0.15 <= time.monotonic() - asked < 1
    slot.release()
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert (end.value.value.token is not None, slots.held, slots.waiting) == (True, 1, 0)


def test_signs_of_life_do_not_move_the_end(make: Callable[[int], Slots]) -> None:
    slots, told = make(1), []
    with take(slots, 0), pytest.raises(QueueTimeout, match=r"0\.1 s"):
        told += slots.acquire(0.1, tick=0.03)  # extends by what it yields before it raises
    assert (slots.held, slots.waiting) == (0, 0)


@pytest.mark.parametrize(
    "leave", [Generator.close, lambda steps: steps.throw(ZeroDivisionError)], ids=["close", "throw"]
)
def test_who_leaves_between_two_signs_of_life(make: Callable[[int], Slots], leave: Callable[[Any], None]) -> None:
    """It is the first, so the next one has to take over."""
    slots, taken = make(1), []
    slot, steps = take(slots, 0), slots.acquire(30, tick=0.01)
    next(steps)
    thread = in_thread(lambda: taken.append(take(slots, 30)))
    until(lambda: slots.waiting == 2)
    with contextlib.suppress(ZeroDivisionError):
        leave(steps)
    assert slots.waiting == 1
    slot.release()
    thread.join(5)
    assert (len(taken), slots.held, slots.waiting) == (1, 1, 0)


def test_no_slot_is_lost_between_timeouts_and_grants(make: Callable[[int], Slots]) -> None:
    slots, outcomes = make(2), []

    def work() -> None:
        for _ in range(100):
            try:
                with take(slots, random.uniform(0, 0.004)):
                    time.sleep(random.uniform(0, 0.001))
                outcomes.append(True)
            except QueueTimeout:
                outcomes.append(False)

    for thread in [in_thread(work) for _ in range(10)]:
        thread.join(30)
    assert len(outcomes) == 1000
    assert min(outcomes.count(True), outcomes.count(False)) > 10
    assert (slots.waiting, slots.held) == (0, 0)
    assert [take(slots, 0), take(slots, 0)]


def test_release_by_another_thread_twice_and_by_losing_it(make: Callable[[int], Slots]) -> None:
    slots = make(1)
    slot = take(slots, 0)
    in_thread(slot.release).join(5)
    other = take(slots, 0)
    slot.release()
    assert (slots.held, full(slots)) == (1, True)
    del other
    assert (slots.held, full(slots)) == (0, False)


def test_a_slot_released_in_the_middle_of_a_look(make: Callable[[int], Slots], monkeypatch: pytest.MonkeyPatch) -> None:
    """As the garbage collector may do: no deadlock, and the slot goes to the line."""
    slots = make(2)
    slot, other, lock = take(slots, 0), take(slots, 0), slots._files._lock

    def interrupted(name: str, shared: bool = False) -> bool:
        slot.release()
        return lock(name, shared)

    monkeypatch.setattr(slots._files, "_lock", interrupted)
    thread = in_thread(lambda: take(slots, 5).release())
    thread.join(5)
    assert not thread.is_alive()
    other.release()
    assert slots.held == 0


def test_a_slot_released_in_the_middle_of_a_wait(make: Callable[[int], Slots]) -> None:
    """By the very thread that waits, as the garbage collector may do."""
    slots = make(1)
    slot = take(slots, 0)

    def wait_and_strike() -> None:
        until(lambda: slots.waiting == 1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, lambda *_: slot.release())
    thread = in_thread(wait_and_strike)
    take(slots, 30).release()
    signal.signal(signal.SIGALRM, before)
    thread.join(5)


def test_no_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    slots = Slots(0, ACCOUNT, tmp_path)
    taken = [take(slots, 0) for _ in range(100)]
    assert (slots.held, slots.waiting, [*tmp_path.iterdir()], caplog.messages) == (0, 0, [], [])
    taken[0].release()


def test_processes_share_the_slots(tmp_path: Path) -> None:
    """The pipe tells the order: + after getting a slot, - before giving it back."""
    code = """
slots = make(3)
sys.stdin.read()
def work():
    for _ in range(6):
        with take(slots, 30):
            say("+")
            time.sleep(0.001)
            say("-")
for thread in [threading.Thread(target=work) for _ in range(8)]:
    thread.start()
"""
    reader, writer = os.pipe()
    with contextlib.ExitStack() as stack, open(reader, "rb") as pipe:
        started = [stack.enter_context(process(code, tmp_path, stdout=writer)) for _ in range(4)]
        os.close(writer)
        for running in started:
            assert running.stdin is not None
            running.stdin.close()
        told = pipe.read()
    running_at_once = [told[: i + 1].count(b"+") - told[: i + 1].count(b"-") for i in range(len(told))]
    assert (len(told), max(running_at_once), min(running_at_once)) == (4 * 8 * 6 * 2, 3, 0)


def test_a_killed_process_gives_its_slots_back(tmp_path: Path) -> None:
    slots = Slots(2, ACCOUNT, tmp_path)
    with process(
        "slots = make(2); taken = take(slots, 1), take(slots, 1); say('2'); time.sleep(60)", tmp_path
    ) as running:
        assert read(running, 1) == b"2"
        assert full(slots)
        killed = time.monotonic()
        running.kill()
        taken = take(slots, 5), take(slots, 5)
    assert time.monotonic() - killed < 0.5
    assert slots.held == len(taken)


@pytest.mark.parametrize("threads", [(8, 8), (1, 8), (1, 1)], ids=str)
def test_no_process_starves(tmp_path: Path, threads: tuple[int, int]) -> None:
    """A line against a line, and against a client that comes back at once with its next request."""
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as pipe, contextlib.ExitStack() as stack:
        for letter, count in zip("ab", threads, strict=True):
            stack.enter_context(process(WORKERS, tmp_path, letter, count, stdout=writer))
        os.close(writer)
        told = pipe.read(1)
        while len({*told}) == 1:
            told += pipe.read(1) or b"never both"
        told = b"".join(pipe.read(1) for _ in range(60))
    assert min(told.count(b"a"), told.count(b"b")) >= 12


def test_a_stopped_process_in_line_does_not_stop_the_others(tmp_path: Path) -> None:
    slots, more = Slots(1, ACCOUNT, tmp_path), Slots(2, ACCOUNT, tmp_path)
    slot = take(slots, 0)
    with process("slots = make(1); say('.'); take(slots, 60)", tmp_path) as running:
        read(running, 1)
        until(lambda: full(more))  # it gives way to the line of the process
        running.send_signal(signal.SIGSTOP)
        slot.release()
        for _ in range(10):
            take(slots, 1).release()


def test_made_before_a_fork(tmp_path: Path) -> None:
    """The child has no slots, respects and does not free the parent's, and does not keep them when that dies."""
    code = """
import signal
slots = make(1)
slot = take(slots, 0)
descriptors = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
def busy():
    try:
        take(slots, 0.05)
    except QueueTimeout as timeout:
        return timeout.ahead == slots.waiting == 0
def in_child():
    inherited = len(os.listdir("/proc/self/fd")) - descriptors if descriptors else -2
    say(f"{inherited} {slots.held} {busy()} ")
    slot.release()
    say(f"{busy()} ")
    os.kill(os.getppid(), signal.SIGKILL)
    mine = take(slots, 5)
    say(f"{slots.held}")
    os._exit(0)
os.fork() or in_child()
time.sleep(60)
"""
    with process(code, tmp_path) as running:
        assert read(running, -1) == b"-2 0 True True 1"


def test_another_number_of_slots(tmp_path: Path) -> None:
    few, many = Slots(1, ACCOUNT, tmp_path), Slots(3, ACCOUNT, tmp_path)
    with take(few, 0), take(many, 0), take(many, 0):
        assert full(few)
        assert full(many)
    assert not full(few)


def test_the_folder_is_private_and_tells_nothing(tmp_path: Path) -> None:
    with take(Slots(2, ACCOUNT, tmp_path), 0), take(Slots(2, "another", tmp_path), 0):
        folders = [*tmp_path.iterdir()]
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700]
    files = [file for folder in folders for file in folder.iterdir()]
    assert sorted(file.name for file in files) == ["line", "line", "slot-0", "slot-0"]
    assert {(file.stat().st_mode & 0o777, file.read_bytes()) for file in files} == {(0o600, b"")}
    assert not any("secret" in str(file) or "NmIx" in str(file) for file in files)


def test_a_cleaned_up_directory(tmp_path: Path) -> None:
    one, two = Slots(1, ACCOUNT, tmp_path), Slots(1, ACCOUNT, tmp_path)
    take(one, 0).release()
    shutil.rmtree(next(tmp_path.iterdir()))
    with take(two, 0):
        assert full(one)
    shutil.rmtree(tmp_path)
    with take(two, 0):
        assert full(two)


def test_a_directory_that_was_moved_away(tmp_path: Path) -> None:
    """Who had it open, and who comes later, count in the same place."""
    one = Slots(1, ACCOUNT, tmp_path)
    take(one, 0).release()
    [folder] = tmp_path.iterdir()
    folder.rename(tmp_path / "elsewhere")
    later = Slots(1, ACCOUNT, tmp_path)
    with take(one, 0):
        assert full(later)
    with take(later, 0):
        assert full(one)


def a_file(folder: Path, _: pytest.MonkeyPatch) -> None:
    folder.write_text("")


def open_to_all(folder: Path, _: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    folder.chmod(0o755)


def a_link(folder: Path, _: pytest.MonkeyPatch) -> None:
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)


def somebody_elses(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "lstat", lambda path: os.stat_result((0o40700, 0, 0, 1, os.geteuid() + 1, *[0] * 5)))
    monkeypatch.setattr(Path, "lstat", os.lstat)


def no_parent(folder: Path, _: pytest.MonkeyPatch) -> None:
    folder.parent.rmdir()


def no_locks(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_counter, "fcntl", None)


@pytest.mark.parametrize("trouble", [a_file, open_to_all, a_link, somebody_elses, no_parent, no_locks])
def test_without_a_directory_the_process_counts_for_itself(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    trouble(Slots(2, ACCOUNT, directory)._files._folder, monkeypatch)
    with caplog.at_level(logging.WARNING):
        slots = Slots(2, ACCOUNT, directory)
        for _ in range(3):
            with take(slots, 0), take(slots, 0):
                assert full(slots)
    assert len(caplog.messages) == 1
    assert "in this process only" in caplog.messages[0]


def test_files_that_can_be_used_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_counter, "RETRY", 0.1)
    one, two = Slots(1, ACCOUNT, tmp_path), Slots(1, ACCOUNT, tmp_path)
    folder = one._files._folder
    folder.write_text("")
    caplog.set_level(logging.INFO)
    take(one, 0).release()
    folder.unlink()
    with take(two, 0):
        take(one, 0).release()
        until(lambda: full(one))
    with take(one, 0):
        assert full(two)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "in this process only" in caplog.messages[0] and "over all workers again" in caplog.messages[1]


def test_a_slot_taken_while_the_files_could_not_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts in its process until it is given back."""
    monkeypatch.setattr(file_counter, "RETRY", 0.01)
    slots = Slots(2, ACCOUNT, tmp_path / "missing")
    with take(slots, 0):
        tmp_path.joinpath("missing").mkdir()
        until(lambda: bool(take(slots, 0).release() or [*tmp_path.glob("*/*/slot-1")]))
        with take(slots, 0):
            assert full(slots)
    assert slots.held == 0


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    if not os.path.exists("/proc/self/fd"):
        pytest.skip("no /proc to count in")
    before = descriptors()
    slots = Slots(2, ACCOUNT, tmp_path)
    with take(slots, 0), take(slots, 0):
        used = descriptors()
        assert [full(slots) for _ in range(100)]
    for _ in range(10_000):
        take(slots, 0).release()
    assert (used, descriptors()) == (before + 3, before + 3)
    del slots
    assert descriptors() == before


GREENLETS = """
from gevent import monkey; monkey.patch_all()
import gevent.event, random
go = gevent.event.Event()
slots, running, peak, done, gaps = make(10), [], [], [], []
def work():
    with take(slots, 30):
        running.append(None)
        peak.append(len(running))
        try:
            go.wait()
            gevent.sleep(random.uniform(0, 0.02))
            done.append(None)
        finally:
            running.pop()
def tick():
    while True:
        before = time.monotonic()
        gevent.sleep(0.002)
        gaps.append(time.monotonic() - before)
ticker = gevent.spawn(tick)
greenlets = [gevent.spawn(work) for _ in range(200)]
while (slots.held, slots.waiting) != (10, 190):
    gevent.sleep(0.001)
go.set()
for victim in random.sample(greenlets, 100):
    victim.kill(block=random.random() < 0.5)
    gevent.sleep(0.0005)
gevent.joinall(greenlets, timeout=20)
assert 100 <= len(done) < 200
assert (max(peak), slots.held, slots.waiting, running) == (10, 0, 0, [])
taken = [take(slots, 0) for _ in range(10)]

# The same with the slots in another process's hands, so that the first of the line looks at the files.
other = make(10)
waiting = [gevent.spawn(take, other, 30) for _ in range(50)]
gaps.clear()
gevent.sleep(0.2)
assert (other.held, other.waiting) == (0, 50)
assert len(gaps) > 10 and max(gaps) < 0.15, (len(gaps), max(gaps))
steps = other.acquire(30, tick=0.01)
assert (next(steps), next(steps), other.waiting) == ([], [], 51)
steps.close()
gevent.killall(waiting[:40])
assert (other.held, other.waiting) == (0, 10)
del taken
gevent.joinall(waiting, timeout=20)
assert (other.held, other.waiting) == (10, 0)
say("fine")
os._exit(0)
"""


def test_greenlets(tmp_path: Path) -> None:
    """200 on 10 slots, killed in the line and at work, and nothing else stands still meanwhile."""
    assert finish(GREENLETS, tmp_path) == "fine"
