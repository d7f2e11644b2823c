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
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from gpt2giga.upstream.accounts import slots as module
from gpt2giga.upstream.accounts.slots import Limiter, QueueTimeout, Slot

ACCOUNT = "NmIxZTk0:secret-of-an-account"

# Argument 1 is the directory. Whatever is written to the pipe below arrives in the order of writing.
PRELUDE = f"""
import os, sys, threading, time
from pathlib import Path
from gpt2giga.upstream.accounts.slots import Limiter, QueueTimeout
def make(slots): return Limiter(slots, {ACCOUNT!r}, Path(sys.argv[1]))
def say(text): os.write(1, text.encode())
"""

# Threads that work on and on: argument 2 is the letter said for every slot, 3 the number of threads.
WORKERS = """
limiter, end = make(1), time.monotonic() + 5
def work():
    while time.monotonic() < end:
        with limiter.acquire(30):
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


def full(limiter: Limiter) -> bool:
    """No slot is to be had at once."""
    try:
        limiter.acquire(0).release()
    except QueueTimeout:
        return True
    return False


@pytest.fixture(params=["files", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int], Limiter]:
    return lambda slots: Limiter(slots, ACCOUNT, tmp_path if request.param == "files" else None)


def test_threads_never_have_more_than_the_slots(make: Callable[[int], Limiter]) -> None:
    limiter, running, peak = make(3), [], []

    def work() -> None:
        for _ in range(10):
            with limiter.acquire(30):
                running.append(None)
                peak.append(len(running))
                time.sleep(random.uniform(0, 0.002))
                running.pop()

    for thread in [in_thread(work) for _ in range(40)]:
        thread.join(30)
    assert (len(peak), max(peak), limiter.held, limiter.waiting) == (400, 3, 0, 0)


def test_first_come_first_served(make: Callable[[int], Limiter]) -> None:
    limiter, served = make(1), []

    def line_is(length: int) -> bool:
        return limiter.waiting == length

    def work(number: int) -> None:
        with limiter.acquire(30):
            served.append(number)

    with limiter.acquire(0):
        threads = []
        for number in range(20):
            threads.append(in_thread(partial(work, number)))
            until(partial(line_is, number + 1))
        assert (limiter.held, served) == (1, [])
    for thread in threads:
        thread.join(30)
    assert served == [*range(20)]


def test_a_slot_is_handed_over_without_looking_at_the_files(
    make: Callable[[int], Limiter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHORTEST_PAUSE", 60)
    limiter, slots = make(1), []
    slot = limiter.acquire(0)
    thread = in_thread(lambda: slots.append(limiter.acquire(30)))
    until(lambda: limiter.waiting == 1)
    slot.release()
    thread.join(5)
    assert len(slots) == 1


def test_a_timeout_leaves_the_line_as_it_was(make: Callable[[int], Limiter]) -> None:
    limiter, served = make(1), []
    slot = limiter.acquire(0)
    first = in_thread(lambda: served.append(limiter.acquire(30)))
    until(lambda: limiter.waiting == 1)
    with pytest.raises(QueueTimeout, match="0.1 s; requests still ahead in the line: 1") as timeout:
        limiter.acquire(0.1)
    assert 0.1 <= timeout.value.waited < 1
    assert (timeout.value.ahead, limiter.waiting, served) == (1, 1, [])
    slot.release()
    first.join(5)
    assert (limiter.waiting, limiter.held) == (0, 1)


def test_an_exception_in_the_line_leaves_the_line(make: Callable[[int], Limiter]) -> None:
    limiter = make(1)

    def strike(*_: object) -> None:
        raise ZeroDivisionError

    def wait_and_strike() -> None:
        until(lambda: limiter.waiting == 1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, strike)
    with limiter.acquire(0):
        thread = in_thread(wait_and_strike)
        with pytest.raises(ZeroDivisionError):
            limiter.acquire(30)
        assert (limiter.waiting, limiter.held) == (0, 1)
    signal.signal(signal.SIGALRM, before)
    thread.join(5)
    limiter.acquire(0).release()


def test_an_exception_with_the_slot_in_hand(make: Callable[[int], Limiter], monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = make(1)
    stand_in_line = limiter._stand_in_line

    def struck(slot: Slot, deadline: float) -> bool:
        stand_in_line(slot, deadline)
        raise ZeroDivisionError

    monkeypatch.setattr(limiter, "_stand_in_line", struck)
    with pytest.raises(ZeroDivisionError) as kept:
        limiter.acquire(0)
    assert (limiter.held, limiter.waiting, kept.type) == (0, 0, ZeroDivisionError)


def test_no_slot_is_lost_between_timeouts_and_grants(make: Callable[[int], Limiter]) -> None:
    limiter, outcomes = make(2), []

    def work() -> None:
        for _ in range(100):
            try:
                with limiter.acquire(random.uniform(0, 0.004)):
                    time.sleep(random.uniform(0, 0.001))
                outcomes.append(True)
            except QueueTimeout:
                outcomes.append(False)

    for thread in [in_thread(work) for _ in range(10)]:
        thread.join(30)
    assert len(outcomes) == 1000
    assert min(outcomes.count(True), outcomes.count(False)) > 10
    assert (limiter.waiting, limiter.held) == (0, 0)
    assert [limiter.acquire(0), limiter.acquire(0)]


def test_release_by_another_thread_twice_and_by_losing_it(make: Callable[[int], Limiter]) -> None:
    limiter = make(1)
    slot = limiter.acquire(0)
    in_thread(slot.release).join(5)
    other = limiter.acquire(0)
    slot.release()
    assert (limiter.held, full(limiter)) == (1, True)
    del other
    assert (limiter.held, full(limiter)) == (0, False)


def test_a_slot_released_in_the_middle_of_serving(
    make: Callable[[int], Limiter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the garbage collector may do: no deadlock, and the slot goes to the line."""
    limiter = make(1)
    slot, take = limiter.acquire(0), limiter._files.take

    def interrupted(taken: set[str]) -> str | None:
        slot.release()
        return take(taken)

    monkeypatch.setattr(limiter._files, "take", interrupted)
    thread = in_thread(lambda: limiter.acquire(5).release())
    thread.join(5)
    assert not thread.is_alive()
    until(lambda: limiter.held == 0)


