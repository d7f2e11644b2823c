"""Keys over several processes of one service, and over two services with one PostgreSQL; the command changes them."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from gpt2giga.store.spending import DAY, MINUTE
from gpt2giga_sandbox.server import SandboxServer
from tests.commands.running import printed
from tests.deploy.running import children
from tests.deploy.test_postgresql import Server, server, shared_server  # noqa: F401  # fixtures
from tests.service import Service
from tests.sockets import eventually, HELLO
from tests.spans import wait_for_room

CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100}
SECONDS = 10


def ask(service: Service, key: str, **body: object) -> requests.Response:
    """Over a connection of its own, so that any of the workers may answer."""
    headers = {"Authorization": f"Bearer {key}", "Connection": "close"} if key else {"Connection": "close"}
    return requests.post(service.url + CHAT, json={"messages": HELLO, **body}, headers=headers, timeout=30)


def everywhere(services: list[Service], key: str, status: int) -> bool:
    """Whichever worker answers."""
    return eventually(lambda: {ask(found, key).status_code for found in services * 12} == {status}, SECONDS)


def keys(place: dict[str, str], *words: str) -> str:
    if "--tokens-per-day" in words:
        wait_for_room(DAY, 100)
    return printed("keys", *words, **place).strip()


def told(place: dict[str, str], name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(keys(place, "show", name, "--json"))
    return found


@pytest.fixture(params=["one service with two workers", "two services with one PostgreSQL"])
def several(
    request: pytest.FixtureRequest, start_service: Callable[..., Service], tmp_path: Path
) -> tuple[list[Service], dict[str, str]]:
    """The services, and the settings of the command."""
    quick = {"GPT2GIGA_MAX_CONCURRENCY": "0"}
    if "PostgreSQL" in request.param:
        url = request.getfixturevalue("server").url
        # Two machines have nothing else in common.
        folders = [tmp_path / name for name in ("here", "there")]
        services = [start_service(GPT2GIGA_DATABASE_URL=url, GPT2GIGA_STATE_DIR=str(one), **quick) for one in folders]
        return services, {"GPT2GIGA_DATABASE_URL": url}
    return [start_service(GPT2GIGA_WORKERS="2", **quick)], {"GPT2GIGA_STATE_DIR": str(tmp_path / "state")}


def test_changes_are_seen_while_they_run(several: tuple[list[Service], dict[str, str]], sandbox: SandboxServer) -> None:
    services, place = several
    assert everywhere(services, "", 200)
    key = keys(place, "add", "ann")
    assert everywhere(services, "", 401) and everywhere(services, key, 200)
    new = keys(place, "rotate", "ann", "--grace", "1h")
    assert everywhere(services, new, 200) and everywhere(services, key, 200)
    keys(place, "set", "ann", "--models", "GigaChat-2")
    assert everywhere(services, new, 404)
    keys(place, "revoke", "ann")
    assert everywhere(services, new, 401) and everywhere(services, "", 401)
    keys(place, "clear", "--yes")
    assert everywhere(services, "", 200)


def test_they_count_together(several: tuple[list[Service], dict[str, str]], sandbox: SandboxServer) -> None:
    """What each has told is in the end what the store has; a request too many gets through nowhere."""
    services, place = several
    key = keys(place, "add", "ann", "--tokens-per-day", "100000")
    assert everywhere(services, key, 200)
    assert eventually(lambda: _settled(place))
    before = int(str(told(place, "ann")["spent_today"]))
    sandbox.state.script({"usage": USAGE, "times": 40})
    with ThreadPoolExecutor(8) as pool:
        bodies = [{"stream": bool(number % 2)} for number in range(40)]
        answers = pool.map(lambda place: ask(services[place[0] % len(services)], key, **place[1]), enumerate(bodies))
        assert {answer.status_code for answer in answers} == {200}
    assert eventually(lambda: told(place, "ann")["spent_today"] == before + 4000, SECONDS)
    keys(place, "set", "ann", "--tokens-per-day", str(before + 4000))
    assert everywhere(services, key, 429)
    keys(place, "set", "ann", "--tokens-per-day", "none", "--requests-per-minute", "1000000")
    assert everywhere(services, key, 200)
    wait_for_room(MINUTE, 20)
    first = int(ask(services[0], key).headers["x-ratelimit-remaining-requests"])
    with ThreadPoolExecutor(8) as pool:
        asked = pool.map(lambda number: ask(services[number % len(services)], key), range(30))
        left = sorted(int(answer.headers["x-ratelimit-remaining-requests"]) for answer in asked)
    assert left == [*range(first - 30, first)]


def _settled(place: dict[str, str]) -> bool:
    first = told(place, "ann")["spent_today"]
    time.sleep(0.5)
    return told(place, "ann")["spent_today"] == first


def test_an_overrun_is_what_is_in_work(several: tuple[list[Service], dict[str, str]], sandbox: SandboxServer) -> None:
    services, place = several
    key = keys(place, "add", "ann", "--tokens-per-day", "150")
    assert eventually(
        lambda: (
            {
                requests.get(f"{found.url}/v1/models", headers={"x-api-key": key}, timeout=9).status_code
                for found in services * 12
            }
            == {200}
        )
    )
    sandbox.state.script({"usage": USAGE, "times": 2})
    for used in (100, 200):
        assert ask(services[used // 100 % len(services)], key).status_code == 200
        assert eventually(lambda used=used: told(place, "ann")["spent_today"] == used)
    assert {ask(found, key).status_code for found in services * 12} == {429}
    assert told(place, "ann")["spent_today"] == 200


def test_nothing_is_lost_when_it_ends(
    start_service: Callable[..., Service], sandbox: SandboxServer, tmp_path: Path
) -> None:
    """And a worker that dies opens nothing."""
    service = start_service(GPT2GIGA_WORKERS="2")
    place = {"GPT2GIGA_STATE_DIR": str(tmp_path / "state")}
    key = keys(place, "add", "ann", "--tokens-per-day", "10000")
    assert everywhere([service], "", 401)
    sandbox.state.script({"usage": USAGE})
    assert ask(service, key).status_code == 200
    assert eventually(lambda: told(place, "ann")["spent_today"] == 100)
    former = children(service.process.pid)
    for worker in former:
        os.kill(worker, signal.SIGKILL)
    assert eventually(lambda: set(children(service.process.pid)).isdisjoint(former))
    assert everywhere([service], "", 401)
    sandbox.state.script({"usage": USAGE})
    assert eventually(lambda: ask(service, key).status_code == 200)
    service.process.send_signal(signal.SIGTERM)
    service.process.wait(30)
    assert told(place, "ann")["spent_today"] == 200


def test_while_postgresql_is_away(
    start_service: Callable[..., Service],
    server: Server,  # noqa: F811
    sandbox: SandboxServer,
    tmp_path: Path,
) -> None:
    """Who is known goes on and is counted, who is not hears why; a service that starts then lets nobody in."""
    place = {"GPT2GIGA_DATABASE_URL": server.url}
    service = start_service(GPT2GIGA_STATE_DIR=str(tmp_path / "here"), **place)
    limited, free = keys(place, "add", "ann", "--requests-per-minute", "1000"), keys(place, "add", "bob")
    assert everywhere([service], limited, 200) and everywhere([service], free, 200)
    server.stop()
    try:
        before = ask(service, limited).headers["x-ratelimit-remaining-requests"]
        assert int(ask(service, limited).headers["x-ratelimit-remaining-requests"]) in (int(before) - 1, 999, 998)
        assert ask(service, free).status_code == 200
        assert eventually(lambda: ask(service, "made-up").status_code == 503)
        assert ask(service, "made-up").json()["error"]["code"] == "store_unavailable"
        other = start_service(GPT2GIGA_STATE_DIR=str(tmp_path / "there"), **place)
        for key in (limited, free, "made-up", ""):
            refused = ask(other, key)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
            assert server.url not in refused.text
    finally:
        server.start()
    assert everywhere([service, other], free, 200) and everywhere([service, other], "made-up", 401)


def test_files_and_responses_belong_to_a_key_on_both_machines(
    start_service: Callable[..., Service],
    server: Server,  # noqa: F811
    sandbox: SandboxServer,
    tmp_path: Path,
) -> None:
    place = {"GPT2GIGA_DATABASE_URL": server.url}
    ann, bob = keys(place, "add", "ann"), keys(place, "add", "bob")
    here, there = (start_service(GPT2GIGA_STATE_DIR=str(tmp_path / name), **place) for name in ("here", "there"))
    with here.client(ann) as client:
        made = client.files.create(file=("a.pdf", b"%PDF-1.4 nothing"), purpose="user_data").id
        kept = client.responses.create(model="GigaChat", input="Раз").id
    ann = keys(place, "rotate", "ann", "--grace", "0")
    assert everywhere([there], ann, 200)
    with there.client(ann) as client:
        assert [file.id for file in client.files.list()] == [made]
        assert client.responses.retrieve(kept).id == kept
    with there.client(bob) as client:
        assert [*client.files.list()] == []
    assert there.get(f"/v1/responses/{kept}", headers={"Authorization": f"Bearer {bob}"}).status_code == 404


def test_a_frozen_server_stops_no_answer(
    start_service: Callable[..., Service],
    server: Server,  # noqa: F811
    sandbox: SandboxServer,
) -> None:
    """What a limited key spends is then counted in memory, and added when the server goes on."""
    place = {"GPT2GIGA_DATABASE_URL": server.url}
    service = start_service(**place)
    key = keys(place, "add", "ann", "--tokens-per-day", "100000")
    assert eventually(lambda: service.get("/v1/models", headers={"x-api-key": key}).status_code == 200, SECONDS)
    with server.frozen():
        answers = [
            requests.post(service.url + CHAT, json={"messages": HELLO}, headers={"x-api-key": key}, timeout=120)
            for _ in range(3)
        ]
    used = [answer.json()["usage"] for answer in answers]
    cached = sum(usage["prompt_tokens_details"]["cached_tokens"] for usage in used)
    spent = sum(usage["total_tokens"] for usage in used) - cached
    assert "in memory only" in service.log.read_text()

    def is_added() -> bool:
        with service.get("/v1/models", headers={"x-api-key": key}):  # writes what waits
            return told(place, "ann")["spent_today"] == spent

    assert eventually(is_added, 30)
