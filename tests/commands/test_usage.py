"""`gpt2giga usage`, on what a service in this process has counted."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from gpt2giga.store.sqlite import FILE
from gpt2giga_sandbox.server import SandboxServer
from tests.commands.running import printed, refused
from tests.sockets import HELLO

USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "precached_prompt_tokens": 900}


@pytest.fixture
def used(app_with: Callable[..., Flask], sandbox: SandboxServer, tmp_path: Path) -> dict[str, str]:
    """The variables of the command for the database of a service that has had four requests, one of them refused."""
    app = app_with(GPT2GIGA_API_KEY="ann:first-key-of-ann,bob:first-key-of-bob", GPT2GIGA_MAX_RETRIES="0")
    client = app.test_client()
    sandbox.state.script({"usage": USAGE}, {"usage": USAGE}, {"usage": USAGE}, {"status": 402})
    asked = (("ann", "GigaChat-2"), ("bob", "GigaChat-2"), ("bob", "GigaChat-2-Lite"), ("bob", "GigaChat-2-Max"))
    for name, model in asked:
        headers = {"Authorization": f"Bearer first-key-of-{name}"}
        body = {"model": model, "messages": HELLO}
        with client.post("/v1/chat/completions", json=body, headers=headers) as answer:
            assert answer.status_code in (200, 402)
    app.extensions["usage"].flush()
    return {"GPT2GIGA_STATE_DIR": str(tmp_path)}


def table(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()[1:]]


def test_by_model_and_by_key(used: dict[str, str]) -> None:
    """Cached tokens are among those that went in; an alias is counted as its model."""
    rows = [row[:6] for row in table(printed("usage", **used))]
    assert rows == [["GigaChat-2", "3", "0", "3,000", "2,700", "60"], ["GigaChat-2-Max", "1", "1", "0", "0", "0"]]
    rows = [row[:3] for row in table(printed("usage", "--by", "key", **used))]
    assert rows == [["bob", "3", "1"], ["ann", "1", "0"]]
    [row] = table(printed("usage", "--by", "day", "--since", "1d", **used))
    assert row[1:3] == ["4", "1"]
    assert [row[:2] for row in table(printed("usage", "--by", "key", "--by", "model", **used))][0] == [
        "bob",
        "GigaChat-2",
    ]


def test_by_account(used: dict[str, str], tmp_path: Path) -> None:
    """Empty is what was used before accounts were told apart."""
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE usage SET account = CASE model WHEN 'GigaChat-2' THEN 'team' ELSE '' END")
    rows = table(printed("usage", "--by", "account", **used))
    assert [row[:3] for row in rows] == [["team", "3", "0"], ["-", "1", "1"]]
    told = json.loads(printed("usage", "--by", "account", "--by", "key", "--by", "account", "--json", **used))
    assert [(row["account"], row["key"]) for row in told] == [("team", "bob"), ("team", "ann"), ("", "bob")]


def test_errors_with_their_causes(used: dict[str, str]) -> None:
    assert table(printed("usage", "--errors", **used)) == [["GigaChat-2-Max", "insufficient_quota", "1"]]
    [row] = json.loads(printed("usage", "--errors", "--by", "key", "--by", "day", "--json", **used))
    assert row == {"key": "bob", "day": row["day"], "cause": "insufficient_quota", "errors": 1}
    assert len(row["day"]) == len("2026-11-29")
    assert printed("usage", "--errors", "--csv", **used).splitlines() == [
        "model,cause,errors",
        "GigaChat-2-Max,insufficient_quota,1",
    ]


def test_what_it_cost(used: dict[str, str]) -> None:
    """Without a price none is made up; cached tokens cost nothing."""
    rows = json.loads(printed("usage", "--json", "--by", "key", GPT2GIGA_PRICES="GigaChat-2=1000000", **used))
    assert {row["key"]: row["roubles"] for row in rows} == {"ann": 120.0, "bob": 240.0}
    assert "roubles" not in json.loads(printed("usage", "--json", **used))[0]
    assert "not a list such as" in refused("usage", GPT2GIGA_PRICES="GigaChat-2=free", **used)


def test_for_a_spreadsheet(used: dict[str, str]) -> None:
    first, _ = csv.DictReader(io.StringIO(printed("usage", "--csv", **used)))
    assert (first["model"], first["requests"], first["prompt"], first["completion"]) == (
        "GigaChat-2",
        "3",
        "3000",
        "60",
    )


def test_nothing_was_used(used: dict[str, str], tmp_path: Path) -> None:
    """Who only reads makes no file: it would be root's, in the way of the service."""
    empty = tmp_path / "empty"
    empty.mkdir()
    assert f"no database in {empty}" in refused("usage", GPT2GIGA_STATE_DIR=str(empty))
    assert [*empty.iterdir()] == []
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("DELETE FROM usage")
        connection.execute("DELETE FROM usage_failures")
    assert printed("usage", **used) == "Nothing was used in this time.\n"
    assert printed("usage", "--errors", **used) == "There were no errors in this time.\n"


@pytest.mark.parametrize("since", ["0d", "401d", "yesterday", "2020-01-01", "2100-01-01", "d", "30"])
def test_a_time_that_makes_no_sense(since: str, tmp_path: Path) -> None:
    assert "not a date such as" in refused("usage", "--since", since, GPT2GIGA_STATE_DIR=str(tmp_path))


def test_a_database_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    assert "GPT2GIGA_STATE_DIR" in refused("usage", GPT2GIGA_STATE_DIR=str(tmp_path))
    told = refused("usage", GPT2GIGA_DATABASE_URL="postgresql://somebody:secret-word@127.0.0.1:1/name")
    assert "refused" in told and "secret-word" not in told
