"""`background: true`: asked for by one request, and fetched by others, from any process."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openai import NotFoundError, OpenAI
from openai.types.responses import Response

from gpt2giga.dialects.responses import background_runner, background_store
from gpt2giga.dialects.responses.background_runner import MOST_ATTEMPTS
from gpt2giga.dialects.responses.compaction import unpack
from gpt2giga.store import leases
from gpt2giga.store.keys import Rights
from gpt2giga.store.response_tables import BackgroundEvents, BackgroundResponse
from gpt2giga.store.sqlite import FILE
from gpt2giga.web import sse
from gpt2giga_sandbox.server import SandboxServer
from tests.asking import new
from tests.response_events import EVENT, MODEL
from tests.service import Service
from tests.sockets import eventually
from tests.test_keys import Book, book, USAGE  # noqa: F401  # a fixture

AppWith = Callable[..., Flask]
UNFINISHED = ("queued", "in_progress")
# Slow enough to come between.
SLOW = {"text": "Раз два три четыре", "frame_delay": 0.3}
HELD = {"text": "Раз два три", "hang_after": 1}


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_runner, "LOOK_SECONDS", 0.05)


def ask(client: FlaskClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/responses", json={"model": MODEL, "input": new("Раз"), "background": True, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    Response.model_validate(found)
    return found


def get(client: FlaskClient, response_id: str) -> dict[str, Any]:
    with client.get(f"/v1/responses/{response_id}") as answer:
        found: dict[str, Any] = answer.get_json()
    return found


def finished(client: FlaskClient, response_id: str) -> dict[str, Any]:
    assert eventually(lambda: get(client, response_id)["status"] not in UNFINISHED)
    found = get(client, response_id)
    Response.model_validate({**found, "error": None})  # its codes are fewer than what can go wrong
    return found


def events(client: FlaskClient, response_id: str, after: int = -1) -> list[dict[str, Any]]:
    """To the end."""
    answer = client.get(
        f"/v1/responses/{response_id}?stream=true&starting_after={after}" if after >= 0 else again(response_id)
    )
    assert answer.status_code == 200, answer.text
    return read(answer.data)


def again(response_id: str) -> str:
    return f"/v1/responses/{response_id}?stream=true"


def read(data: bytes) -> list[dict[str, Any]]:
    found = [json.loads(event) for event in sse.decode(data)]
    for event in found:
        if event["type"] != "response.cancelled":
            EVENT.validate_python(event)
    numbers = [event["sequence_number"] for event in found]
    assert numbers == [*range(numbers[0], numbers[0] + len(numbers))] if numbers else True
    return found


def text_of(response: dict[str, Any]) -> str:
    return "".join(part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"])


def test_it_is_answered_at_once_and_fetched_later(app_with: AppWith, sandbox: SandboxServer) -> None:
    client = app_with().test_client()
    sandbox.state.script(SLOW)
    asked = ask(client, metadata={"topic": "demo"})
    assert (asked["status"], asked["background"], asked["output"], asked["store"]) == ("queued", True, [], True)
    assert get(client, asked["id"])["status"] in UNFINISHED
    assert client.get(f"/v1/responses/{asked['id']}/input_items").get_json()["data"][0]["role"] == "user"
    found = finished(client, asked["id"])
    assert (found["status"], text_of(found), found["background"]) == ("completed", SLOW["text"], True)
    assert found["usage"]["total_tokens"] > 0 and found["metadata"] == {"topic": "demo"}
    assert {**found, **dict.fromkeys(("status", "output", "usage", "completed_at"))} == {
        **asked,
        **dict.fromkeys(("status", "output", "usage", "completed_at")),
    }
    assert client.get(f"/v1/responses/{asked['id']}/input_items").get_json()["data"][0]["role"] == "user"
    sandbox.state.script({"text": "Два."})
    ask_next = client.post("/v1/responses", json={"input": "А?", "previous_response_id": asked["id"]})
    assert ask_next.status_code == 200
    assert SLOW["text"] in [message["content"] for message in sandbox.state.chats()[-1]["messages"]]


def test_a_stream_that_is_left_goes_on(app_with: AppWith, sandbox: SandboxServer) -> None:
    """And is taken up where it was left, also when all is over."""
    client = app_with().test_client()
    sandbox.state.script(SLOW)
    body = {"model": MODEL, "input": new("Раз"), "background": True, "stream": True}
    answer = client.post("/v1/responses", json=body, buffered=False)
    first: list[dict[str, Any]] = []
    for piece in answer.response:
        first += read(piece)  # type: ignore[arg-type]
        if any(event["type"] == "response.output_text.delta" for event in first):
            break
    answer.close()
    assert [event["type"] for event in first[:2]] == ["response.created", "response.queued"]
    assert [event["response"]["status"] for event in first[:2]] == ["queued", "queued"]
    response_id, last = first[0]["response"]["id"], first[-1]["sequence_number"]
    rest = events(client, response_id, last)
    assert rest[0]["sequence_number"] == last + 1 and rest[-1]["type"] == "response.completed"
    told = [event["delta"] for event in (*first, *rest) if event["type"] == "response.output_text.delta"]
    assert "".join(told) == SLOW["text"] == text_of(rest[-1]["response"])
    assert rest[-1]["response"] == finished(client, response_id)
    assert (
        events(client, response_id) == [*first, *rest]
        and events(client, response_id, rest[-1]["sequence_number"]) == []
    )


def test_from_another_process(app_with: AppWith, sandbox: SandboxServer) -> None:
    """As two applications that share nothing but the database."""
    one, other = (app_with(GPT2GIGA_HEARTBEAT="0.1").test_client() for _ in range(2))
    sandbox.state.script(SLOW, HELD)
    asked = ask(one, stream=False)
    assert finished(other, asked["id"])["status"] == "completed"
    held = ask(one)
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    assert other.post(f"/v1/responses/{held['id']}/cancel").get_json()["status"] == "cancelled"
    assert get(one, held["id"])["status"] == "cancelled"


def test_cancelling(app_with: AppWith, sandbox: SandboxServer) -> None:
    client = app_with(GPT2GIGA_HEARTBEAT="0.1").test_client()
    sandbox.state.script(HELD)
    asked = read_first(client)
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    assert get(client, asked)["status"] == "in_progress"
    refused = client.post("/v1/responses", json={"input": "а", "previous_response_id": asked})
    assert refused.status_code == 400 and "not completed yet" in refused.get_json()["error"]["message"]
    for _ in range(2):
        answer = client.post(f"/v1/responses/{asked}/cancel")
        assert (answer.status_code, answer.get_json()["status"]) == (200, "cancelled")
    assert events(client, asked)[-1]["type"] == "response.cancelled"
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1), "GigaChat is not kept at work"
    refused = client.post("/v1/responses", json={"input": "а", "previous_response_id": asked})
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (400, "previous_response_not_completed")
    plain = client.post("/v1/responses", json={"input": "а"}).get_json()
    assert client.post(f"/v1/responses/{plain['id']}/cancel").status_code == 400
    assert client.post("/v1/responses/resp_unknown/cancel").status_code == 404


def read_first(client: FlaskClient) -> str:
    """The id of one whose stream was left at once."""
    body = {"model": MODEL, "input": new("Раз"), "background": True, "stream": True}
    with closing(client.post("/v1/responses", json=body, buffered=False)) as answer:
        created, *_ = next(found for piece in answer.response if (found := read(piece)))  # type: ignore[arg-type]
    return str(created["response"]["id"])


def test_deleting(app_with: AppWith, sandbox: SandboxServer) -> None:
    client = app_with(GPT2GIGA_HEARTBEAT="0.1").test_client()
    sandbox.state.script(HELD, {"text": "Раз."})
    asked = read_first(client)
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    assert client.delete(f"/v1/responses/{asked}").status_code == 200
    for path in (f"/v1/responses/{asked}", again(asked)):
        assert client.get(path).status_code == 404
    assert client.delete(f"/v1/responses/{asked}").status_code == 404
    over = read_first(client)
    finished(client, over)
    assert client.delete(f"/v1/responses/{over}").status_code == 200
    assert client.get(again(over)).status_code == 404


def test_failures_are_told_as_everywhere(app_with: AppWith, sandbox: SandboxServer) -> None:
    client = app_with(GPT2GIGA_MAX_RETRIES="0").test_client()
    sandbox.state.script({"status": 402, "body": {"status": 402, "message": "Payment Required"}})
    found = finished(client, ask(client)["id"])
    assert (found["status"], found["error"]["code"]) == ("failed", "insufficient_quota")
    sandbox.state.script({"text": "Раз два три четыре", "cut_after": 1})
    asked = read_first(client)
    assert finished(client, asked)["status"] == "failed"
    assert events(client, asked)[-1]["type"] == "response.failed"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"store": False}, "background"),
        ({"background": "yes"}, "background"),
        ({"temperature": "hot"}, "temperature"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": []}, "input"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(app_with: AppWith, body: dict[str, Any], param: str) -> None:
    client = app_with().test_client()
    refused = client.post("/v1/responses", json={"input": "а", "background": True, **body})
    assert (refused.status_code, refused.get_json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("settings", [{"GPT2GIGA_PASS_TOKEN": "True"}, {"GPT2GIGA_STORE_DAYS": "0"}])
def test_where_it_cannot_be(app_with: AppWith, settings: dict[str, str], sandbox: SandboxServer) -> None:
    client = app_with(**settings).test_client()
    account = {"Authorization": f"Bearer giga-cred-{sandbox.credentials}"}
    refused = client.post("/v1/responses", json={"input": "а", "background": True}, headers=account)
    error = refused.get_json()["error"]
    assert (refused.status_code, error["param"]) == (400, "background")
    assert [*settings][0] in error["message"]


def test_not_in_a_process_that_ends_with_its_request(app_with: AppWith) -> None:
    client = app_with().test_client()
    body = {"input": "а", "background": True}
    refused = client.post("/v1/responses", json=body, environ_overrides={"wsgi.run_once": True})
    assert refused.status_code == 400 and "CGI" in refused.get_json()["error"]["message"]


def test_where_to_begin_again_must_be_a_number(app_with: AppWith) -> None:
    client = app_with().test_client()
    asked = read_first(client)
    finished(client, asked)
    refused = client.get(f"{again(asked)}&starting_after=first")
    assert (refused.status_code, refused.get_json()["error"]["param"]) == (400, "starting_after")
    plain = ask(client)["id"]
    finished(client, plain)
    refused = client.get(again(plain))
    assert refused.status_code == 400 and "'stream'" in refused.get_json()["error"]["message"]


def test_no_more_than_some_at_a_time(
    app_with: AppWith, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_store, "MOST_UNFINISHED", 1)
    client = app_with(GPT2GIGA_HEARTBEAT="0.1").test_client()
    sandbox.state.script(HELD)
    held = ask(client)["id"]
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    refused = client.post("/v1/responses", json={"input": "а", "background": True})
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (429, "too_many_in_background")
    assert int(refused.headers["Retry-After"]) > 0
    assert client.post(f"/v1/responses/{held}/cancel").status_code == 200
    finished(client, ask(client)["id"])


def test_no_more_than_there_is_room_for(
    app_with: AppWith, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that were told make room first."""
    client = app_with(GPT2GIGA_STORE_SIZE="80KiB", GPT2GIGA_HEARTBEAT="0.1").test_client()
    body = {"input": "а" * 2000, "background": True, "stream": True}
    over = [read(client.post("/v1/responses", json=body).data)[0]["response"]["id"] for _ in range(12)]
    kept = [one for one in over if client.get(f"/v1/responses/{one}").status_code == 200]
    assert {client.get(again(one)).status_code for one in kept} == {200, 400}
    assert client.get(again(over[-1])).status_code == 200
    assert get(client, over[-1])["status"] == "completed"
    too_large = client.post("/v1/responses", json={**body, "input": "а" * 20_000})
    assert (too_large.status_code, too_large.get_json()["error"]["param"]) == (413, "background")
    runner = client.application.extensions["background"]
    monkeypatch.setattr(runner, "wake", lambda: None)
    statuses = [client.post("/v1/responses", json={**body, "stream": False}).status_code for _ in range(20)]
    assert statuses[0] == 200 and statuses[-1] == 429


