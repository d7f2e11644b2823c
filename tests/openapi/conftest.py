from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gpt2giga_sandbox.server import SandboxServer
from tests.recordings import at_salutespeech, ffmpeg_in
from tests.sockets import all_threads_ended


@pytest.fixture
def app(
    app_with: Callable[..., Flask], sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flask]:
    """With all that its endpoints may need."""
    monkeypatch.setenv("PATH", ffmpeg_in(tmp_path / "bin"))
    with all_threads_ended():
        yield app_with(GPT2GIGA_METRICS="True", GPT2GIGA_OLLAMA="True", **at_salutespeech(sandbox))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").get_json()
    return found
