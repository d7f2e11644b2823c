"""The process itself: reloads, ends, losses and crowds."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from gpt2giga_sandbox.server import SandboxServer
from tests.deploy.running import alive, children, in_background, Visitors
from tests.deploy.streams import Answer, ask, Place, streams
from tests.service import Service
from tests.sockets import eventually

WORDS = " ".join(map(str, range(30)))
# Frames until which streams come before they are held, and their pace.
HELD = 2
SLOW = {"text": WORDS, "frame_delay": 0.1}
MANY = {"GPT2GIGA_MAX_CONCURRENCY": "0"}


def open_streams(sandbox: SandboxServer, number: int) -> bool:
    return sandbox.state.wait_for(lambda counters: counters.open_streams == number, 90)


def new_worker(service: Service, old: list[int]) -> bool:
    return eventually(lambda: any(pid not in old for pid in children(service.process.pid)))


def connections(pid: int, *, column: int, port: int) -> int:
    """A process's open connections with this port on its own side (column 1) or on the other (2)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    open_ones = {f"socket:[{row[9]}]" for row in rows if row[column].endswith(f":{port:04X}") and row[3] == "01"}
    return sum(os.readlink(entry) in open_ones for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_reload_under_load_loses_nothing(start_service, sandbox: SandboxServer, workers: str) -> None:
    service = start_service(GPT2GIGA_WORKERS=workers, **MANY)
    sandbox.state.script({**SLOW, "times": 40})
    sandbox.state.settings.hold_after = HELD
    before = children(service.process.pid)
    with Visitors(service.url) as visitors:
        answers = in_background(Place(service.port), 40)
        assert open_streams(sandbox, 40)
        for _ in range(2):
            former = children(service.process.pid)
            service.process.send_signal(signal.SIGHUP)
            assert new_worker(service, former) and visitors.more()
        assert not answers.done()
        sandbox.state.settings.hold_after = None
        assert [answer for answer in answers.result(60) if not (answer.finished and answer.text == WORDS)] == []
        assert eventually(lambda: not set(before) & set(children(service.process.pid)))
    assert visitors.failures == []


def test_a_stop_lets_streams_finish_and_takes_no_new_ones(start_service, sandbox: SandboxServer) -> None:
    service = start_service(**MANY)
    sandbox.state.script({**SLOW, "times": 10})
    sandbox.state.settings.hold_after = HELD
    answers = in_background(Place(service.port), 10)
    assert open_streams(sandbox, 10)
    service.process.send_signal(signal.SIGTERM)

    def refused() -> bool:
        try:
            return ask(Place(service.port), "/health").status != 200
        except OSError:
            return True

    assert eventually(refused) and not answers.done()
    sandbox.state.settings.hold_after = None
    assert all(answer.finished for answer in answers.result(60))
    assert service.process.wait(15) == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_heard_during_a_reload(start_service, sandbox: SandboxServer, signum: int) -> None:
    """Also by a worker that is just being born, and while an old one still has a stream."""
    service = start_service(**MANY)
    sandbox.state.script(SLOW)
    sandbox.state.settings.hold_after = HELD
    answers = in_background(Place(service.port), 1)
    assert open_streams(sandbox, 1)
    former = children(service.process.pid)
    service.process.send_signal(signal.SIGHUP)
    assert new_worker(service, former)
    service.process.send_signal(signum)
    if signum == signal.SIGTERM:
        sandbox.state.settings.hold_after = None
    assert service.process.wait(30) == 0
    assert [answer.finished for answer in answers.result(5)] == [signum == signal.SIGTERM]


def test_after_the_graceful_time_streams_end_in_an_error(start_service, sandbox: SandboxServer) -> None:
    service = start_service(GPT2GIGA_GRACEFUL_TIMEOUT="1", **MANY)
    sandbox.state.script({"text": WORDS, "frame_delay": 5, "times": 3}, {"text": "late", "delay": 30})
    answers = in_background(Place(service.port), 3)
    assert open_streams(sandbox, 3)
    whole = in_background_asked(service, model="GigaChat-2")
    assert open_streams(sandbox, 4)
    service.process.send_signal(signal.SIGTERM)
    for answer in answers.result(20):
        assert answer.whole and answer.frames[-1] != "[DONE]"
        assert json.loads(answer.frames[-1])["error"]["code"] == "restarting"
    refused = whole.result(20)
    assert refused.status == 503 and "Retry-After" in refused.head
    assert json.loads(refused.body)["error"]["code"] == "restarting"
    assert service.process.wait(15) == 0
    assert open_streams(sandbox, 0), "nothing goes on at GigaChat"
    assert "cause=restarting" in service.log.read_text() and "Traceback" not in service.log.read_text()


def in_background_asked(service: Service, *arguments: str, **body: Any) -> Future[Answer]:
    pool = ThreadPoolExecutor(1)
    future = pool.submit(ask, Place(service.port), *arguments, **body)
    pool.shutdown(wait=False)
    return future


DIALECTS = {
    "/v1/messages": {"model": "GigaChat-2", "max_tokens": 9, "stream": True},
    "/v1/responses": {"model": "GigaChat-2", "input": "a", "stream": True},
    "/v1/completions": {"model": "GigaChat-2", "prompt": "a", "stream": True},
}


@pytest.mark.parametrize("path, body", DIALECTS.items(), ids=DIALECTS)
def test_the_error_has_the_shape_of_the_dialect(start_service, sandbox: SandboxServer, path: str, body: Any) -> None:
    service = start_service(GPT2GIGA_GRACEFUL_TIMEOUT="1", **MANY)
    sandbox.state.script({"text": WORDS, "frame_delay": 5})
    answer = in_background_asked(service, path, **body)
    assert open_streams(sandbox, 1)
    service.process.send_signal(signal.SIGTERM)
    last = json.loads(answer.result(20).frames[-1])
    assert answer.result().whole and "restarted" in json.dumps(last)
    assert last.get("type") in ("error", "response.failed", None) and ("error" in last or "response" in last)
    print(last)


def both_serve(service: Service, sandbox: SandboxServer) -> bool:
    streams(Place(service.port), 20)
    port = int(sandbox.url.rsplit(":", 1)[1])
    return all(connections(pid, column=2, port=port) for pid in children(service.process.pid))


def test_a_killed_worker_takes_only_its_own_with_it(start_service, sandbox: SandboxServer) -> None:
    service = start_service(GPT2GIGA_WORKERS="2", GPT2GIGA_MAX_CONCURRENCY="40")
    assert eventually(lambda: both_serve(service, sandbox))
    sandbox.state.settings.hold_after = HELD
    former, batches, shares = children(service.process.pid), [], [0]
    while not all(shares):
        assert len(batches) < 10, "the kernel gives all of them to one worker"
        sandbox.state.script({**SLOW, "times": 4})
        batches.append(in_background(Place(service.port), 4))
        assert open_streams(sandbox, 4 * len(batches))
        shares = [connections(pid, column=1, port=service.port) for pid in former]
    os.kill(former[0], signal.SIGKILL)
    assert new_worker(service, former)
    sandbox.state.settings.hold_after = None
    outcomes = [answer for batch in batches for answer in batch.result(60)]
    assert sum(not answer.finished for answer in outcomes) == shares[0]
    assert open_streams(sandbox, 0)
    sandbox.state.script({"text": WORDS, "times": 40})
    assert all(answer.finished for answer in streams(Place(service.port), 40)), "all slots are free again"


def test_a_thousand_slow_streams(start_service, sandbox: SandboxServer) -> None:
    """On one worker; the probe does not notice them."""
    service = start_service(**MANY)
    sandbox.state.script({"text": WORDS, "frame_delay": 1, "times": 1000})
    sandbox.state.settings.hold_after = HELD
    answers = in_background(Place(service.port), 1000)
    assert open_streams(sandbox, 1000)
    sandbox.state.settings.hold_after = None
    waits = [requests.get(f"{service.url}/health", timeout=10).elapsed.total_seconds() for _ in range(5)]
    done = answers.result(120)
    assert [answer.head or answer for answer in done if not (answer.finished and answer.text == WORDS)] == []
    gaps = sorted(answer.largest_gap for answer in done)
    print(f"largest gap at a pace of 1 s: {gaps[500]:.2f} to {gaps[-1]:.2f} s; /health {max(waits):.3f} s")
    assert max(waits) < 5, "the probe does not wait for the streams"


def test_over_its_cap_the_service_refuses_and_stays_well(start_service, sandbox: SandboxServer) -> None:
    service = start_service(GPT2GIGA_MAX_OPEN_REQUESTS="20", **MANY)
    sandbox.state.script({**SLOW, "times": 20})
    sandbox.state.settings.hold_after = HELD
    answers = in_background(Place(service.port), 20)
    assert open_streams(sandbox, 20)
    refused = service.post("/v1/chat/completions", {"messages": [], "stream": True})
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0
    assert refused.json()["error"]["code"] == "overloaded"
    assert requests.get(f"{service.url}/health", timeout=10).status_code == 200
    sandbox.state.settings.hold_after = None
    assert all(answer.finished for answer in answers.result(60))
    assert service.get("/v1/models").status_code == 200


def test_new_settings_count_after_a_reload_and_wrong_ones_do_not(sandbox: SandboxServer, tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("GPT2GIGA_API_KEY=one\n")
    with Service(tmp_path, sandbox) as service:

        def status(key: str) -> int:
            return service.get("/v1/models", headers={"X-Api-Key": key}).status_code

        assert (status("one"), status("two")) == (200, 401)
        env.write_text("GPT2GIGA_API_KEY=two\n")
        service.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: status("two") == 200)
        former = children(service.process.pid)
        env.write_text("GPT2GIGA_API_KEY=three\nGPT2GIGA_MAX_BODY=much\n")
        service.process.send_signal(signal.SIGHUP)
        assert new_worker(service, former)
        assert eventually(lambda: not set(former) & set(children(service.process.pid)))
        assert status("two") == 200 and alive(service.process.pid)
        assert "GPT2GIGA_MAX_BODY: 'much'" in service.log.read_text()
