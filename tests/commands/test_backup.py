"""`gpt2giga backup`, of a service in this process that is still there."""

from __future__ import annotations

import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

from flask import Flask

from tests.commands.running import printed, refused
from tests.sockets import HELLO


def test_what_is_saved_can_be_restored(app_with: Callable[..., Flask], tmp_path: Path) -> None:
    """As the paragraph on restoring says: unpacked into an empty state folder."""
    keys = "ann:first-key-of-ann,bob:first-key-of-bob"
    headers = {"Authorization": "Bearer first-key-of-ann"}
    state, restored = tmp_path / "state", tmp_path / "restored"
    app = app_with(GPT2GIGA_API_KEY=keys, GPT2GIGA_STATE_DIR=str(state))
    client = app.test_client()
    answer = client.post("/v1/responses", json={"input": "Раз"}, headers=headers).get_json()
    with client.post("/v1/chat/completions", json={"messages": HELLO}, headers=headers) as answered:
        assert answered.status_code == 200
    app.extensions["usage"].flush()
    (state / "files").mkdir()
    (state / "files" / "mark").touch()
    (state / "gpt2giga.sqlite3.broken").write_text("large")
    file = tmp_path / "backup.tar.gz"
    assert printed("backup", str(file), GPT2GIGA_STATE_DIR=str(state)) == f"saved as {file}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with tarfile.open(file) as archive:
        assert {member.name for member in archive if member.isfile()} >= {"gpt2giga.sqlite3", "files/mark"}
        assert [member.name for member in archive if "broken" in member.name or "-wal" in member.name] == []
        assert stat.S_IMODE(archive.getmember("gpt2giga.sqlite3").mode) == 0o600
        archive.extractall(restored, filter="data")
    other = app_with(GPT2GIGA_API_KEY=keys, GPT2GIGA_STATE_DIR=str(restored)).test_client()
    assert other.get(f"/v1/responses/{answer['id']}", headers=headers).status_code == 200
    assert other.get("/ui/usage", headers=headers).get_json()["keys"][0]["key"] == "ann"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("tmp")) == []


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    """Nothing is made then, and a former backup stays."""
    file = tmp_path / "backup.tar.gz"
    file.write_text("of yesterday")
    assert "no database in" in refused("backup", str(file), GPT2GIGA_STATE_DIR=str(tmp_path))
    (tmp_path / "gpt2giga.sqlite3").write_text("no database at all, " * 100)
    assert "cannot be read" in refused("backup", str(file), GPT2GIGA_STATE_DIR=str(tmp_path))
    assert file.read_text() == "of yesterday" and len([*tmp_path.iterdir()]) == 2
    assert "pg_dump" in refused("backup", str(file), GPT2GIGA_DATABASE_URL="postgresql://somebody@127.0.0.1:1/name")
