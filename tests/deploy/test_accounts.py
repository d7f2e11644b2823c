"""Several accounts behind two workers, which count the slots of each together."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.deploy.running import children, in_background
from tests.deploy.streams import ask, Place
from tests.deploy.test_postgresql import Server, server, shared_server  # noqa: F401  # fixtures
from tests.deploy.test_redis import Redis, redis  # noqa: F401  the fixture
from tests.service import Service
from tests.sockets import eventually, HELLO

NAMES = ("first", "second", "third")
KEYS = ",".join(base64.b64encode(f"{name}:secret".encode()).decode() for name in NAMES)
WORDS = {"text": "раз два три", "frame_delay": 0.02}


@pytest.fixture(params=["files", "redis"])
def service(request: pytest.FixtureRequest, start_service: Callable[..., Service], sandbox: SandboxServer) -> Service:
    """Two workers, three accounts of one slot each."""
    sandbox.state.settings.max_streams = 1
    counted = {"GPT2GIGA_REDIS_URL": request.getfixturevalue("redis").url} if request.param == "redis" else {}
    return start_service(GIGACHAT_CREDENTIALS=KEYS, GPT2GIGA_WORKERS="2", GPT2GIGA_MAX_RETRIES="0", **counted)


def test_three_at_a_time_and_one_runs_dry(service: Service, sandbox: SandboxServer) -> None:
    """None is idle while somebody waits, and GigaChat never says that there are too many. When one has no tokens any
    more, no client hears of it: each worker finds out by one request."""
    assert eventually(lambda: len(children(service.process.pid)) == 2)
    sandbox.state.script({**WORDS, "times": 120})
    answers = in_background(Place(service.port), 120)
    assert sandbox.state.wait_for(lambda counters: counters.finished_streams >= 40, 90)
    assert sandbox.state.stats()["peak_streams"] == 3 and sandbox.state.stats()["refused"] == 0
    sandbox.state.settings.dry = ("second",)
    told = answers.result(120)
    assert [answer for answer in told if not (answer.finished and answer.text == WORDS["text"])] == []
    stats = sandbox.state.stats()
    assert (stats["peak_streams"], stats["finished_streams"]) == (3, 120)
    assert {request["error"] for request in sandbox.state.refusals()} <= {"Payment Required"}
    assert 1 <= stats["refused"] <= 2
    served = [request["account"] for request in sandbox.state.requests("/chat/completions")]
    assert set(served[:60]) == set(NAMES)


def test_all_accounts_work_while_somebody_waits(service: Service, sandbox: SandboxServer) -> None:
    """Whichever workers the requests came to: here all of one conversation."""
    sandbox.state.script({**WORDS, "times": 9})
    sandbox.state.settings.hold_after = 1
    answers = in_background(Place(service.port), 9)
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 3, 30)
    sandbox.state.settings.hold_after = None
    assert all(answer.finished for answer in answers.result(60))
    assert sandbox.state.stats()["refused"] == 0


def test_accounts_come_and_go_while_it_runs(
    start_service: Callable[..., Service], sandbox: SandboxServer, tmp_path: Path
) -> None:
    """It begins with those of the store alone; two workers hear of each change within seconds."""

    def accounts(*arguments: str, key: str = "") -> None:
        command = [sys.executable, "-m", "gpt2giga", "accounts", *arguments]
        where = {"GPT2GIGA_STATE_DIR": str(tmp_path / "state"), "GIGACHAT_AUTH_URL": sandbox.auth_url}
        way = {**where, "GIGACHAT_BASE_URL": sandbox.base_url, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        root = str(Path(__file__).parents[2])
        subprocess.run(command, env={**way, "PYTHONPATH": root}, input=key, text=True, check=True, capture_output=True)

    accounts("add", "one", key="one:secret")
    service = start_service(GIGACHAT_CREDENTIALS="", GPT2GIGA_WORKERS="2")
    place = Place(service.port)
    assert ask(place, messages=HELLO).status == 200
    sandbox.state.settings.dry = ("one",)
    assert ask(place, messages=HELLO).status == 402
    accounts("add", "two", key="two:secret")
    assert eventually(lambda: all(ask(place, messages=HELLO).status == 200 for _ in range(20)))
    accounts("remove", "two")
    assert eventually(lambda: all(ask(place, messages=HELLO).status == 402 for _ in range(20)))
    log = service.log.read_text()
    # Each worker tells of it once, from its first request on; one that has had none until then tells of both accounts
    # at once, and the system may give all requests to one.
    for told in (r"Accounts added: (one, )?two\n", r"Accounts removed: two\n"):
        assert 1 <= len(re.findall(told, log)) <= 2, log


def test_two_machines_share_accounts_and_usage(
    start_service: Callable[..., Service],
    server: Server,  # noqa: F811
    redis: Redis,  # noqa: F811
    sandbox: SandboxServer,
    tmp_path: Path,
) -> None:
    """They have nothing in common but PostgreSQL and Redis."""
    sandbox.state.settings.max_streams = 1
    shared = {"GPT2GIGA_DATABASE_URL": server.url, "GPT2GIGA_REDIS_URL": redis.url, "GIGACHAT_CREDENTIALS": KEYS}
    folders = [tmp_path / name for name in ("here", "there")]
    services = [
        start_service(**shared, GPT2GIGA_MAX_RETRIES="0", GPT2GIGA_STATE_DIR=str(one), GPT2GIGA_RUNTIME_DIR=str(one))
        for one in folders
    ]
    sandbox.state.script({**WORDS, "times": 60})
    answers = [in_background(Place(service.port), 30) for service in services]
    told = [answer for each in answers for answer in each.result(120)]
    assert [answer for answer in told if not (answer.finished and answer.text == WORDS["text"])] == []
    assert (sandbox.state.stats()["peak_streams"], sandbox.state.stats()["refused"]) == (3, 0)

    def used() -> dict[str, int]:
        command = [sys.executable, "-m", "gpt2giga", "usage", "--by", "account", "--json"]
        where = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(tmp_path)}
        told = subprocess.run(
            command, env={**where, "GPT2GIGA_DATABASE_URL": server.url}, capture_output=True, check=True
        )
        return {row["account"]: row["requests"] for row in json.loads(told.stdout)}

    assert eventually(lambda: sum(used().values()) == 60, 30)
    assert used().keys() == {"1", "2", "3"}