def test_no_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    limiter = Limiter(0, ACCOUNT, None)
    slots = [limiter.acquire(0) for _ in range(100)]
    assert (limiter.held, limiter.waiting, [*tmp_path.iterdir()], caplog.messages) == (0, 0, [], [])
    slots[0].release()


def test_processes_share_the_slots(tmp_path: Path) -> None:
    """The pipe tells the order: + after getting a slot, - before giving it back."""
    code = """
limiter = make(3)
sys.stdin.read()
def work():
    for _ in range(6):
        with limiter.acquire(30):
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
    limiter = Limiter(2, ACCOUNT, tmp_path)
    with process(
        "limiter = make(2); slots = limiter.acquire(1), limiter.acquire(1); say('2'); time.sleep(60)", tmp_path
    ) as running:
        assert read(running, 1) == b"2"
        assert full(limiter)
        killed = time.monotonic()
        running.kill()
        slots = limiter.acquire(5), limiter.acquire(5)
    assert time.monotonic() - killed < 0.5
    assert limiter.held == len(slots)


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
    limiter = Limiter(1, ACCOUNT, tmp_path)
    slot = limiter.acquire(0)
    with process("limiter = make(1); say('.'); limiter.acquire(60)", tmp_path) as running:
        read(running, 1)
        until(limiter._files.gives_way)
        running.send_signal(signal.SIGSTOP)
        slot.release()
        for _ in range(10):
            limiter.acquire(1).release()


def test_made_before_a_fork(tmp_path: Path) -> None:
    """The child has no slots, respects and does not free the parent's, and does not keep them when that dies."""
    code = """
import signal
limiter = make(1)
slot = limiter.acquire(0)
descriptors = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
def busy():
    try:
        limiter.acquire(0.05)
    except QueueTimeout as timeout:
        return timeout.ahead == limiter.waiting == 0
def in_child():
    inherited = len(os.listdir("/proc/self/fd")) - descriptors if descriptors else -2
    say(f"{inherited} {limiter.held} {busy()} ")
    slot.release()
    say(f"{busy()} ")
    os.kill(os.getppid(), signal.SIGKILL)
    mine = limiter.acquire(5)
    say(f"{limiter.held}")
    os._exit(0)
os.fork() or in_child()
time.sleep(60)
"""
    with process(code, tmp_path) as running:
        assert read(running, -1) == b"-2 0 True True 1"


