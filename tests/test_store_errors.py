"""A database that is out of reach: clients are told that it is, and the log alone where."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

FOLDER = {"GPT2GIGA_STATE_DIR": "/dev/null/folder-of-ours"}
SERVER = {"GPT2GIGA_DATABASE_URL": "postgresql://name-of-ours:word-of-ours@127.0.0.1:1/base-of-ours"}
# The settings, and what of them the log is to name.
PLACES = {"folder": (FOLDER, "folder-of-ours"), "server": (SERVER, "127.0.0.1")}
ASKED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a response": ("GET", "/v1/responses/resp_0123456789abcdef", {}),
    "a conversation": ("POST", "/v1/responses", {"json": {"input": "Раз", "previous_response_id": "resp_1"}}),
    "a file": ("GET", "/v1/files/a", {}),
    "usage": ("GET", "/ui/usage", {}),
}


def check(app: Flask, capsys: pytest.CaptureFixture[str], address: str, *asked: str, key: str, **options: Any) -> None:
    method, path = asked
    headers = {"Authorization": f"Bearer {key}"}
    refused = app.test_client().open(path, method=method, buffered=True, headers=headers, **options)
    assert (refused.status_code, refused.json["error"]["code"]) == (503, "store_unavailable"), refused.text
    assert "ours" not in refused.text and address not in refused.text and "log" in refused.text
    log = capsys.readouterr().err
    assert address in log and "word-of-ours" not in log


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("what", ASKED)
def test_only_the_log_says_where_it_is(
    app_with: Callable[..., Flask], capsys: pytest.CaptureFixture[str], what: str, place: str
) -> None:
    settings, address = PLACES[place]
    method, path, options = ASKED[what]
    app = app_with(GPT2GIGA_API_KEY="one,two", GPT2GIGA_ADMIN_KEY="key-1", **settings)
    check(app, capsys, address, method, path, key="one", **options)


@pytest.mark.parametrize("place", PLACES)
def test_an_upload(app_with: Callable[..., Flask], capsys: pytest.CaptureFixture[str], place: str) -> None:
    """It is at GigaChat by then, and is deleted there."""
    settings, address = PLACES[place]
    file = {"file": (io.BytesIO(b"a"), "a.txt")}
    check(app_with(GPT2GIGA_API_KEY="one,two", **settings), capsys, address, "POST", "/v1/files", key="one", data=file)


def test_a_key_that_nobody_can_look_up(app_with: Callable[..., Flask], capsys: pytest.CaptureFixture[str]) -> None:
    check(app_with(**SERVER), capsys, "127.0.0.1", "GET", "/v1/models", key="made-up")
