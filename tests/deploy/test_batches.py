"""Batches of the real service: workers that are killed, restarts, a full disk, many lines, a server as the database."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.batches.conftest import Client, line
from tests.deploy.conftest import public_folder
from tests.deploy.running import children
from tests.deploy.test_postgresql import Server
from tests.service import Service
from tests.sockets import eventually, HELLO

# Seconds. A lease that nobody renews has run out by then, and everybody has looked.
TAKEN_OVER = 120.0
MANY = 10_000

StartService = Callable[..., Service]


def lines(count: int) -> list[bytes]:
    return [line(f"line-{number}") for number in range(count)]


def asked(sandbox: SandboxServer) -> list[str]:
    return [request["messages"][-1]["content"] for request in sandbox.state.chats()]


def completed(client: Client, batch: Any) -> int:
    counts = client.get(batch).request_counts
    assert counts
    return counts.completed


def check_results(client: Client, batch: Any, count: int) -> None:
    """Each line has one result."""
    assert eventually(lambda: client.get(batch).status == "completed", TAKEN_OVER), client.get(batch)
    found = client.get(batch)
    assert found.error_file_id is None
    results = client.lines(found.output_file_id)
    assert [result["custom_id"] for result in results] == [f"line-{number}" for number in range(count)]
    assert len({result["id"] for result in results}) == count


@pytest.fixture
def slow(sandbox: SandboxServer) -> Iterator[SandboxServer]:
    sandbox.state.script({"text": "answer", "delay": 0.1, "times": 10_000})
    yield sandbox
    sandbox.state.reset()


def test_a_worker_is_killed(start_service: StartService, slow: SandboxServer) -> None:
    """Twice, with all of its neighbours."""
    service = start_service(GPT2GIGA_WORKERS="2")
    with service.client() as openai:
        client = Client(openai)
        batch = client.begin(*lines(30))
        for least in (5, 15):
            assert eventually(lambda least=least: completed(client, batch) >= least, TAKEN_OVER)
            for worker in children(service.process.pid):
                os.kill(worker, signal.SIGKILL)
            assert eventually(lambda: service.get("/health").status_code == 200)
        check_results(client, batch, 30)
    assert len(asked(slow)) <= 32, "only what was in work is asked again"


def test_the_service_is_started_again(start_service: StartService, slow: SandboxServer, tmp_path: Path) -> None:
    """Nobody asks for the batch, and nothing has to run out."""
    with Service(tmp_path, slow) as service, service.client() as openai:
        batch = Client(openai).begin(*lines(10))
        assert eventually(lambda: completed(Client(openai), batch) >= 3)
    before = len(asked(slow))
    service = start_service()
    assert eventually(lambda: len(asked(slow)) > before, 20)
    with service.client() as openai:
        check_results(Client(openai), batch, 10)
    assert len(asked(slow)) <= 11


def test_a_reload_throws_no_answer_away(start_service: StartService, sandbox: SandboxServer) -> None:
    """What is being answered has the graceful time that other requests have."""
    sandbox.state.script({"text": "answer", "delay": 2.0, "times": 100})
    service = start_service(GPT2GIGA_MAX_CONCURRENCY="2")
    with service.client() as openai:
        client = Client(openai)
        batch = client.begin(*lines(4))
        assert eventually(lambda: len(asked(sandbox)) == 2)
        service.process.send_signal(signal.SIGHUP)
        check_results(client, batch, 4)
    assert len(asked(sandbox)) == 4
    sandbox.state.reset()


def test_somebody_who_comes_meanwhile_goes_first(start_service: StartService, slow: SandboxServer) -> None:
    """In another process too."""
    service = start_service(GPT2GIGA_WORKERS="3")
    with service.client() as openai:
        client = Client(openai)
        batch = client.begin(*lines(60))
        assert eventually(lambda: completed(client, batch) >= 2)
        for _ in range(10):
            before = len(asked(slow))
            assert service.post("/v1/chat/completions", {"messages": HELLO}).status_code == 200
            assert asked(slow)[before:].index(HELLO[0]["content"]) <= 2, "what had been asked, or was about to be"
        client.openai.batches.cancel(batch.id)
        assert client.ended(batch).status == "cancelled"


@pytest.fixture
def small_disk() -> Iterator[Path]:
    with public_folder() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder)], capture_output=True, text=True
        )
        if mounted.returncode:
            pytest.skip(f"nothing can be mounted here: {mounted.stderr}")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """To the last byte."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return filler