def test_another_number_of_slots(tmp_path: Path) -> None:
    few, many = Limiter(1, ACCOUNT, tmp_path), Limiter(3, ACCOUNT, tmp_path)
    with few.acquire(0), many.acquire(0), many.acquire(0):
        assert full(few)
        assert full(many)
    assert not full(few)


def test_the_folder_is_private_and_tells_nothing(tmp_path: Path) -> None:
    with Limiter(2, ACCOUNT, tmp_path).acquire(0), Limiter(2, "another", tmp_path).acquire(0):
        folders = [*tmp_path.iterdir()]
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700]
    files = [file for folder in folders for file in folder.iterdir()]
    assert sorted(file.name for file in files) == ["line", "line", "slot-0", "slot-0"]
    assert {(file.stat().st_mode & 0o777, file.read_bytes()) for file in files} == {(0o600, b"")}
    assert not any("secret" in str(file) or "NmIx" in str(file) for file in files)


def test_a_cleaned_up_directory(tmp_path: Path) -> None:
    one, two = Limiter(1, ACCOUNT, tmp_path), Limiter(1, ACCOUNT, tmp_path)
    one.acquire(0).release()
    shutil.rmtree(next(tmp_path.iterdir()))
    with two.acquire(0):
        assert full(one)
    shutil.rmtree(tmp_path)
    with two.acquire(0):
        assert full(two)


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
    monkeypatch.setattr(module, "fcntl", None)


@pytest.mark.parametrize("trouble", [a_file, open_to_all, a_link, somebody_elses, no_parent, no_locks])
def test_without_a_directory_the_process_counts_for_itself(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    folder = Limiter(2, ACCOUNT, directory)._files.folder
    assert folder is not None
    trouble(folder, monkeypatch)
    with caplog.at_level(logging.WARNING):
        limiter = Limiter(2, ACCOUNT, directory)
        for _ in range(3):
            with limiter.acquire(0), limiter.acquire(0):
                assert full(limiter)
    assert len(caplog.messages) == 1
    assert "in this process only" in caplog.messages[0]


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    if not os.path.exists("/proc/self/fd"):
        pytest.skip("no /proc to count in")
    before = descriptors()
    limiter = Limiter(2, ACCOUNT, tmp_path)
    with limiter.acquire(0), limiter.acquire(0):
        used = descriptors()
        assert [full(limiter) for _ in range(100)]
    for _ in range(10_000):
        limiter.acquire(0).release()
    assert (used, descriptors()) == (before + 3, before + 3)
    del limiter
    assert descriptors() == before


GREENLETS = """
from gevent import monkey; monkey.patch_all()
import gevent.event, random
go = gevent.event.Event()
limiter, running, peak, done, gaps = make(10), [], [], [], []
def work():
    with limiter.acquire(30):
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
while (limiter.held, limiter.waiting) != (10, 190):
    gevent.sleep(0.001)
go.set()
for victim in random.sample(greenlets, 100):
    victim.kill(block=random.random() < 0.5)
    gevent.sleep(0.0005)
gevent.joinall(greenlets, timeout=20)
assert 100 <= len(done) < 200
assert (max(peak), limiter.held, limiter.waiting, running) == (10, 0, 0, [])
slots = [limiter.acquire(0) for _ in range(10)]

# The same with the slots in another process's hands, so that the first of the line looks at the files.
other = make(10)
waiting = [gevent.spawn(other.acquire, 30) for _ in range(50)]
gaps.clear()
gevent.sleep(0.2)
assert (other.held, other.waiting) == (0, 50)
assert len(gaps) > 10 and max(gaps) < 0.15, (len(gaps), max(gaps))
gevent.killall(waiting[:40])
assert (other.held, other.waiting) == (0, 10)
del slots
gevent.joinall(waiting, timeout=20)
assert (other.held, other.waiting) == (10, 0)
say("fine")
os._exit(0)
"""


def test_greenlets(tmp_path: Path) -> None:
    """200 on 10 slots, killed in the line and at work, and nothing else stands still meanwhile."""
    assert finish(GREENLETS, tmp_path) == "fine"