def test_a_tenant_leaves_room_for_others(app_with: AppWith, monkeypatch: pytest.MonkeyPatch) -> None:
    client = app_with(GPT2GIGA_STORE_SIZE="80KiB", GPT2GIGA_API_KEY="first-key,second-key").test_client()
    monkeypatch.setattr(client.application.extensions["background"], "wake", lambda: None)

    def left(key: str) -> int:
        """How many it may leave unfinished."""
        for number in range(30):
            body = {"input": "а" * 2000, "background": True}
            refused = client.post("/v1/responses", json=body, headers={"Authorization": f"Bearer {key}"})
            if refused.status_code != 200:
                assert (refused.status_code, refused.get_json()["error"]["code"]) == (429, "too_many_in_background")
                return number
        raise AssertionError("there is no end")

    assert left("first-key") == left("second-key") > 3


def test_tenants_are_kept_apart(app_with: AppWith) -> None:
    client = app_with(GPT2GIGA_API_KEY="first-key,second-key").test_client()
    mine, theirs = ({"Authorization": f"Bearer {key}"} for key in ("first-key", "second-key"))
    body = {"input": new("Раз"), "background": True, "stream": True}
    created = read(client.post("/v1/responses", json=body, headers=mine).data)[0]
    path = f"/v1/responses/{created['response']['id']}"
    assert client.get(path, headers=mine).get_json()["status"] == "completed"
    for method, where in (("GET", path), ("GET", f"{path}?stream=true"), ("POST", f"{path}/cancel"), ("DELETE", path)):
        assert client.open(where, method=method, headers=theirs).status_code == 404
    assert client.get(f"{path}?stream=true", headers=mine).status_code == 200


