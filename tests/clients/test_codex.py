"""Codex itself, as `codex exec`, against the service; the sandbox plays the model."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from gpt2giga_sandbox.storage import drawing
from tests.clients.npm import install
from tests.service import Service

VERSION = "0.169.0"
SECONDS = 60
PAGE = Path(__file__).parent.parent.parent / "docs/clients.md"
NO_RETRIES = 'wire_api = "responses", request_max_retries = 0, stream_max_retries = 0, env_key = "GPT2GIGA_KEY"'

Events = list[dict[str, Any]]
Ask = Callable[..., Events]


@pytest.fixture(scope="session")
def codex() -> Path:
    return install("@openai/codex", VERSION) / ".bin" / "codex"


@pytest.fixture
def ask(codex: Path, service: Service, tmp_path: Path, folder: Path) -> Ask:
    """ask("...") gives the events that `codex exec` prints."""

    def ask(prompt: str, *options: str, model: str = "GigaChat-2-Max", url: str = "", key: str = "unused") -> Events:
        home = tmp_path / "codex"
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(config(model, url or service.url))
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CODEX_HOME": str(home), "GPT2GIGA_KEY": key}
        flags = ["--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
        run = subprocess.run(
            [codex, "exec", *flags, *options, prompt],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        return [json.loads(line) for line in run.stdout.splitlines()]

    return ask


def config(model: str, url: str) -> str:
    """What docs/clients.md says, but for the address, and with failures that show at once."""
    [found] = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.S)
    found = found.replace("http://127.0.0.1:8080", url).replace("GigaChat-2-Max", model)
    return found.replace('wire_api = "responses"', NO_RETRIES)


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"call": {"name": name, "arguments": arguments}}


def items(events: Events, kind: str) -> list[dict[str, Any]]:
    done = [event["item"] for event in events if event["type"] == "item.completed"]
    return [item for item in done if item["type"] == kind]


def said(events: Events) -> list[str]:
    return [item["text"] for item in items(events, "agent_message")]


def results(payload: dict[str, Any]) -> list[str]:
    found = [message["content"] for message in payload["messages"] if message["role"] == "function"]
    return [json.loads(content)["result"] for content in found]


@pytest.mark.parametrize("model", ["GigaChat-2-Max", "GigaChat-3-Ultra"])
def test_a_tool_round_trip(ask: Ask, sandbox: SandboxServer, folder: Path, model: str) -> None:
    sandbox.state.script({"text": "Считаю.", **call("exec_command", cmd="echo $((20 + 22)) > answer && cat answer")})
    sandbox.state.script({"text": "Готово: сорок два."})
    events = ask("Сложи 20 и 22.", model=model)
    assert said(events) == ["Считаю.", "Готово: сорок два."]
    assert (folder / "answer").read_text() == "42\n"
    [command] = items(events, "command_execution")
    assert (command["aggregated_output"], command["exit_code"]) == ("42\n", 0)
    assert events[-1]["type"] == "turn.completed" and events[-1]["usage"]["input_tokens"] > 0
    assert "42" in results(sandbox.state.chats()[1])[0]
    assert sandbox.state.refusals() == []


def test_a_failed_tool(ask: Ask, sandbox: SandboxServer) -> None:
    sandbox.state.script(call("exec_command", cmd="echo nothing >&2; exit 3"), {"text": "Не вышло."})
    assert said(ask("Попробуй.")) == ["Не вышло."]
    assert "code 3" in results(sandbox.state.chats()[1])[0]


def test_a_tool_in_a_namespace(ask: Ask, sandbox: SandboxServer) -> None:
    """Codex finds its own tool again: it complains about the agent, not about the call."""
    sandbox.state.script(call("multi_agent_v1__close_agent", target="nobody"), {"text": "Его нет."})
    assert said(ask("Закрой помощника.")) == ["Его нет."]
    [answer] = results(sandbox.state.chats()[1])
    assert "unsupported call" not in answer and "nobody" in answer


def test_a_tool_that_does_not_exist(ask: Ask, sandbox: SandboxServer) -> None:
    sandbox.state.script(call("fly", to="луна"), {"text": "Не умею."})
    assert said(ask("Лети.")) == ["Не умею."]
    assert "unsupported call" in results(sandbox.state.chats()[1])[0]


@pytest.mark.parametrize("model", ["gpt-6-sol", "gpt-5.5"])
def test_a_model_of_its_own_catalog(
    ask: Ask, sandbox: SandboxServer, start_service: Callable[..., Service], folder: Path, model: str
) -> None:
    """It then offers its tools in an item of the input, and wants some of them called by JavaScript."""
    aliased = start_service(GPT2GIGA_MODEL_ALIASES=f"{model}=GigaChat-2-Max")
    command = "echo $((20 + 22)) > answer && cat answer"
    script = f"text((await tools.exec_command({json.dumps({'cmd': command})})).output)"
    by_script = call("functions__exec", input=script)
    sandbox.state.script(by_script if model == "gpt-6-sol" else call("exec_command", cmd=command), {"text": "Готово."})
    assert said(ask("Сложи 20 и 22.", model=model, url=aliased.url)) == ["Готово."]
    assert (folder / "answer").read_text() == "42\n"
    assert "42" in results(sandbox.state.chats()[1])[0]
    assert sandbox.state.refusals() == []


def test_it_searches_for_tools(ask: Ask, sandbox: SandboxServer, start_service: Callable[..., Service]) -> None:
    """Models of its catalog find the tools of MCP servers in no other way."""
    aliased = start_service(GPT2GIGA_MODEL_ALIASES="gpt-5.5=GigaChat-2-Max")
    sandbox.state.script(call("tool_search", query="weather"), {"text": "Ничего."})
    assert said(ask("Найди погоду.", model="gpt-5.5", url=aliased.url)) == ["Ничего."]
    assert results(sandbox.state.chats()[1]) == ["Nothing was found."]


def test_it_looks_at_a_picture(ask: Ask, sandbox: SandboxServer, folder: Path) -> None:
    (folder / "square.png").write_bytes(drawing().content)
    sandbox.state.script(call("view_image", path=str(folder / "square.png")), {"text": "Квадрат."})
    assert said(ask("Что на картинке?")) == ["Квадрат."]
    assert any("attachments" in message for message in sandbox.state.chats()[1]["messages"])


def test_a_conversation_that_goes_on(ask: Ask, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз."}, {"text": "Два."})
    ask("Считай.")
    assert said(ask("Дальше.", "resume", "--last")) == ["Два."]
    contents = [message["content"] for message in sandbox.state.chats()[1]["messages"]]
    assert contents[-2:] == ["Раз.", "Дальше."]


def test_structured_output(ask: Ask, sandbox: SandboxServer, folder: Path) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    (folder / "schema.json").write_text(json.dumps({**schema, "additionalProperties": False}))
    sandbox.state.script({"text": '{"n": 42}'})
    assert said(ask("Сколько?", "--output-schema", "schema.json")) == ['{"n": 42}']


def test_reasoning_is_shown_and_not_sent_back(ask: Ask, sandbox: SandboxServer) -> None:
    sandbox.state.script({"reasoning": "Надо посчитать.", **call("exec_command", cmd="true")}, {"text": "Да."})
    events = ask("Ты здесь?", model="GigaChat-3-Pro")
    assert [item["text"] for item in items(events, "reasoning")] == ["Надо посчитать."]
    assert "Надо посчитать." not in json.dumps(sandbox.state.chats()[1], ensure_ascii=False)


def test_failures_are_told_in_gigachats_words(ask: Ask, sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 402, "body": {"status": 402, "message": "Payment Required"}})
    assert "Payment Required" in json.dumps(ask("Ты здесь?")[-1])


def test_a_key_that_is_wrong(ask: Ask, start_service: Callable[..., Service]) -> None:
    guarded = start_service(GPT2GIGA_API_KEY="secret")
    assert "Incorrect API key" in json.dumps(ask("Ты здесь?", url=guarded.url)[-1])
    assert ask("Ты здесь?", url=guarded.url, key="secret")[-1]["type"] == "turn.completed"


def test_several_calls_in_one_answer(ask: Ask, sandbox: SandboxServer, v2: Service, folder: Path) -> None:
    """All are run, and their results go up together."""
    words = ["яблоко", "груша", "слива"]
    for number, word in enumerate(words):
        (folder / f"{number}.txt").write_text(word)
    calls = [{"name": "exec_command", "arguments": {"cmd": f"cat {number}.txt"}} for number in range(3)]
    sandbox.state.script({"calls": calls})
    events = ask("Прочитай три файла.", url=v2.url)
    assert {item["aggregated_output"] for item in items(events, "command_execution")} == {*words}
    [answer] = said(events)
    assert [word for word in words if word not in answer] == []
    _, second = sandbox.state.chats()
    results = [message["content"][0]["function_result"]["result"] for message in second["messages"][-3:]]
    assert [word in result for word, result in zip(words, results, strict=True)] == [True] * 3
    assert sandbox.state.refusals() == []


def test_it_shows_a_search_of_gigachat(ask: Ask, sandbox: SandboxServer, v2: Service) -> None:
    events = ask("Найди новости.", "-c", 'web_search="live"', url=v2.url)
    assert len(items(events, "web_search")) == 1
    [answer] = said(events)
    assert "найдено" in answer and "[1]" in answer
    [sent] = sandbox.state.chats()
    assert {"web_search": {}} in sent["tools"] and sandbox.state.refusals() == []


def test_a_search_that_is_switched_off(ask: Ask, sandbox: SandboxServer, v2: Service) -> None:
    ask("Найди новости.", "-c", 'web_search="disabled"', url=v2.url)
    [sent] = sandbox.state.chats()
    assert [name for tool in sent["tools"] for name in tool] == ["functions"]
