"""`gpt2giga keys`, as a user types it."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from gpt2giga.config.store import KEYS_MARK
from gpt2giga.store.sqlite import FILE, SQLiteFile
from tests.commands.running import printed, refused, run
from tests.service import Service

OWN = "a-key-that-was-there-before"


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    return {"GPT2GIGA_STATE_DIR": str(tmp_path / "state")}


def shown(place: dict[str, str], name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(printed("keys", "show", name, "--json", **place))
    return found


def test_a_key_is_printed_alone_and_once(place: dict[str, str], tmp_path: Path) -> None:
    done = run("keys", "add", "ann", **place)
    assert done.returncode == 0 and done.stdout.startswith("g2g_") and done.stdout.count("\n") == 1
    assert "shown only now" in done.stderr and str(tmp_path / "state") in done.stderr
    secret = done.stdout.strip()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
    assert secret[8:].encode() not in kept
    for name in (FILE, KEYS_MARK):
        assert stat.S_IMODE((tmp_path / "state" / name).stat().st_mode) == 0o600
    assert json.loads(printed("keys", "add", "bob", "--json", **place))["key"].startswith("g2g_")


def test_what_a_key_may_do(place: dict[str, str]) -> None:
    limits = ["--tokens-per-day", "1000", "--tokens-per-month", "20000", "--requests-per-minute", "30"]
    printed(
        "keys",
        "add",
        "ann",
        *limits,
        "--models",
        "GigaChat-2, x",
        "--priority",
        "low",
        "--until",
        "2099-12-31",
        **place,
    )
    found = shown(place, "ann")
    assert (found["tokens_per_day"], found["tokens_per_month"], found["requests_per_minute"]) == (1000, 20000, 30)
    assert (found["models"], found["priority"], found["state"]) == (["GigaChat-2", "x"], "low", "valid")
    assert str(found["until"]).startswith("2099-12-31T23:59:59") and found["spent_today"] == 0
    for option, value in {
        "--tokens-per-day": "none",
        "--models": "none",
        "--priority": "none",
        "--until": "none",
    }.items():
        printed("keys", "set", "ann", option, value, **place)
    found = shown(place, "ann")
    assert (found["tokens_per_day"], found["models"], found["priority"], found["until"]) == (None, [], None, None)
    assert found["tokens_per_month"] == 20000
    lines = printed("keys", "show", "ann", **place).splitlines()
    assert [line.split()[-1] for line in lines if line.startswith(("tokens a month", "spent"))] == ["0", "20,000", "0"]


def test_the_list(place: dict[str, str]) -> None:
    for name in ("bob", "ann", "eve"):
        printed("keys", "add", name, "--tokens-per-day", "5000", **place)
    printed("keys", "revoke", "eve", **place)
    head, *rows = printed("keys", "list", **place).splitlines()
    assert head.startswith("name") and [row.split()[0] for row in rows] == ["ann", "bob", "eve"]
    assert [row.split()[2] for row in rows] == ["valid", "valid", "revoked"] and "5,000" in rows[0]
    assert [row["state"] for row in json.loads(printed("keys", "list", "--json", **place))] == ["valid"] * 2 + [
        "revoked"
    ]
    assert "действует" in printed("--lang", "ru", "keys", "list", **place)
    assert "Создать ключ" in printed("keys", "add", "--help", "--lang", "ru", **place)


def test_who_only_reads_makes_nothing(place: dict[str, str], tmp_path: Path) -> None:
    for words in (
        ["list"],
        ["show", "ann"],
        ["revoke", "ann"],
        ["set", "ann", "--priority", "low"],
        ["clear", "--yes"],
    ):
        assert "no key was ever made in" in refused("keys", *words, **place)
    assert not (tmp_path / "state").exists()
    assert "Commands" in printed("keys")


BAD = {
    ("add", "a/b"): "no name for a key",
    ("add", "имя"): "no name for a key",
    ("add", "x" * 65): "no name for a key",
    ("add", "b", "--tokens-per-day", "0"): "whole number",
    ("add", "b", "--requests-per-minute", "-1"): "whole number",
    ("add", "b", "--tokens-per-month", "1e9"): "whole number",
    ("add", "b", "--models", ","): "not a list such as",
    ("add", "b", "--models", "a b"): "not a list such as",
    ("add", "b", "--priority", "first"): "low",
    ("add", "b", "--until", "2020-01-01"): "is over",
    ("add", "b", "--until", "soon"): "not a date such as",
    ("add", "ann"): "already",
    ("add", "nobody", "--adopt"): "no key with the name nobody",
    ("rotate", "ann", "--grace", "soon"): "not a time such as",
    ("rotate", "ann", "--grace", "9999d"): "not a time such as",
    ("rotate", "eve"): "no key with the name eve",
    ("set", "ann"): "what is to change",
    ("clear",): "--yes",
}


def test_what_is_wrong_is_one_clear_sentence(place: dict[str, str]) -> None:
    printed("keys", "add", "ann", **place)
    before = shown(place, "ann")
    for words, sentence in BAD.items():
        assert sentence in refused("keys", *words, **place), words
    assert shown(place, "ann") == before
    assert len(json.loads(printed("keys", "list", "--json", **place))) == 1
    assert "accounts of their own" in refused("keys", "add", "bob", GPT2GIGA_PASS_TOKEN="True", **place)
    assert "already" in refused("keys", "add", "bob", GPT2GIGA_API_KEY=f"bob:{OWN}", **place)


def test_revoking_is_for_good_and_the_name_is_free(place: dict[str, str]) -> None:
    printed("keys", "add", "ann", **place)
    printed("keys", "revoke", "ann", **place)
    for words in (["rotate", "ann"], ["set", "ann", "--priority", "low"], ["revoke", "ann"]):
        assert "ann is revoked" in refused("keys", *words, **place)
    printed("keys", "add", "ann", **place)
    assert shown(place, "ann")["state"] == "valid"


def test_a_key_that_moves_here(place: dict[str, str]) -> None:
    done = run("keys", "add", "ann", "--adopt", GPT2GIGA_API_KEY=f"ann:{OWN}", **place)
    assert done.stdout == f"{OWN}\n" and "Take it out of GPT2GIGA_API_KEY" in done.stderr
    assert "too short" in refused("keys", "add", "bob", "--adopt", GPT2GIGA_API_KEY="bob:short-key", **place)


def test_a_database_that_cannot_be_used(place: dict[str, str], tmp_path: Path) -> None:
    assert "cannot be used" in refused("keys", "add", "ann", GPT2GIGA_STATE_DIR="/dev/null/state")
    printed("keys", "add", "ann", **place)
    with sqlite3.connect(tmp_path / "state" / FILE) as connection:
        connection.execute("UPDATE schema_version SET number = 999")
    connection.close()
    assert "later gpt2giga" in refused("keys", "add", "bob", **place)


def test_keys_that_are_lost_with_their_database(place: dict[str, str], tmp_path: Path) -> None:
    """That none was made would be the wrong answer for whoever looks for the reason of a 503."""
    printed("keys", "add", "ann", **place)
    (tmp_path / "state" / FILE).unlink()
    SQLiteFile(tmp_path / "state" / FILE).connect(is_patient=True).close()  # as a service does that goes on
    for words in (["list"], ["show", "ann"], ["rotate", "ann"]):
        assert "restore it from a backup" in refused("keys", *words, **place)
    assert "keys forgotten: 0" in printed("keys", "clear", "--yes", **place)
    assert "No key was made yet" in printed("keys", "list", **place)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")
def test_what_root_makes_belongs_to_the_service(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    os.chown(tmp_path / "state", 12345, 23456)
    printed("keys", "add", "ann", GPT2GIGA_STATE_DIR=str(tmp_path / "state"))
    for name in (FILE, KEYS_MARK):
        found = (tmp_path / "state" / name).stat()
        assert (found.st_uid, found.st_gid) == (12345, 23456)


def test_doctor_and_connect_know_of_them(
    guarded: Service, account: dict[str, str], place: dict[str, str], tmp_path: Path
) -> None:
    key = printed("keys", "add", "ann", "--tokens-per-day", "9", **place).strip()
    printed("keys", "add", "bob", **place)
    printed("keys", "revoke", "bob", **place)
    settings = {**account, **place, "GPT2GIGA_PORT": str(guarded.port)}
    lines = printed("doctor", **settings).splitlines()
    assert [line for line in lines if "keys: 1 valid, 1 of them limited, 1 revoked or expired" in line]
    assert "a key of gpt2giga keys is asked for" in lines[-2] and "--api-key" in lines[-1]
    assert "the key is asked and taken" in printed("doctor", "--api-key", "first-key", **settings)
    assert "--api-key" in refused("connect", "aider", **settings)
    assert key in printed("connect", "aider", "--api-key", key, **settings)
    for path in (tmp_path / "state").glob(f"{FILE}*"):
        path.unlink()
    done = run("doctor", **settings)
    assert done.returncode == 2 and "FAIL keys" in done.stdout
