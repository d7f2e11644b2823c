"""One by one against a real worker, while a second client asks /health and reads a paced stream."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from gpt2giga.upstream.fact_book import FactBook, FOLDER
from gpt2giga_sandbox.server import CREDENTIALS
from tests.hostile import requests as v1_requests
from tests.hostile import v2_requests
from tests.hostile.requests import MIB
from tests.service import Service
from tests.sockets import eventually
from tests.test_soak import memory, worker

# Seconds, of the worker's own computing; on an idle machine the client waits no longer.
LONGEST_GAP = 1.0
LONGEST_GAP_ON_A_BUSY_MACHINE = 5.0
# Mostly arenas that Python keeps for a few small objects in each, and uses again.
MEMORY = 32 * MIB
SECONDS = 30
ROOT = Path(__file__).parent.parent.parent


class SandboxProcess(SimpleNamespace):
    """In a process of its own, or the test's work with large bodies would hold up the paced stream."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "gpt2giga", "sandbox", "--port", "0", "--until-eof"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        super().__init__(base_url=f"{self.url}/api/v1", auth_url=f"{self.url}/api/v2/oauth", credentials=CREDENTIALS)

    def script(self, *steps: dict[str, Any]) -> None:
        """Instead of what is left of earlier ones."""
        self.control("reset", {})
        self.control("settings", {"max_streams": 100, "character": {"v2": True}})
        self.control("script", list(steps))

    def control(self, path: str, body: Any) -> None:
        requests.post(f"{self.url}/sandbox/{path}", json=body, timeout=SECONDS).raise_for_status()

    def stop(self) -> None:
        self.process.communicate()


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    found = SandboxProcess()
    yield found
    found.stop()


def test_nobody_waits_for_the_hostile(
    start_service: Callable[..., Service], sandbox: SandboxProcess, tmp_path: Path
) -> None:
    state = tmp_path / "known"
    FactBook(state / FOLDER, urlsplit(sandbox.url).netloc).learn(v2_requests.MODEL, "measured", v2=True)
    service = start_service(
        GPT2GIGA_MAX_CONCURRENCY="0", GPT2GIGA_MAX_RETRIES="0", GPT2GIGA_OLLAMA="True", GPT2GIGA_STATE_DIR=str(state)
    )
    process = worker(service)
    hostile = v1_requests.all_of_them() | v2_requests.all_of_them()
    ordinary = [*v1_requests.ordinary(), *v2_requests.ordinary()]
    assert [status for each in ordinary if (status := send(service, sandbox, each)) not in each.statuses] == []
    before = settled_memory(process)
    sandbox.script({"text": "слово " * 20_000, "frame_delay": 0.05})
    command = [sys.executable, "-m", "tests.hostile.watching", str(service.port), process.name]
    watching = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    assert watching.stdout.readline()
    assert eventually(lambda: stats(sandbox)["open_streams"] == 1)
    statuses = {name: send(service, sandbox, each) for name, each in hostile.items()}
    told, _ = watching.communicate()
    found = json.loads(told)
    assert {name: status for name, status in statuses.items() if status not in hostile[name].statuses} == {}
    assert min(found["counts"].values()) > 100
    assert max(found["computing"].values()) < LONGEST_GAP, found
    assert max(found["longest"].values()) < LONGEST_GAP_ON_A_BUSY_MACHINE, found
    assert eventually(lambda: memory(process) - before < MEMORY), (memory(process) - before) / MIB
    assert "Traceback" not in service.log.read_text()


def settled_memory(process: Path) -> int:
    """What a large request took goes back a moment after it has ended, and would hide as much of what comes then."""
    found = []
    for _ in range(20):
        time.sleep(0.1)
        found.append(memory(process))
    return min(found)


def send(service: Service, sandbox: SandboxProcess, hostile: Any) -> int:
    sandbox.script(*hostile.answers)
    response = service.request("POST", hostile.path, data=hostile.content())
    return response.status_code


def stats(sandbox: SandboxProcess) -> dict[str, int]:
    found: dict[str, int] = requests.get(f"{sandbox.url}/sandbox/stats", timeout=SECONDS).json()
    return found
