"""How much of our code a chat runs through: the shape of the trunk, counted and not timed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType

import pytest
from flask import Flask
from flask.testing import FlaskClient

import gpt2giga
from gpt2giga_sandbox.server import SandboxServer
from tests.sockets import HELLO

ROOT = str(Path(gpt2giga.__file__).parent)
MOST_MODULES, MOST_FUNCTIONS = 31, 134
MOST_FRAMES_OF_A_CHUNK = 8
WORDS = 40


@pytest.fixture
def app_client(app_with: Callable[..., Flask]) -> FlaskClient:
    return app_with().test_client()


def calls_of(run: Callable[[], object]) -> list[CodeType]:
    """Every start and every resumption of a function of ours; not of comprehensions and lambdas."""
    found: list[CodeType] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(ROOT) and "<" not in frame.f_code.co_name:
            found.append(frame.f_code)

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return found


def test_a_whole_chat(app_client: FlaskClient, sandbox: SandboxServer) -> None:
    """The second one: the first also asks for a token and opens a connection."""
    sandbox.state.script({"text": "Привет!"}, {"text": "Привет!"})

    def chat() -> None:
        response = app_client.post("/v1/chat/completions", json={"messages": HELLO})
        assert response.status_code == 200
        response.close()

    chat()
    calls = calls_of(chat)
    assert len({code.co_filename for code in calls}) <= MOST_MODULES
    assert len(set(calls)) <= MOST_FUNCTIONS


def test_a_chunk(app_client: FlaskClient, sandbox: SandboxServer) -> None:
    """Between GigaChat's socket and the client's; what more words cost, so that beginning and end do not count."""

    def stream(words: int) -> int:
        sandbox.state.script({"text": "слово " * words, "frame_delay": 0.005})

        def chat() -> None:
            body = {"messages": HELLO, "stream": True}
            with app_client.post("/v1/chat/completions", json=body, buffered=True) as response:
                assert response.text.count("слово") == words

        return len(calls_of(chat))

    stream(2)
    few, many = stream(2), stream(2 + WORDS)
    assert (many - few) / WORDS <= MOST_FRAMES_OF_A_CHUNK
