"""Claude Code itself, as `claude -p`, against the service; the sandbox plays the model."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from gpt2giga_sandbox.storage import drawing
from tests.clients.npm import install
from tests.commands.running import printed
from tests.service import Service

VERSION = "2.1.331"
SECONDS = 60

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def claude() -> Path:
    [binary] = install("@anthropic-ai/claude-code", VERSION).glob("@anthropic-ai/claude-code-*/claude")
    return binary


@pytest.fixture
def ask(claude: Path, service: Service, tmp_path: Path, folder: Path) -> Ask:
    """ask("...", VARIABLE="...") gives what `claude -p` prints as JSON."""

    def ask(prompt: str, *, model: str = "GigaChat-2-Max", **variables: str) -> dict[str, Any]:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "ANTHROPIC_BASE_URL": service.url,
            "ANTHROPIC_AUTH_TOKEN": "unused",
            "ANTHROPIC_MODEL": model,
            "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "128000",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",
            **variables,
        }
        command = [claude, "-p", prompt, "--output-format", "json", "--allowedTools", "Bash,Read,Write,WebSearch"]
        run = subprocess.run(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
        )
        found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
        return found

    return ask


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"call": {"name": name, "arguments": arguments}}


def result(payload: dict[str, Any]) -> Any:
    return json.loads(next(message["content"] for message in payload["messages"] if message["role"] == "function"))


@pytest.mark.parametrize("model", ["GigaChat-2-Max", "GigaChat-3-Ultra", "claude-sonnet-4-5", "claude-test"])
def test_a_tool_round_trip(ask: Ask, sandbox: SandboxServer, folder: Path, model: str) -> None:
    sandbox.state.script(call("Bash", command="echo $((20 + 22)) > answer && cat answer", description="Adds"))
    sandbox.state.script({"text": "Готово: сорок два."})
    answer = ask("Сложи 20 и 22.", model=model)
    assert (answer["result"], answer["is_error"], answer["num_turns"]) == ("Готово: сорок два.", False, 2)
    assert (folder / "answer").read_text() == "42\n"
    first, second = sandbox.state.chats()
    assert "42" in str(result(second)["result"])
    assert "billing" not in first["messages"][0]["content"]
    assert sandbox.state.refusals() == []


def test_it_knows_how_full_its_context_is(ask: Ask, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Да.", "usage": {"prompt_tokens": 17001, "completion_tokens": 3}})
    answer = ask("Ты здесь?")
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (17001, 3)
    assert answer["modelUsage"]["GigaChat-2-Max"]["contextWindow"] == 128000


def test_tools_that_it_loads_later(ask: Ask, sandbox: SandboxServer) -> None:
    sandbox.state.script(call("ToolSearch", query="select:WebFetch", max_results=5))
    sandbox.state.script({"text": "Нашёл."})
    assert ask("Найди инструмент.")["result"] == "Нашёл."
    before, after = ({function["name"] for function in payload["functions"]} for payload in sandbox.state.chats())
    assert after - before == {"WebFetch"} and "DeferredToolPlaceholder" not in after


def test_a_failed_tool(ask: Ask, sandbox: SandboxServer) -> None:
    sandbox.state.script(call("Bash", command="echo nothing >&2; exit 3", description="Fails"))
    sandbox.state.script({"text": "Не вышло."})
    assert ask("Попробуй.")["result"] == "Не вышло."
    assert "nothing" in result(sandbox.state.chats()[1])["error"]


def test_it_looks_at_a_picture(ask: Ask, sandbox: SandboxServer, folder: Path) -> None:
    (folder / "square.png").write_bytes(drawing().content)
    sandbox.state.script(call("Read", file_path=str(folder / "square.png")))
    sandbox.state.script({"text": "Квадрат."})
    assert ask("Что на картинке?")["result"] == "Квадрат."
    assert any("attachments" in message for message in sandbox.state.chats()[1]["messages"])


def test_a_key_that_is_wrong(ask: Ask, start_service: Callable[..., Service]) -> None:
    guarded = start_service(GPT2GIGA_API_KEY="secret")
    answer = ask("Ты здесь?", ANTHROPIC_BASE_URL=guarded.url)
    assert answer["is_error"] and answer["api_error_status"] == 401
    assert not ask("Ты здесь?", ANTHROPIC_BASE_URL=guarded.url, ANTHROPIC_AUTH_TOKEN="secret")["is_error"]


def test_a_key_that_is_used_up(
    ask: Ask, start_service: Callable[..., Service], sandbox: SandboxServer, tmp_path: Path
) -> None:
    """It shows the words, and does not ask again and again."""
    service = start_service(GPT2GIGA_STATE_DIR=str(tmp_path / "state"))
    key = printed("keys", "add", "ann", "--tokens-per-day", "50", GPT2GIGA_STATE_DIR=str(tmp_path / "state")).strip()
    here = {"ANTHROPIC_BASE_URL": service.url, "ANTHROPIC_AUTH_TOKEN": key, "CLAUDE_CODE_MAX_RETRIES": "10"}
    sandbox.state.script({"text": "Да.", "usage": {"prompt_tokens": 100, "completion_tokens": 3}})
    assert ask("Ты здесь?", **here)["result"] == "Да."
    answer = ask("Ты здесь?", **here)
    assert answer["is_error"] and answer["api_error_status"] == 429
    assert "The limit of the key 'ann' is 50 tokens per day" in answer["result"]
    assert len(sandbox.state.chats()) == 1
    assert service.log.read_text().count("cause=insufficient_quota") <= 3


def test_a_prompt_that_is_too_long(ask: Ask, sandbox: SandboxServer) -> None:
    """It says so in its own words, which it shortens the conversation upon."""
    sandbox.state.script({"status": 413})
    answer = ask("Ты здесь?")
    sandbox.state.reset()
    assert answer["is_error"] and "Prompt is too long" in answer["result"]


def test_several_calls_in_one_answer(ask: Ask, sandbox: SandboxServer, v2: Service, folder: Path) -> None:
    """All are run, and their results go up together."""
    words = ["яблоко", "груша", "слива"]
    for number, word in enumerate(words):
        (folder / f"{number}.txt").write_text(word)
    calls = [{"name": "Read", "arguments": {"file_path": str(folder / f"{number}.txt")}} for number in range(3)]
    sandbox.state.script({"calls": calls})
    answer = ask("Прочитай три файла.", ANTHROPIC_BASE_URL=v2.url)
    assert not answer["is_error"] and [word for word in words if word not in answer["result"]] == []
    _, second = sandbox.state.chats()
    assert [message["role"] for message in second["messages"][-3:]] == ["function"] * 3
    assert sandbox.state.refusals() == []


def test_a_search_of_gigachat(ask: Ask, sandbox: SandboxServer, v2: Service) -> None:
    """It searches in a request of its own, whose pages it gives the model."""
    sandbox.state.script(call("WebSearch", query="новости Python"), {}, {"text": "Нашёл."})
    answer = ask("Что нового?", ANTHROPIC_BASE_URL=v2.url)
    assert answer["result"] == "Нашёл."
    assert sum(model["webSearchRequests"] for model in answer["modelUsage"].values()) == 1
    _, search, last = sandbox.state.chats()
    assert search["tools"] == [{"web_search": {}}]
    result = last["messages"][-1]["content"][0]["function_result"]["result"]
    assert "https://example.com/1" in result and "[1][2]" in result
    assert sandbox.state.refusals() == []


def test_a_search_where_gigachat_has_none(ask: Ask, sandbox: SandboxServer) -> None:
    """The model's own words, without pages."""
    sandbox.state.script(call("WebSearch", query="новости Python"), {"text": "Не знаю."}, {"text": "Ничего."})
    assert ask("Что нового?")["result"] == "Ничего."
    found = str(result(sandbox.state.chats()[-1])["result"])
    assert "Не знаю." in found and "http" not in found
