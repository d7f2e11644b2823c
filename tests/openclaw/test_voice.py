"""OpenClaw hears and speaks: a voice message becomes text, and an answer becomes sound."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from gpt2giga_sandbox import sound
from gpt2giga_sandbox.server import SandboxServer
from tests.openclaw.install import install
from tests.openclaw.openclaw import OpenClaw
from tests.recordings import at_salutespeech, wav
from tests.service import Service
from tests.sockets import eventually

ANSWER = "Это ответ голосом."
SESSION = "agent:main:main"


@pytest.fixture
def openclaw(curt: Service, sandbox: SandboxServer, tmp_path: Path) -> OpenClaw:
    """Its own, connected to a service that has SaluteSpeech."""
    install()
    here = OpenClaw(tmp_path)
    here.connect("--voice", "--url", curt.url, "--api-key", "a key", **at_salutespeech(sandbox))
    return here


def told(shown: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shown[shown.index("{") :])
    return found


def test_a_voice_message_becomes_text(openclaw: OpenClaw, sandbox: SandboxServer) -> None:
    assert "valid" in openclaw.run("config", "validate").lower()
    recording = openclaw.home / "voice.wav"
    recording.write_bytes(wav())
    sandbox.state.script({"text": "Запомни: кота зовут Барсик."})
    shown = told(openclaw.run("infer", "audio", "transcribe", "--file", str(recording), "--json"))
    assert shown["outputs"][0]["text"] == "Запомни: кота зовут Барсик."


def test_an_answer_becomes_sound(openclaw: OpenClaw, sandbox: SandboxServer) -> None:
    file = openclaw.home / "answer.ogg"
    openclaw.run("infer", "tts", "convert", "--local", "--text", ANSWER, "--output", str(file), "--json")
    assert file.read_bytes() == sound.opus(ANSWER)
    [request] = sandbox.state.requests("/text:synthesize")
    assert request["query"].startswith("format=opus")


def test_a_voice_message_is_answered_by_voice(openclaw: OpenClaw, sandbox: SandboxServer) -> None:
    """As in a messenger: through the gateway, with the agent in between."""
    openclaw.change("agents.defaults.heartbeat", {"every": "0m"})
    sandbox.state.script({"text": "Как зовут кота?"}, {"text": ANSWER})
    recording = base64.b64encode(wav()).decode()
    attached = {"type": "audio", "mimeType": "audio/wav", "fileName": "voice.wav", "content": recording}
    message = {"sessionKey": SESSION, "message": "", "idempotencyKey": "voice", "attachments": [attached]}
    openclaw.start_gateway()
    try:
        call(openclaw, "chat.send", message)
        assert eventually(lambda: sounds(openclaw), seconds=120)
        [heard] = sounds(openclaw)
    finally:
        openclaw.stop_gateway()
    assert heard["sizeBytes"] == len(sound.opus(ANSWER)) and heard["mimeType"] == "audio/ogg"
    [_, asked] = sandbox.state.chats()
    assert "Как зовут кота?" in json.dumps(asked["messages"], ensure_ascii=False)


def call(openclaw: OpenClaw, method: str, params: dict[str, Any]) -> dict[str, Any]:
    arguments = ("--token", "test", "--timeout", "60000", "--params", json.dumps(params), "--json")
    return told(openclaw.run("gateway", "call", method, *arguments))


def sounds(openclaw: OpenClaw) -> list[Any]:
    """Of the assistant's messages."""
    said = call(openclaw, "chat.history", {"sessionKey": SESSION})["messages"]
    parts = [part for message in said if message["role"] == "assistant" for part in message["content"]]
    return [part for part in parts if part["type"] == "audio"]
