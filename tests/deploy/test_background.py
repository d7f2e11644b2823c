"""Responses in the background outlive the process that works on them."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.asking import new
from tests.deploy.running import children
from tests.service import Service
from tests.sockets import eventually

WORDS = "Раз два три четыре пять"
# A lease has run out by then.
PATIENCE = 60.0


def ask(service: Service) -> str:
    body = {"model": "GigaChat-2", "input": new("Раз"), "background": True}
    answer = service.post("/v1/responses", body)
    assert answer.status_code == 200 and answer.json()["status"] == "queued"
    return str(answer.json()["id"])


def get(service: Service, response_id: str) -> dict[str, Any]:
    found: dict[str, Any] = service.get(f"/v1/responses/{response_id}").json()
    return found


def text_of(response: dict[str, Any]) -> str:
    return "".join(part["text"] for item in response["output"] for part in item["content"])


def completed(service: Service, response_id: str) -> str:
    assert eventually(lambda: get(service, response_id)["status"] == "completed", PATIENCE)
    return text_of(get(service, response_id))


def in_work(sandbox: SandboxServer) -> bool:
    return sandbox.state.wait_for(lambda counters: counters.open_streams == 1, 30)


def test_a_service_that_was_killed_finishes_it_when_it_is_back(start_service, sandbox: SandboxServer) -> None:
    service = start_service()
    sandbox.state.script({"text": WORDS, "hang_after": 1}, {"text": WORDS})
    response_id = ask(service)
    assert in_work(sandbox)
    for pid in [service.process.pid, *children(service.process.pid)]:
        os.kill(pid, signal.SIGKILL)
    service.process.wait(10)
    assert completed(start_service(), response_id) == WORDS


def test_a_worker_that_was_killed_is_replaced(start_service, sandbox: SandboxServer) -> None:
    """By one that nobody has to ask for it."""
    service = start_service()
    sandbox.state.script({"text": WORDS, "hang_after": 1}, {"text": WORDS})
    response_id = ask(service)
    assert in_work(sandbox)
    [worker] = children(service.process.pid)
    os.kill(worker, signal.SIGKILL)
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)
    assert eventually(lambda: sandbox.state.pending() == 0, PATIENCE)
    assert completed(service, response_id) == WORDS


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_an_orderly_end_gives_it_on_at_once(start_service, sandbox: SandboxServer, signum: int) -> None:
    service = start_service()
    sandbox.state.script({"text": WORDS, "hang_after": 1}, {"text": WORDS})
    response_id = ask(service)
    assert in_work(sandbox)
    service.process.send_signal(signum)
    if signum == signal.SIGTERM:
        assert service.process.wait(15) == 0
        service = start_service()
    assert eventually(lambda: get(service, response_id)["status"] == "completed", 15)
    assert text_of(get(service, response_id)) == WORDS and "Traceback" not in service.log.read_text()