def test_a_full_disk(start_service: StartService, slow: SandboxServer, small_disk: Path) -> None:
    """What was answered waits in memory, and nothing further is asked. Chats go on."""
    service = start_service(GPT2GIGA_STATE_DIR=str(small_disk))
    with service.client() as openai:
        client = Client(openai)
        batch = client.begin(*[line(f"line-{number}", {"messages": [{"role": "user", "content": "x" * 20_000}]})
                               for number in range(30)])  # fmt: skip
        assert eventually(lambda: completed(client, batch) >= 3)
        filler = fill(small_disk)
        assert eventually(lambda: f"Batch {batch.id} waits: database or disk is full" in service.log.read_text())
        stuck = len(asked(slow))
        for _ in range(5):
            assert service.post("/v1/chat/completions", {"messages": HELLO}).status_code == 200
        assert len(asked(slow)) == stuck + 5
        filler.unlink()
        check_results(client, batch, 30)
    assert len(asked(slow)) == 30 + 5, "no line was asked twice"


def memory(service: Service) -> int:
    """Bytes that the worker has for itself alone."""
    [worker] = children(service.process.pid)
    found = Path(f"/proc/{worker}/smaps_rollup").read_text()
    return 1024 * sum(int(row.split()[1]) for row in found.splitlines() if row.startswith("Private_"))


def test_many_lines_take_no_more_memory_than_few(start_service: StartService, sandbox: SandboxServer) -> None:
    service = start_service(GPT2GIGA_MAX_CONCURRENCY="10", GPT2GIGA_LOG_LEVEL="warning")
    grown = {}
    with service.client() as openai:
        client = Client(openai)
        for count in (10, MANY):
            before, peak = memory(service), 0
            batch = client.begin(*lines(count))
            while client.get(batch).status not in ("completed", "failed"):
                peak = max(peak, memory(service))
            assert completed(client, batch) == count
            grown[count] = peak - before
            sandbox.state.reset()
    print(f"grown by {grown} bytes")
    assert grown[MANY] - grown[10] < 24 * 1024 * 1024, grown


@pytest.fixture
def server() -> Iterator[Server]:
    with public_folder() as folder:
        server = Server(folder)
        server.start()
        yield server
        server.stop()


def test_two_machines_and_one_of_them_dies(
    start_service: StartService, slow: SandboxServer, server: Server, tmp_path: Path
) -> None:
    settings = {"GPT2GIGA_DATABASE_URL": server.url}
    other = start_service(**settings)
    with Service(tmp_path, slow, **settings) as service, service.client() as openai:
        client = Client(openai)
        batch, cancelled = client.begin(*lines(20)), client.begin(*lines(500))
        assert eventually(lambda: completed(client, batch) >= 3)
        os.killpg(service.process.pid, signal.SIGKILL)
        service.process.wait()
        before = len(asked(slow))
        assert eventually(lambda: len(asked(slow)) > before + 1, TAKEN_OVER), "nobody has asked the other one for it"
        with other.client() as openai:
            check_results(Client(openai), batch, 20)
            openai.batches.cancel(cancelled.id)
            assert Client(openai).ended(cancelled).status == "cancelled"
            server.stop()
            refused = other.get(f"/v1/batches/{batch.id}")
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
            server.start()
            assert eventually(lambda: other.get(f"/v1/batches/{batch.id}").status_code == 200)
            file = openai.batches.retrieve(batch.id).output_file_id
            assert file and openai.files.delete(file).deleted
