"""Several instances, as if on several machines: one Redis counts the account's slots for all of them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from gpt2giga.concurrency.waiting import run_to_end
from gpt2giga.upstream.accounts import redis_counter
from gpt2giga.upstream.accounts.redis_counter import LEASE
from gpt2giga.upstream.accounts.slots import QueueTimeout, Slots
from gpt2giga.upstream.caller import Priority
from gpt2giga_sandbox.server import SandboxServer
from tests.deploy.running import in_background, running
from tests.deploy.streams import ask, Place, streams
from tests.service import free_port, Service
from tests.sockets import eventually
from tests.upstream.test_slots import take


class Redis:
    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port(), folder
        self.url = f"redis://:secret@127.0.0.1:{self.port}/0"
        self._stack = contextlib.ExitStack()

    def start(self) -> None:
        options = {"--port": str(self.port), "--bind": "127.0.0.1", "--save": "", "--requirepass": "secret"}
        words = [word for pair in options.items() for word in pair]
        command = ["redis-server", *words, "--dir", str(self._folder)]
        self._stack.enter_context(running(command, self._folder / "redis.log"))
        assert eventually(lambda: listens(self.port))

    def stop(self) -> None:
        self._stack.close()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    redis = Redis(tmp_path)
    redis.start()
    yield redis
    redis.stop()


@pytest.fixture
def start_instance(start_service, redis: Redis, tmp_path: Path) -> Callable[..., Service]:
    """Each with a folder of its own, so that nothing but Redis connects them."""

    def start(**settings: str) -> Service:
        folder = tmp_path / f"runtime-{free_port()}"
        folder.mkdir()
        ours = {"GPT2GIGA_REDIS_URL": redis.url, "GPT2GIGA_RUNTIME_DIR": str(folder), "GPT2GIGA_MAX_CONCURRENCY": "3"}
        return start_service(**{**ours, **settings})

    return start


@pytest.fixture
def make(redis: Redis, tmp_path: Path) -> Callable[[int], Slots]:
    """As if in processes of several machines."""
    return lambda number: Slots(number, "an account", tmp_path / str(free_port()), redis.url)


def test_one_line_in_a_process(make: Callable[[int], Slots], monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot that comes back goes to it at once, not when the first of it looks again."""
    monkeypatch.setattr(redis_counter, "PAUSE", 60)
    slots, served = make(1), []

    def work(number: int) -> None:
        with take(slots, 30):
            served.append(number)

    def line_is(length: int) -> bool:
        return slots.waiting == length

    with ThreadPoolExecutor(10) as pool, take(slots, 1):
        for number in range(10):
            pool.submit(work, number)
            assert eventually(partial(line_is, number + 1))
        assert (slots.held, served) == (1, [])
    assert (served, slots.held, slots.waiting) == ([*range(10)], 0, 0)


def test_who_leaves_the_line_leaves_nothing_in_redis(make: Callable[[int], Slots]) -> None:
    one, two = make(1), make(1)
    slot, steps = take(one, 1), two.acquire(30, tick=0.05)
    assert [next(steps), next(steps)] == [[], []]
    assert (two.held, two.waiting) == (0, 1)
    steps.close()
    with pytest.raises(QueueTimeout):
        take(two, 0.1)
    slot.release()
    assert (two.held, two.waiting) == (0, 0)
    take(one, 0.5).release()  # sooner than a place in the line of the processes ends by itself


def test_who_waits_when_redis_goes_counts_here(make: Callable[[int], Slots], redis: Redis) -> None:
    one, two = make(1), make(1)
    with ThreadPoolExecutor(1) as pool, take(one, 1):
        waiting = pool.submit(take, two, 20)
        assert eventually(lambda: two.waiting == 1)
        redis.stop()
        with waiting.result(10), pytest.raises(QueueTimeout):
            take(two, 0.1)
    assert (one.held, two.held, two.waiting) == (0, 0, 0)


def test_two_instances_share_the_slots(start_instance, sandbox: SandboxServer) -> None:
    one, two = start_instance(), start_instance()
    sandbox.state.script({"text": "раз два три", "frame_delay": 0.1, "times": 30})
    both = [in_background(Place(service.port), 15) for service in (one, two)]
    assert all(answer.finished for answers in both for answer in answers.result(60))
    assert sandbox.state.counters.peak_streams == 3
    assert one.log.read_text().count("WARNING") == 0


def test_each_instance_gets_its_turn(start_instance, sandbox: SandboxServer) -> None:
    busy, other = start_instance(GPT2GIGA_MAX_CONCURRENCY="1"), start_instance(GPT2GIGA_MAX_CONCURRENCY="1")
    sandbox.state.script({"text": "раз два три", "frame_delay": 0.2, "times": 16})
    many = in_background(Place(busy.port), 15)
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    assert ask(Place(other.port), model="GigaChat-2").status == 200
    assert sandbox.state.counters.chat_requests < 8, "it did not wait for the whole line of the other"
    assert all(answer.finished for answer in many.result(60))


