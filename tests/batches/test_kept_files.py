"""Files of purpose batch: they are kept here, and nothing of them goes to GigaChat."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import openai
import pytest
from flask import Flask

from gpt2giga_sandbox.server import SandboxServer
from tests.batches.conftest import Client, line

AppWith = Callable[..., Flask]
ClientOf = Callable[..., Client]
MIB = 1024 * 1024


@pytest.fixture
def client(app_with: AppWith, client_of: ClientOf) -> Client:
    return client_of(app_with())


def test_a_file(client: Client, sandbox: SandboxServer) -> None:
    content = b'{"a": 1}\r\n\nlast \xd0\xb9 \x00 line'
    made = client.openai.files.create(file=("Ночь.jsonl", content), purpose="batch")
    assert (made.object, made.filename, made.purpose, made.bytes) == ("file", "Ночь.jsonl", "batch", len(content))
    assert made.expires_at == made.created_at + 30 * 86400 and made.status == "processed"
    assert client.openai.files.retrieve(made.id) == made
    assert client.openai.files.content(made.id).content == content
    assert client.openai.files.list(purpose="batch").data == [made]
    assert sandbox.state.requests() == [], "GigaChat is not asked"
    assert client.openai.files.list().data == [made] and client.openai.files.list(purpose="vision").data == []
    assert client.openai.files.delete(made.id).deleted
    for ask in (client.openai.files.retrieve, client.openai.files.content, client.openai.files.delete):
        with pytest.raises(openai.NotFoundError):
            ask(made.id)


def test_both_kinds_in_one_list(client: Client) -> None:
    theirs = client.openai.files.create(file=("a.txt", b"text"), purpose="user_data")
    ours = client.upload(line("a"))
    assert {file.id for file in client.openai.files.list()} == {theirs.id, ours}
    assert [file.id for file in client.openai.files.list(purpose="user_data")] == [theirs.id]


def test_a_large_file_comes_piece_by_piece(client: Client) -> None:
    lines = [line(str(number), {"input": "x" * 5000}) for number in range(1200)] + [b"x" * 3 * MIB]
    with client.openai.files.with_streaming_response.content(client.upload(*lines)) as answer:
        pieces = [piece for piece in answer.iter_bytes() if piece]
    assert b"".join(pieces) == b"".join(lines)
    assert len(pieces) >= 6 and max(map(len, pieces)) <= 3 * MIB


def test_what_has_expired_is_gone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    old = client.upload(line("a"), expires_after={"anchor": "created_at", "seconds": 3600})
    assert client.openai.files.retrieve(old).expires_at == pytest.approx(time.time() + 3600, abs=60)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3700)
    with pytest.raises(openai.NotFoundError):
        client.openai.files.retrieve(old)
    assert client.openai.files.list(purpose="batch").data == []


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"expires_after[anchor]": "created_at", "expires_after[seconds]": "60"}, "expires_after.seconds"),
        ({"expires_after[anchor]": "created_at", "expires_after[seconds]": "soon"}, "expires_after.seconds"),
        ({"expires_after[seconds]": "3600"}, "expires_after.anchor"),
    ],
)
def test_a_wrong_end_is_named(app_with: AppWith, form: dict[str, Any], param: str) -> None:
    data = {"file": (io.BytesIO(b"{}"), "a.jsonl"), "purpose": "batch", **form}
    answer = app_with().test_client().post("/v1/files", data=data)
    assert (answer.status_code, answer.get_json()["error"]["param"]) == (400, param)


def test_an_empty_file_is_refused(client: Client) -> None:
    with pytest.raises(openai.BadRequestError, match="not empty"):
        client.upload(b"")


def test_there_is_room_for_so_much_only(app_with: AppWith, client_of: ClientOf) -> None:
    """Nothing is pushed out: who needs it no more deletes it."""
    client = client_of(app_with(GPT2GIGA_BATCH_FILES_SIZE="64KiB"))
    first = client.upload(b"x" * 40_000)
    with pytest.raises(openai.APIStatusError, match="GPT2GIGA_BATCH_FILES_SIZE") as refused:
        client.upload(b"x" * 40_000)
    assert (refused.value.status_code, refused.value.code) == (413, "no_room")
    client.openai.files.delete(first)
    second = client.upload(b"x" * 40_000)
    for _ in range(20):
        client.upload(b"x")
    with pytest.raises(openai.APIStatusError, match="no room"):
        for _ in range(20):  # small ones take room too
            client.upload(b"x")
    assert client.openai.files.retrieve(second)


def test_what_has_expired_makes_room(app_with: AppWith, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(app_with(GPT2GIGA_BATCH_FILES_SIZE="64KiB"))
    client.upload(b"x" * 40_000)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 31 * 86400)
    client.upload(b"x" * 40_000)
