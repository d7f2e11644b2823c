"""What may happen to a batch while it is worked on: nothing that was accepted is lost, and nobody waits for it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import openai
import pytest
from flask import Flask

from gpt2giga.batches import pauses, run, runner
from gpt2giga.store import keys, leases, sqlite
from gpt2giga.store.keys import Rights
from gpt2giga.store.sqlite import FILE
from gpt2giga_sandbox.server import SandboxServer
from tests.batches.conftest import Client, line
from tests.sockets import eventually, HELLO
from tests.test_keys import Book, book  # noqa: F401  # a fixture

AppWith = Callable[..., Flask]
ClientOf = Callable[..., Client]
USAGE = {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(pauses, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(pauses, "LONGEST_PAUSE", 0.2)
    monkeypatch.setattr(runner, "LOOK_SECONDS", 0.1)


@pytest.fixture
def client(app_with: AppWith, client_of: ClientOf) -> Client:
    return client_of(app_with(GPT2GIGA_MAX_RETRIES="0"))


def lines(count: int) -> list[bytes]:
    return [line(f"line-{number}") for number in range(count)]


def asked(sandbox: SandboxServer) -> list[str]:
    """Which lines GigaChat was asked."""
    return [request["messages"][-1]["content"] for request in sandbox.state.chats()]


def counts(client: Client, batch: Any) -> tuple[int, int]:
    found = client.get(batch).request_counts
    assert found
    return found.completed, found.failed


def end(app: Flask) -> None:
    """As when a worker is told to stop."""
    app.extensions["batches"].close()
    app.extensions["leases"].close()


def expire(folder: Path, table: str, row: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / FILE, isolation_level=None)) as database:
        database.execute(f"UPDATE {table} SET expires = ? WHERE id = ?", (time.time(), row))


def results(client: Client, batch: Any) -> list[str]:
    found = client.ended(batch)
    assert found.status == "completed", found
    return [result["custom_id"] for result in client.lines(found.output_file_id)]


def test_where_there_are_no_batches_there_is_nothing(app_with: AppWith, tmp_path: Path) -> None:
    before = {*threading.enumerate()}
    app = app_with()
    assert app.test_client().get("/v1/models").status_code == 200
    assert eventually(lambda: not app.extensions["batches"]._watch._is_awake)
    assert not list(tmp_path.glob("*.sqlite3*"))
    names = {thread.name for thread in {*threading.enumerate()} - before}
    assert {name for name in names if "process_request_thread" not in name} <= {"keys", "accounts"}, "the sandbox's"


def test_when_all_are_over_nobody_is_awake(app_with: AppWith, client_of: ClientOf) -> None:
    app = app_with()
    client = client_of(app)
    client.ended(client.begin(line("a")))
    runner, held = app.extensions["batches"], app.extensions["leases"]
    assert eventually(lambda: not runner._watch._is_awake and not runner._runs and not held._held)


def test_another_process_goes_on(app_with: AppWith, client_of: ClientOf, sandbox: SandboxServer) -> None:
    """One starts while another ends; each line is answered once."""
    sandbox.state.script({"text": "answer", "delay": 0.05, "times": 8})
    first = app_with()
    client = client_of(first)
    batch = client.begin(*lines(8))
    assert eventually(lambda: counts(client, batch)[0] >= 2)
    end(first)
    second = client_of(app_with())
    assert results(second, batch) == [f"line-{number}" for number in range(8)]
    assert len({*asked(sandbox)}) == 8 and len(asked(sandbox)) <= 9, "the one in work may be asked again"
    sandbox.state.reset()


def test_a_process_that_died_is_missed(
    app_with: AppWith, client_of: ClientOf, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has given nothing back: its lease runs out, and nothing that it writes afterwards counts."""
    late = threading.Event()
    sandbox.state.script({"text": "late", "after": late}, {"text": "answer"})
    first = app_with(GPT2GIGA_MAX_CONCURRENCY="2")
    client = client_of(first)
    with monkeypatch.context() as patched:
        patched.setattr(leases, "LEASE_SECONDS", 0.5)
        batch = client.begin(line("a"))
        assert eventually(lambda: len(asked(sandbox)) == 1)
    second = client_of(app_with(GPT2GIGA_MAX_CONCURRENCY="2"))
    found = second.ended(batch)
    assert found.request_counts and found.request_counts.completed == 1
    [result] = second.lines(found.output_file_id)
    assert result["response"]["body"]["choices"][0]["message"]["content"] == "answer"
    late.set()
    assert eventually(lambda: not first.extensions["batches"]._runs)
    assert second.lines(found.output_file_id) == [result]