def test_the_limits_of_a_key(
    app_with: AppWith,
    sandbox: SandboxServer,
    book: Book,  # noqa: F811
) -> None:
    """What is made in the background is one request of a minute; its tokens count as all do."""
    secret = book.add("ann", Rights(requests_per_minute=2, tokens_per_day=50))
    shown = {"Authorization": f"Bearer {secret}"}
    client = app_with().test_client()
    sandbox.state.script({"usage": USAGE})
    body = {"model": MODEL, "input": new("Раз"), "background": True, "stream": True}
    last = read(client.post("/v1/responses", json=body, headers=shown).data)[-1]
    assert last["type"] == "response.completed" and last["response"]["usage"]["total_tokens"] == 100
    refused = client.post("/v1/responses", json=body, headers=shown)
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (429, "insufficient_quota")


def test_a_conversation_gets_the_turn_once(app_with: AppWith, sandbox: SandboxServer) -> None:
    client = app_with().test_client()
    conversation = client.post("/v1/conversations", json={}).get_json()["id"]
    sandbox.state.script({"text": "Два."})
    found = finished(client, ask(client, input="Раз", conversation=conversation)["id"])
    assert found["conversation"] == {"id": conversation}
    kept = client.get(f"/v1/conversations/{conversation}/items?order=asc").get_json()["data"]
    assert [item["content"][0]["text"] for item in kept] == ["Раз", "Два."]


