"""Codex shortens a long conversation, and goes on with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gpt2giga.dialects.responses.compaction import INTRODUCTION
from gpt2giga_sandbox.server import SandboxServer
from tests.clients.test_codex import Ask, ask, call, codex, said  # noqa: F401

SUMMARY = "Цель: посчитать. Осталось: сказать ответ."
EARLY = ("-c", "model_auto_compact_token_limit=100")
# Codex lets only a provider of this name compact; others it makes write a summary as an answer.
OPENAI = ("-c", 'model_providers.gigachat.name="OpenAI"')


def texts(payload: dict[str, Any]) -> str:
    return "\n".join(message["content"] for message in payload["messages"])


@pytest.mark.parametrize("provider", [OPENAI, ()], ids=["by an item", "by an answer"])
def test_it_compacts_and_goes_on(ask: Ask, sandbox: SandboxServer, provider: tuple[str, ...]) -> None:  # noqa: F811
    used = {"prompt_tokens": 5000, "completion_tokens": 10, "total_tokens": 5010}
    sandbox.state.script(
        {"text": "Считаю.", **call("exec_command", cmd="echo $((20 + 22))"), "usage": used},
        {"text": SUMMARY},
        {"text": "Сорок два."},
    )
    events = ask("Сложи 20 и 22.", *EARLY, *provider)
    assert said(events)[-1] == "Сорок два.", json.dumps(events, ensure_ascii=False)
    _, compacting, last = sandbox.state.chats()
    assert "42" in texts(compacting) and SUMMARY in texts(last)
    assert (INTRODUCTION in texts(last)) is bool(provider)
    assert sandbox.state.refusals() == []