def test_several_processes_share_the_work(app_with: AppWith, client_of: ClientOf, sandbox: SandboxServer) -> None:
    clients = [client_of(app_with(GPT2GIGA_MAX_CONCURRENCY="3")) for _ in range(3)]
    batches = [client.begin(*lines(5)) for client in clients]
    for batch in batches:
        assert sorted(results(clients[0], batch)) == [f"line-{number}" for number in range(5)]
    assert len(asked(sandbox)) == 15


def test_as_many_at_once_as_the_account_may(app_with: AppWith, client_of: ClientOf, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "answer", "delay": 0.2, "times": 9})
    client = client_of(app_with(GPT2GIGA_MAX_CONCURRENCY="3"))
    assert len(results(client, client.begin(*lines(9)))) == 9
    assert sandbox.state.counters.peak_streams == 3


def test_whoever_waits_goes_first(app_with: AppWith, client_of: ClientOf, sandbox: SandboxServer) -> None:
    """The batch has been there before."""
    sandbox.state.script({"text": "answer", "delay": 0.1, "times": 9})
    app = app_with()
    client = client_of(app)
    batch = client.begin(*lines(6))
    assert eventually(lambda: len(asked(sandbox)) >= 2)
    for _ in range(3):
        behind = len(asked(sandbox))
        assert app.test_client().post("/v1/chat/completions", json={"messages": HELLO}).status_code == 200
        assert asked(sandbox)[behind:].index(HELLO[0]["content"]) <= 1, "only what had been asked already was before it"
    assert len(results(client, batch)) == 6


def test_cancelled(app_with: AppWith, client_of: ClientOf, sandbox: SandboxServer) -> None:
    """What is being answered is kept, the rest is not asked."""
    go = threading.Event()
    sandbox.state.script({"text": "answer"}, {"text": "answer", "after": go})
    client = client_of(app_with())
    batch = client.begin(*lines(4))
    assert eventually(lambda: len(asked(sandbox)) == 2)
    cancelling = client.openai.batches.cancel(batch.id)
    assert cancelling.status == "cancelling" and cancelling.cancelling_at and cancelling.output_file_id is None
    go.set()
    found = client.ended(batch)
    assert found.status == "cancelled" and found.cancelled_at and found.request_counts
    assert found.request_counts.to_dict() == {"total": 4, "completed": 2, "failed": 2}
    assert [result["custom_id"] for result in client.lines(found.output_file_id)] == ["line-0", "line-1"]
    for result in client.lines(found.error_file_id):
        assert result["response"] is None and result["error"]["code"] == "batch_cancelled"
    assert len(asked(sandbox)) == 2


def test_cancelled_by_a_process_that_does_not_have_it(
    app_with: AppWith, client_of: ClientOf, sandbox: SandboxServer
) -> None:
    go = threading.Event()
    sandbox.state.script({"text": "answer", "after": go})
    one, other = client_of(app_with()), client_of(app_with())
    batch = one.begin(*lines(3))
    assert eventually(lambda: len(asked(sandbox)) == 1)
    other.openai.batches.cancel(batch.id)
    go.set()
    found = other.ended(batch)
    assert (found.status, counts(other, batch)) == ("cancelled", (1, 2))