def test_a_compaction_too(app_with: AppWith, sandbox: SandboxServer) -> None:
    client = app_with().test_client()
    sandbox.state.script({"text": "Было так."})
    asked = ask(client, input=[{"role": "user", "content": "Раз"}, {"type": "compaction_trigger"}])
    [item] = finished(client, asked["id"])["output"]
    assert unpack(item["encrypted_content"]) == "Было так."


@pytest.fixture
def left(
    app_with: AppWith, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, FlaskClient]]:
    """What a process that has died left in the middle of its work, and another process."""
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.5)
    dying = app_with()
    runner = dying.extensions["background"]
    monkeypatch.setattr(runner, "wake", lambda: None)  # it dies before it comes to it
    asked = read_first(dying.test_client())
    yield asked, app_with().test_client()


def test_what_a_dead_process_left_is_done_by_another(left: tuple[str, FlaskClient], sandbox: SandboxServer) -> None:
    asked, client = left
    sandbox.state.script({"text": "Раз."})
    assert text_of(finished(client, asked)) == "Раз."


def test_what_is_begun_anew_has_new_numbers(left: tuple[str, FlaskClient], sandbox: SandboxServer) -> None:
    """A client that comes back does not take the second answer for the end of the first."""
    asked, client = left
    store = client.application.extensions["background"]._store
    runner = client.application.extensions["background"]
    assert runner._leases.take(asked)
    work = store.begin(asked)
    assert (work.attempt, work.number) == (1, 2)
    assert store.tell(asked, [{"type": "response.in_progress", "sequence_number": 2}])
    runner._leases.release(asked)
    sandbox.state.script({"text": "Раз."})
    assert text_of(finished(client, asked)) == "Раз."
    found = events(client, asked)
    assert (found[0]["type"], found[0]["sequence_number"]) == ("response.created", 3)


