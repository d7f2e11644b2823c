"""Embeddings that are remembered, in a file here; tests/deploy/test_postgresql.py runs the same tests on a server."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from gpt2giga.store.database import Database
from gpt2giga.store.room import DAY
from gpt2giga.store.sqlite import SQLiteFile
from gpt2giga.store.tables import KeptEmbedding
from gpt2giga.upstream.embeddings import Embedding
from gpt2giga.web.remembered_embeddings import EmbeddingStore
from gpt2giga_sandbox.server import SandboxServer
from tests.dialects.responses.test_store import MIB, open_database, OpenDatabase

__all__ = ["open_database"]

MODEL, SCOPE = "EmbeddingsGigaR", ("https://gigachat", "average")


class Service:
    """Stands for GigaChat and what it is paid for; vectors are at random, so that no two are the same."""

    def __init__(self, length: int = 8) -> None:
        self.asked: list[str] = []
        self._length = length

    def __call__(self, texts: list[str]) -> list[Embedding]:
        self.asked += texts
        return [
            Embedding([random.uniform(-1, 1) for _ in range(self._length)], len(text), len(text) > 5) for text in texts
        ]


@pytest.fixture
def service() -> Service:
    return Service()


def test_the_same_text_is_asked_for_once(open_database: OpenDatabase, service: Service) -> None:
    """Also by another process, and when it stands twice in one request."""
    first, second = (EmbeddingStore(open_database(), MIB, *SCOPE) for _ in range(2))
    paid = first.embed(["a", "other", "a", "long text"], MODEL, "", service)
    assert service.asked == ["a", "other", "long text"] and [each.tokens for each in paid] == [1, 5, 0, 9]
    again = second.embed(["new", "long text", "a", "\ud800"], MODEL, "", service)
    assert service.asked == ["a", "other", "long text", "new", "\ud800"]
    assert [each.tokens for each in again] == [3, 0, 0, 1]
    assert again[2].vector == paid[0].vector == paid[2].vector
    assert again[1].vector == paid[3].vector and again[1].averaged


def test_what_makes_another_vector_or_another_owner(open_database: OpenDatabase, service: Service) -> None:
    database = open_database()
    for host, model, tenant in (("h", "m", "t"), ("i", "m", "t"), ("h", "n", "t"), ("h", "m", "u"), ("hm", "", "t")):
        EmbeddingStore(database, MIB, host).embed(["a"], model, tenant, service)
    assert service.asked == ["a"] * 5


def test_no_text_is_kept(tmp_path: Path, service: Service) -> None:
    database = Database(SQLiteFile(tmp_path / "kept.sqlite3"))
    EmbeddingStore(database, MIB, *SCOPE).embed(["a secret of mine"], MODEL, "", service)
    database.close()
    assert b"embeddings" in (tmp_path / "kept.sqlite3").read_bytes()
    assert not [path for path in tmp_path.iterdir() if b"secret" in path.read_bytes()]


def test_the_oldest_make_room(open_database: OpenDatabase) -> None:
    database, service = open_database(), Service(1000)
    store = EmbeddingStore(database, MIB, *SCOPE)
    for number in range(200):
        store.embed([f"{number}"], MODEL, "", service)
    sizes = database.do(lambda inner: [*KeptEmbedding.select(KeptEmbedding.size).tuples().execute(inner)])
    assert MIB * 0.9 < sum(size for (size,) in sizes) < MIB * 1.05
    store.embed(["199", "0"], MODEL, "", service)
    assert service.asked[200:] == ["0"]


def test_after_thirty_days_it_is_asked_for_again(open_database: OpenDatabase, service: Service) -> None:
    database = open_database()
    store = EmbeddingStore(database, MIB, *SCOPE)
    store.embed(["a"], MODEL, "", service)
    older = KeptEmbedding.update(created=KeptEmbedding.created - 31 * DAY)
    database.do(lambda inner: older.execute(inner))
    for _ in range(2):
        store.embed(["a"], MODEL, "", service)
    assert service.asked == ["a", "a"]


def test_a_database_that_is_away_costs_no_answer(
    tmp_path: Path, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    store = EmbeddingStore(Database(SQLiteFile(tmp_path / "file" / "kept.sqlite3")), MIB, *SCOPE)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert [each.tokens for each in store.embed(["ab", "c"], MODEL, "", service)] == [2, 1]
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "Embeddings are not remembered until the database is back"
    ]
    (tmp_path / "file").unlink()
    for _ in range(2):
        store.embed(["ab"], MODEL, "", service)
    assert service.asked == ["ab", "c", "ab", "c", "ab"]


@pytest.mark.parametrize("size", ["64MiB", "0"])
def test_over_the_running_application(
    app_with: Callable[..., Flask], sandbox: SandboxServer, tmp_path: Path, size: str
) -> None:
    app = app_with(GPT2GIGA_STATE_DIR=str(tmp_path), GPT2GIGA_EMBEDDINGS_CACHE_SIZE=size)
    answers = [
        app.test_client().post("/v1/embeddings", json={"input": texts, "model": "Embeddings"}).json
        for texts in ("one", ["two", "one"], ["one", "two"])
    ]
    asked = [request["json"]["input"] for request in sandbox.state.requests("/embeddings")]
    assert asked == ([["one"], ["two"]] if size != "0" else [["one"], ["two", "one"], ["one", "two"]])
    assert answers[2]["data"][0]["embedding"] == answers[0]["data"][0]["embedding"]
    assert (answers[2]["usage"]["prompt_tokens"] == 0) is (size != "0")