def test_the_slots_of_a_killed_instance_come_back(start_instance, sandbox: SandboxServer) -> None:
    victim, other = start_instance(), start_instance()
    sandbox.state.script({"text": "раз", "hang_after": 1, "times": 3}, {"text": "два", "times": 3})
    lost = in_background(Place(victim.port), 3)
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 3)
    os.killpg(victim.process.pid, signal.SIGKILL)
    started = time.monotonic()
    assert all(answer.finished for answer in streams(Place(other.port), 3))
    print(f"slots of a killed instance are back after {time.monotonic() - started:.1f} s")
    assert time.monotonic() - started < LEASE + 3
    assert not any(answer.finished for answer in lost.result(5))


def test_a_slot_outlives_its_lease(start_instance, sandbox: SandboxServer) -> None:
    """As long as its request goes on, it is renewed."""
    one, two = start_instance(GPT2GIGA_MAX_CONCURRENCY="1"), start_instance(GPT2GIGA_MAX_CONCURRENCY="1")
    sandbox.state.script({"text": "раз два три четыре пять шесть семь", "frame_delay": LEASE / 2.5}, {"text": "два"})
    long = in_background(Place(one.port), 1)
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    assert streams(Place(two.port), 1)[0].finished
    assert long.result(1)[0].finished and sandbox.state.counters.peak_streams == 1


def test_without_redis_each_counts_for_itself_until_it_is_back(start_instance, redis, sandbox: SandboxServer) -> None:
    one, two = start_instance(), start_instance()
    assert ask(Place(one.port), model="GigaChat-2").status == 200
    redis.stop()
    sandbox.state.reset()
    sandbox.state.script({"text": "раз два три", "frame_delay": 0.3, "times": 20})
    both = [in_background(Place(service.port), 10) for service in (one, two)]
    assert all(answer.finished for answers in both for answer in answers.result(60))
    assert 3 < sandbox.state.counters.peak_streams <= 6
    assert one.log.read_text().count("Redis does not answer") == 1
    redis.start()
    assert eventually(lambda: all("Redis answers again" in service.log.read_text() for service in (one, two)), 10)
    sandbox.state.reset()
    sandbox.state.script({"text": "раз два три", "frame_delay": 0.1, "times": 20})
    both = [in_background(Place(service.port), 10) for service in (one, two)]
    assert all(answer.finished for answers in both for answer in answers.result(60))
    assert sandbox.state.counters.peak_streams == 3
    assert "secret" not in one.log.read_text()


def test_a_wait_that_is_too_long_is_told_and_leaves_nothing(start_instance, sandbox: SandboxServer) -> None:
    service = start_instance(GPT2GIGA_MAX_CONCURRENCY="1", GPT2GIGA_QUEUE_TIMEOUT="1")
    sandbox.state.script({"text": "раз два три четыре", "frame_delay": 1})
    long = in_background(Place(service.port), 1)
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    refused = ask(Place(service.port), model="GigaChat-2")
    assert refused.status == 429 and "Retry-After" in refused.head
    assert long.result(20)[0].finished
    assert ask(Place(service.port), model="GigaChat-2").status == 200


def test_nginx_over_two_instances(start_instance, start_nginx, sandbox: SandboxServer) -> None:
    """When one dies, the other answers all."""
    one, two = start_instance(), start_instance()
    both = f"127.0.0.1:{one.port};\n    server 127.0.0.1:{two.port}"
    nginx = start_nginx("gpt2giga.conf", both)
    assert all(answer.finished for answer in streams(nginx.place, 12))
    assert all("chat/completions" in service.log.read_text() for service in (one, two))
    os.killpg(one.process.pid, signal.SIGKILL)
    assert eventually(lambda: not listens(one.port))
    assert all(answer.finished for answer in streams(nginx.place, 12))


def test_a_batch_goes_last_on_every_machine(make: Callable[[int], Slots]) -> None:
    one, other, served = make(1), make(1), []

    def work(slots: Slots, name: str, priority: Priority) -> None:
        with run_to_end(slots.acquire(30, priority=priority)):
            served.append(name)

    with ThreadPoolExecutor(4) as pool, take(one, 1):
        pool.submit(work, one, "batch", Priority.BATCH)
        pool.submit(work, other, "batch", Priority.BATCH)
        assert eventually(lambda: (one.waiting, other.waiting) == (1, 1))
        time.sleep(0.5)  # both stand in the line of the processes
        pool.submit(work, other, "other", Priority.LOW)
        assert eventually(lambda: other.waiting == 2)
        time.sleep(0.5)
    assert (served, one.held, other.held) == (["other", "batch", "batch"], 0, 0)