def test_what_ends_every_process_is_given_up(left: tuple[str, FlaskClient], sandbox: SandboxServer) -> None:
    asked, client = left
    runner = client.application.extensions["background"]
    for _ in range(MOST_ATTEMPTS):
        assert runner._leases.take(asked) and runner._store.begin(asked)
        runner._leases.release(asked)
    found = finished(client, asked)
    assert found["status"] == "failed" and "tried 5 times" in found["error"]["message"]


def test_whoever_has_lost_the_lease_writes_nothing(left: tuple[str, FlaskClient]) -> None:
    asked, client = left
    runner = client.application.extensions["background"]
    assert runner._leases.take(asked) and runner._store.begin(asked)
    runner._leases.release(asked)
    assert runner._store.begin(asked) is None and not runner._store.tell(asked, [{"sequence_number": 9}])
    runner._store.finish(asked, {"status": "completed"}, [])
    assert runner._store.find("", asked) is not None


def change(client: FlaskClient, response_id: str, **columns: Any) -> None:
    update = BackgroundResponse.update(**columns).where(BackgroundResponse.id == response_id)
    client.application.extensions["usage"].database.do(partial(update.execute))


@pytest.mark.parametrize("body", [b"\xff", b"[]", b"{}", b'{"response": 1, "input": [], "conversation": ""}'])
def test_one_that_was_damaged_is_gone(
    left: tuple[str, FlaskClient], caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    """Nobody tries again and again what cannot be read."""
    asked, client = left
    change(client, asked, turn=body)
    for method, path in (("GET", asked), ("GET", f"{asked}?stream=true"), ("POST", f"{asked}/cancel")):
        assert client.open(f"/v1/responses/{path}", method=method).status_code == 404
    store = client.application.extensions["background"]._store
    assert eventually(lambda: store.unfinished(1)[0] == 0)
    time.sleep(0.2)
    assert caplog.text.count("was damaged") == 1 and "Unexpected" not in caplog.text


@pytest.mark.parametrize("columns", [{"asker": "{}"}, {"body": b"\xff"}])
def test_one_of_which_nobody_can_tell_what_was_asked_fails(left: tuple[str, FlaskClient], columns: Any) -> None:
    asked, client = left
    change(client, asked, **columns)
    assert finished(client, asked)["status"] == "failed"


def test_events_that_were_damaged_are_left_out(app_with: AppWith) -> None:
    client = app_with().test_client()
    asked = read_first(client)
    finished(client, asked)
    for body in (b"\xff", b"[1]", b"{}"):
        update = BackgroundEvents.update(body=body).where(BackgroundEvents.first == 0)
        client.application.extensions["usage"].database.do(partial(update.execute))
        assert events(client, asked)[0]["sequence_number"] == 2


def test_a_service_that_has_too_much_to_do_begins_it_later(
    left: tuple[str, FlaskClient],
    app_with: AppWith,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """However often there is no place, no attempt was made."""
    monkeypatch.setattr(background_runner, "PAUSE_SECONDS", 0.02)
    asked, _ = left
    client = app_with(GPT2GIGA_MAX_OPEN_REQUESTS="1", GPT2GIGA_HEARTBEAT="0.1").test_client()
    sandbox.state.script(HELD, {"text": "Раз."})
    with closing(client.post("/v1/responses", json={"input": new("Раз"), "stream": True}, buffered=False)):
        log = ""

        def tried() -> int:
            nonlocal log
            log += capsys.readouterr().err
            return log.count("cause=overloaded")

        assert eventually(lambda: tried() > MOST_ATTEMPTS)
    assert eventually(lambda: get(client, asked).get("status") == "completed"), "while it is in work there is no place"
    assert text_of(get(client, asked)) == "Раз."


def test_a_database_that_is_away_at_the_end_is_waited_for(
    app_with: AppWith,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """What was answered is paid for, so it is not asked for again. The log says once what is wrong."""
    monkeypatch.setattr(background_runner, "PAUSE_SECONDS", 0.02)
    folder, away = tmp_path / "kept", tmp_path / "away"
    client = app_with(GPT2GIGA_STATE_DIR=str(folder)).test_client()
    sandbox.state.script(SLOW)
    asked = ask(client)["id"]
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    folder.rename(away)
    folder.touch()
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0)
    assert client.get(f"/v1/responses/{asked}").status_code == 503
    time.sleep(0.5)
    folder.unlink()
    away.rename(folder)
    assert text_of(finished(client, asked)) == SLOW["text"] and len(sandbox.state.chats()) == 1
    log = capsys.readouterr().err
    assert 1 <= log.count("WARNING Kept responses cannot be reached") <= 3, "each kind of what is kept may say so"


def test_a_process_that_ends_sends_its_clients_to_another(app_with: AppWith, sandbox: SandboxServer) -> None:
    """At once, and the number that they saw last is where they go on."""
    client = app_with(GPT2GIGA_HEARTBEAT="0.1").test_client()
    sandbox.state.script(HELD, {"text": "Раз."})
    body = {"model": MODEL, "input": new("Раз"), "background": True, "stream": True}
    answer = client.post("/v1/responses", json=body, buffered=False)
    pieces = iter(answer.response)
    created, *first = next(found for piece in pieces if (found := read(piece)))  # type: ignore[arg-type]
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    client.application.extensions["background"].close()
    told = [*first, *(event for piece in pieces for event in map(json.loads, sse.decode(piece)))]  # type: ignore[arg-type]
    answer.close()
    assert told[-1]["type"] == "error" and "restarted" in told[-1]["message"]
    assert told[-1]["sequence_number"] == told[-2]["sequence_number"]
    other = app_with().test_client()
    rest = events(other, created["response"]["id"], told[-1]["sequence_number"])
    assert (rest[0]["type"], rest[-1]["type"]) == ("response.created", "response.completed")


def test_it_was_created_when_it_was_asked_for(left: tuple[str, FlaskClient]) -> None:
    asked, client = left
    found = client.application.extensions["background"]._store.find("", asked)  # a request would have it done at once
    turn = {"response": found.response | {"created_at": 1_000_000_000}, "input": [], "conversation": ""}
    change(client, asked, turn=json.dumps(turn).encode())
    assert finished(client, asked)["created_at"] == 1_000_000_000
    assert {event["response"]["created_at"] for event in events(client, asked, 1) if "response" in event} == {10**9}


def test_events_are_dropped_after_a_while(app_with: AppWith, monkeypatch: pytest.MonkeyPatch) -> None:
    client = app_with().test_client()
    asked = read_first(client)
    finished(client, asked)
    store = client.application.extensions["background"]._store
    store.drop_old()
    assert events(client, asked)
    later = time.time() + background_store.EVENTS_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    store.drop_old()
    assert client.get(again(asked)).status_code == 400 and get(client, asked)["status"] == "completed"


def test_by_openais_client(service: Service, client: OpenAI, sandbox: SandboxServer) -> None:
    """In the service itself, under gevent."""
    sandbox.state.script(SLOW)
    stream = client.responses.create(model=MODEL, input=new("Раз"), background=True, stream=True)
    first = next(iter(stream))
    stream.close()
    assert first.type == "response.created"
    with client.responses.retrieve(first.response.id, stream=True, starting_after=0) as rest:
        found = [*rest]
    assert found[0].type == "response.queued" and found[-1].type == "response.completed"
    assert client.responses.retrieve(first.response.id).output_text == SLOW["text"]
    sandbox.state.script(HELD)
    held = client.responses.create(model=MODEL, input=new("Раз"), background=True)
    assert held.status == "queued"
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    assert client.responses.retrieve(held.id).status == "in_progress"
    assert client.responses.cancel(held.id).status == "cancelled"
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)
    with pytest.raises(NotFoundError):
        client.responses.cancel("resp_unknown")


def test_whoever_is_stopped_leaves_nothing_behind(service: Service) -> None:
    """At whatever moment: a lease that nobody gives back would be renewed for ever."""

    def ask_and_cancel(number: int) -> None:
        body = {"model": MODEL, "input": f"Раз {number}", "background": True}
        asked = service.post("/v1/responses", body).json()["id"]
        time.sleep(number % 10 * 0.003)
        path = f"/v1/responses/{asked}"
        stopped = service.post(f"{path}/cancel") if number % 2 else service.request("DELETE", path)
        assert stopped.status_code == 200

    with ThreadPoolExecutor(20) as pool:
        [*pool.map(ask_and_cancel, range(200))]

    def leases_left() -> int:
        with closing(sqlite3.connect(service.folder / "state" / FILE)) as database:
            [(count,)] = database.execute("SELECT count(*) FROM leases")
        return int(count)

    assert eventually(lambda: leases_left() == 0)