def test_cancelled_while_it_waits_for_others(client: Client, sandbox: SandboxServer) -> None:
    """It is not worked on, so it need not wait until they are done."""
    go = threading.Event()
    sandbox.state.script({"text": "answer", "after": go, "times": 1000})
    batches = [client.begin(*lines(100)) for _ in range(runner.MOST_OF_TENANT + 1)]
    assert eventually(lambda: [client.get(batch).status for batch in batches[:-1]] == ["in_progress"] * 2)
    assert client.get(batches[-1]).status == "validating"
    client.openai.batches.cancel(batches[-1].id)
    assert client.ended(batches[-1]).status == "cancelled"
    assert [client.get(batch).status for batch in batches[:-1]] == ["in_progress"] * 2
    for batch in batches[:-1]:
        client.openai.batches.cancel(batch.id)
    go.set()
    for batch in batches[:-1]:
        assert client.ended(batch).status == "cancelled"
    sandbox.state.reset()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_of_ours_does_not_spin(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = []

    def fail(*_: Any) -> None:
        failures.append(time.monotonic())
        raise LookupError

    with monkeypatch.context() as patched:
        patched.setattr(run, "validate", fail)
        batch = client.begin(line("a"))
        assert eventually(lambda: len(failures) >= 3)
    assert all(later - before > runner.LOOK_SECONDS / 2 for before, later in pairwise(failures))
    assert results(client, batch) == ["a"]


def test_expired(client: Client, sandbox: SandboxServer, tmp_path: Path) -> None:
    sandbox.state.script({"text": "answer"}, {"status": 429, "times": 1000})
    batch = client.begin(*lines(3))
    assert eventually(lambda: counts(client, batch) == (1, 0))
    expire(tmp_path, "batches", batch.id)
    found = client.ended(batch)
    assert found.status == "expired" and found.expired_at and counts(client, batch) == (1, 2)
    assert [result["custom_id"] for result in client.lines(found.output_file_id)] == ["line-0"]
    assert [result["error"]["code"] for result in client.lines(found.error_file_id)] == ["batch_expired"] * 2
    sandbox.state.reset()


@pytest.mark.parametrize("status", [401, 402, 403, 429, 500, 503])
def test_what_passes_is_asked_again(client: Client, sandbox: SandboxServer, status: int) -> None:
    sandbox.state.script({"status": status, "times": 4})
    assert sorted(results(client, client.begin(*lines(2)))) == ["line-0", "line-1"]


def test_a_line_that_always_fails_holds_up_no_other(client: Client, sandbox: SandboxServer) -> None:
    """While others are answered, a failure is its own."""

    def spoilt() -> Iterator[dict[str, Any]]:
        yield {"status": 500}
        yield {"text": "answer"}
        for _ in range(run.MOST_TRIES - 1):
            yield {"status": 500}

    sandbox.state.script(*spoilt())
    batch = client.ended(client.begin(*lines(2)))
    assert (batch.status, counts(client, batch)) == ("completed", (1, 1))
    [failed] = client.lines(batch.error_file_id)
    assert (failed["custom_id"], failed["response"]["status_code"]) == ("line-0", 502)


@pytest.fixture
def with_key(app_with: AppWith, client_of: ClientOf, book: Book) -> Callable[..., Client]:  # noqa: F811
    """Of somebody with such a key."""
    apps: list[Flask] = []

    def with_key(name: str, **rights: Any) -> Client:
        secret = book.add(name, Rights(**rights))
        if not apps:
            apps.append(app_with(GPT2GIGA_MAX_RETRIES="0"))
        return client_of(apps[0], secret)

    return with_key


def test_a_quota_that_is_reached_and_raised(
    with_key: Callable[..., Client],
    book: Book,  # noqa: F811
    sandbox: SandboxServer,
) -> None:
    sandbox.state.script({"text": "answer", "usage": USAGE, "times": 3})
    client = with_key("ann", tokens_per_day=150)
    batch = client.begin(*lines(3))
    assert eventually(lambda: counts(client, batch) == (2, 0))
    time.sleep(0.3)
    assert (client.get(batch).status, counts(client, batch)) == ("in_progress", (2, 0)), "it waits"
    book.change(keys.change, "ann", {"tokens_per_day": 10_000})
    assert len(results(client, batch)) == 3
    found = client.get(batch)
    assert found.usage and (found.usage.input_tokens, found.usage.output_tokens) == (270, 30)


def test_a_key_that_is_revoked_ends_its_batch(
    with_key: Callable[..., Client],
    app_with: AppWith,
    book: Book,  # noqa: F811
    sandbox: SandboxServer,
) -> None:
    """What was answered until then is there for whoever inherits."""
    sandbox.state.script({"text": "answer", "delay": 0.1, "times": 100})
    client = with_key("ann")
    batch = client.begin(*lines(100))
    assert eventually(lambda: counts(client, batch)[0] >= 1)
    book.change(keys.revoke, "ann")
    database = app_with().extensions["batches"]._place.batches
    assert eventually(lambda: database.get(batch.id).status == "failed")
    found = database.get(batch.id)
    assert [error["message"] for error in found.errors] == ["This API key was revoked."]
    assert found.errors[0]["code"] == "invalid_api_key" and found.output_file
    sandbox.state.reset()


def test_models_of_the_key_are_those_of_its_batches(with_key: Callable[..., Client]) -> None:
    client = with_key("ann", models=("GigaChat-2",))
    body = {"model": "GigaChat-2-Max", "messages": HELLO}
    batch = client.ended(client.begin(line("a", body)))
    [failed] = client.lines(batch.error_file_id)
    assert failed["response"]["body"]["error"]["code"] == "model_not_found"


def test_nobody_sees_what_is_anothers(with_key: Callable[..., Client]) -> None:
    ann, bob = with_key("ann"), with_key("bob")
    batch = ann.ended(ann.begin(line("a")))
    assert batch.output_file_id
    assert bob.openai.batches.list().data == [] and bob.openai.files.list().data == []
    for ask in (bob.openai.batches.retrieve, bob.openai.batches.cancel):
        with pytest.raises(openai.NotFoundError):
            ask(batch.id)
    for file in (batch.input_file_id, batch.output_file_id):
        for look in (bob.openai.files.retrieve, bob.openai.files.content, bob.openai.files.delete):
            with pytest.raises(openai.NotFoundError):
                look(file)
        with pytest.raises(openai.BadRequestError, match="no file"):
            bob.openai.batches.create(input_file_id=file, endpoint="/v1/responses", completion_window="24h")
    assert len(ann.openai.files.list().data) == 2


def test_a_file_in_use_stays(client: Client, sandbox: SandboxServer) -> None:
    go = threading.Event()
    sandbox.state.script({"text": "answer", "after": go})
    batch = client.begin(line("a"))
    with pytest.raises(openai.BadRequestError, match=batch.id):
        client.openai.files.delete(batch.input_file_id)
    go.set()
    found = client.ended(batch)
    for file in (found.input_file_id, found.output_file_id):
        assert file and client.openai.files.delete(file).deleted


def test_results_are_kept_as_long_as_the_client_wants(client: Client) -> None:
    batch = client.begin(line("a"), output_expires_after={"anchor": "created_at", "seconds": 7200})
    file = client.openai.files.retrieve(client.ended(batch).output_file_id or "")
    assert (file.purpose, file.filename) == ("batch_output", f"{batch.id}_output.jsonl")
    assert file.expires_at == pytest.approx(time.time() + 7200, abs=60)


def test_a_batch_of_one_tenant_leaves_room_for_others(
    with_key: Callable[..., Client], sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.state.script({"text": "answer", "delay": 0.05, "times": 1000})
    ann, bob = with_key("ann"), with_key("bob")
    many = [ann.begin(*lines(200)) for _ in range(4)]
    small = bob.ended(bob.begin(line("small")))
    assert small.status == "completed" and ann.get(many[-1]).status == "validating"
    for batch in many:
        ann.openai.batches.cancel(batch.id)
        ann.ended(batch)
    sandbox.state.reset()


def test_too_many_that_have_not_ended(client: Client, monkeypatch: pytest.MonkeyPatch, sandbox: SandboxServer) -> None:
    monkeypatch.setattr("gpt2giga.store.batches.MOST_UNFINISHED", 1)
    go = threading.Event()
    sandbox.state.script({"text": "answer", "after": go})
    batch = client.begin(line("a"))
    with pytest.raises(openai.RateLimitError, match="have not ended") as refused:
        client.begin(line("b"))
    go.set()
    assert refused.value.response.headers["x-should-retry"] == "false"
    client.ended(batch)
    client.ended(client.begin(line("b")))


def test_what_is_answered_waits_until_it_can_be_written(
    app_with: AppWith,
    client_of: ClientOf,
    sandbox: SandboxServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not asked again, and the next line waits too."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    client = client_of(app_with())
    go = threading.Event()
    sandbox.state.script({"text": "answer", "after": go}, {"text": "answer"})
    batch = client.begin(*lines(2))
    assert eventually(lambda: len(asked(sandbox)) == 1)
    with contextlib.closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        go.set()
        assert eventually(lambda: f"Batch {batch.id} waits: database is locked" in capsys.readouterr().err)
        time.sleep(0.5)  # it is looked at, and tried again
        assert len(asked(sandbox)) == 1 and capsys.readouterr().err.count(batch.id) == 0, "told once"
        other.execute("ROLLBACK")
    assert results(client, batch) == ["line-0", "line-1"]
    assert asked(sandbox) == ["line-0", "line-1"] and f"Batch {batch.id} goes on" in capsys.readouterr().err


def test_what_has_expired_makes_room_for_results(
    app_with: AppWith, client_of: ClientOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody need upload anything for that."""
    client = client_of(app_with(GPT2GIGA_BATCH_FILES_SIZE="64KiB"))
    file = client.upload(b"x" * 50_000)
    body = {"messages": HELLO, "max_tokens": 1}
    batch = client.begin(*[line(f"{number:0>400}", body) for number in range(16)])
    assert eventually(lambda: "there is no room for results" in capsys.readouterr().err)
    expire(tmp_path, "local_files", file)
    assert len(results(client, batch)) == 16


def test_each_result_is_looked_at_for_room(app_with: AppWith, client_of: ClientOf, sandbox: SandboxServer) -> None:
    """However many lines have been read together."""
    sandbox.state.script({"text": "answer" * 5000, "times": 100})
    client = client_of(app_with(GPT2GIGA_BATCH_FILES_SIZE="128KiB"))
    batch = client.begin(*lines(20))
    assert eventually(lambda: counts(client, batch)[0] >= 3)
    time.sleep(0.5)
    assert counts(client, batch)[0] <= 5
    client.openai.batches.cancel(batch.id)
    assert client.ended(batch).status == "cancelled"
    sandbox.state.reset()


def test_while_there_is_no_room_it_waits(app_with: AppWith, client_of: ClientOf, capsys: Any) -> None:
    """Results are never thrown away, so nothing is asked whose result has no room."""
    client = client_of(app_with(GPT2GIGA_BATCH_FILES_SIZE="64KiB"))
    needless = client.upload(b"x" * 50_000)
    body = {"messages": HELLO, "max_tokens": 1}
    batch = client.begin(*[line(f"{number:0>400}", body) for number in range(16)])
    assert eventually(lambda: counts(client, batch)[0] > 0)
    assert eventually(lambda: "waits: there is no room for results" in capsys.readouterr().err)
    assert client.get(batch).status == "in_progress"
    client.openai.files.delete(needless)
    assert len(results(client, batch)) == 16
