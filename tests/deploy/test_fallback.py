"""Two workers in front of an account that runs dry, for real: who answers, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable

import requests
from openai import OpenAI

from gpt2giga_sandbox.server import SandboxServer
from tests.commands.running import printed
from tests.service import Service
from tests.sockets import eventually, HELLO

MAX, PRO = "GigaChat-2-Max", "GigaChat-2-Pro"
MANY = 24


def test_an_account_runs_dry(start_service: Callable[..., Service], sandbox: SandboxServer) -> None:
    """In the middle of its work, and nobody notices but by the header."""
    sandbox.state.settings.packages = {"GigaChat-Max": 60, "GigaChat-Pro": 5000}
    service = start_service(GPT2GIGA_FALLBACK=f"{MAX}>{PRO}", GPT2GIGA_WORKERS="2", GPT2GIGA_METRICS="True")
    with service.client() as client:
        assert {ask(client, stream=number % 2 == 1) for number in range(MANY)} == {MAX, PRO}
    log = service.log.read_text()
    assert 1 <= log.count(f"{MAX} is left alone for ten minutes") <= 2, "once a worker"
    assert f"model={MAX} stream=true backend=127.0.0.1 answered_by={PRO}" in log
    # Each worker writes what was used every five seconds, and asks what is left; again after a 402, but once a minute.
    assert eventually(lambda: left(service) == {"GigaChat-Max": (False, False), "GigaChat-Pro": (True, True)}, 150)
    assert eventually(lambda: 'model="GigaChat-Max"} 0.0' in requests.get(f"{service.url}/metrics", timeout=10).text)
    assert eventually(lambda: sum(row["requests"] for row in used(service)) == MANY)
    assert {row["model"]: row["errors"] for row in used(service)} == {MAX: 0, PRO: 0}


def ask(client: OpenAI, *, stream: bool) -> str:
    """The model that answers."""
    answer = client.chat.completions.with_raw_response.create(model=MAX, messages=HELLO, stream=stream)  # type: ignore[call-overload]
    found = answer.parse()
    assert {chunk.model for chunk in (found if stream else [found])} == {MAX}, "as it was asked for"
    return str(answer.headers["X-Gpt2giga-Model"])


def left(service: Service) -> dict[str, tuple[bool, bool]]:
    """Of each package whether there is some, and whether it is known until when."""
    accounts = requests.get(f"{service.url}/ui/packages", timeout=10).json()["accounts"]
    packages = [package for account in accounts for package in account["packages"]]
    return {package["model"]: (package["left"] > 0, bool(package["used_up"])) for package in packages}


def used(service: Service) -> list[dict[str, int]]:
    found: list[dict[str, int]] = json.loads(
        printed("usage", "--json", GPT2GIGA_STATE_DIR=str(service.folder / "state"))
    )
    return found
