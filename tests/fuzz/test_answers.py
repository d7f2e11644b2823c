"""GigaChat's answers make no sense, over the running service: never a 500, a hang, a dead worker.

FUZZ_ANSWERS=3000 FUZZ_SEED=1 take so many spoilt answers, others with another seed.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from gpt2giga_sandbox.server import SandboxServer
from gpt2giga_sandbox.steps import ROUTES
from tests.fuzz import answers
from tests.fuzz.answers import Kind, REQUESTS, Spoilt
from tests.fuzz.common import words_of
from tests.lines import lines
from tests.service import Service


@pytest.fixture
def passing_on(service_with: Callable[..., Service], sandbox: SandboxServer) -> Iterator[Service]:
    """Each account has a token and a list of models of its own, so that these too are asked for again and again."""
    sandbox.state.settings.oauth_per_second = None
    settings = {"GPT2GIGA_PASS_TOKEN": "True", "GPT2GIGA_LOG_CONTENT": "True", "GPT2GIGA_LOG_FORMAT": "json"}
    settings |= {"GPT2GIGA_METRICS": "True", "GPT2GIGA_MAX_RETRIES": "0", "GPT2GIGA_HEARTBEAT": "0"}
    settings |= {"GPT2GIGA_OLLAMA": "True"}
    service = service_with(**settings, GIGACHAT_TIMEOUT="10")
    workers = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
    before = workers.read_text()
    yield service
    forget_scripts(sandbox)
    assert "Unexpected failure" not in service.log.read_text() and workers.read_text() == before


def forget_scripts(sandbox: SandboxServer) -> None:
    for route in ROUTES:
        while sandbox.state.take(route):
            pass


def account(number: int) -> dict[str, str]:
    return {"Authorization": f"Bearer giga-cred-{base64.b64encode(b'key:%d' % number).decode()}"}


def script(sandbox: SandboxServer, kind: Kind, bodies: list[str]) -> None:
    """For as many requests to GigaChat as one request may make."""
    forget_scripts(sandbox)
    frames = [f"data: {body}\n\n" for body in bodies]
    whole = {"body": bodies[0], "status": kind.status, "headers": {"Content-Type": "application/json"}}
    sandbox.state.script({"route": kind.route, "times": 8, **({"frames": frames} if kind.streams else whole)})


def check_reply(spoilt: Spoilt, reader: str, response: requests.Response) -> None:
    """A whole answer, or an error in the dialect's words; Anthropic's word for nonsense is a 500."""
    told = (spoilt.name, reader, response.status_code, response.text[-500:])
    assert response.status_code in (*range(200, 500), 502, 503, 504, 529) or reader in ("message", "count"), told
    assert "failed unexpectedly" not in response.text, told
    if response.headers["Content-Type"].startswith("application/x-ndjson"):
        assert lines(response.content.decode())[-1].keys() & {"done_reason", "error"}, told
    elif not response.headers["Content-Type"].startswith("text/event-stream"):
        assert response.status_code < 400 or words_of(response.json()["error"]), told
    else:
        last = response.content.decode().removesuffix("\n\n").rpartition("\ndata: ")[2]
        assert last == "[DONE]" or isinstance(json.loads(last), dict), told


SPOILT = answers.some(int(os.environ.get("FUZZ_ANSWERS", "60")), int(os.environ.get("FUZZ_SEED", "1")))


def test_spoilt_answers(passing_on: Service, sandbox: SandboxServer) -> None:
    """Each to every request that reads it."""
    with requests.Session() as session:
        session.trust_env = False
        for number, spoilt in enumerate(SPOILT):
            for nth, reader in enumerate(spoilt.kind.readers):
                method, path, body = REQUESTS[reader]
                is_asked_once = spoilt.kind.route in ("oauth", "models")
                headers = account(100 * (number + 1) + nth if is_asked_once else 1)
                script(sandbox, spoilt.kind, spoilt.bodies())
                is_stream = spoilt.kind.streams or (spoilt.kind.status != 200 and number % 2 == 0)
                if body and is_stream and reader in answers.CHATS:
                    body, path = {**body, "stream": True}, path.replace(":generate", ":streamGenerate")
                sent = {"json": body} if body else {"files": {"file": ("a.txt", b"abc", "text/plain")}}
                if method == "GET":
                    sent = {}
                response = session.request(method, passing_on.url + path, headers=headers, timeout=20, **sent)
                check_reply(spoilt, reader, response)
            assert session.get(f"{passing_on.url}/metrics", headers=account(1), timeout=20).status_code == 200
