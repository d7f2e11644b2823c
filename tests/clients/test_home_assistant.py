"""Home Assistant's own integration of Ollama, which switches a lamp of a house that is not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gpt2giga_sandbox.server import SandboxServer
from tests.clients.home_assistant import home_assistant, LIGHT
from tests.conftest import QUICK
from tests.service import Service


def test_it_switches_a_lamp(service_with: Callable[..., Service], sandbox: SandboxServer, tmp_path: Path) -> None:
    service = service_with(**QUICK, GPT2GIGA_OLLAMA="True", GPT2GIGA_HEARTBEAT="0.3")
    call = {"call": {"name": "HassTurnOn", "arguments": {"name": "Kitchen"}}, "delay": 1}
    with home_assistant(tmp_path / "config") as house:
        house.onboard()
        offered = house.add_ollama(service.url, "GigaChat-2-Max:latest")
        assert "GigaChat-2-Max:latest" in offered and "GigaChat-2:latest" in offered
        assert house.states()[LIGHT] == "off"
        sandbox.state.script(call, {"text": "На кухне светло.", "delay": 1})
        assert house.say("conversation.gigachat_2_max", "Сделай на кухне посветлее") == "На кухне светло."
        assert house.states()[LIGHT] == "on"
    first, second = sandbox.state.chats()[-2:]
    assert "HassTurnOn" in [function["name"] for function in first["functions"]]
    assert [message["role"] for message in second["messages"]] == ["system", "user", "assistant", "function"]
    assert "action_done" in second["messages"][-1]["content"]
