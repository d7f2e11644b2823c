"""OpenClaw hears and speaks: a voice message becomes text, and an answer becomes sound."""

from __future__ import annotations

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

ANSWER = "Это ответ голосом."


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
