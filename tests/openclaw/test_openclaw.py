"""The real OpenClaw in front of the service: what its users do, and what goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from gpt2giga_sandbox.storage import drawing
from tests.commands.running import printed
from tests.conftest import QUICK
from tests.openclaw.conftest import results
from tests.openclaw.openclaw import OpenClaw
from tests.openclaw.other import MODEL, PROVIDER
from tests.service import Service

PAGE = Path(__file__).parent.parent.parent / "docs/openclaw.md"

Ask = Callable[..., str]


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"call": {"name": name, "arguments": arguments}}


def test_its_configuration_is_valid(openclaw: OpenClaw) -> None:
    assert "valid" in openclaw.run("config", "validate").lower()


def test_usage_at_an_address_that_is_not_localhost(
    openclaw: OpenClaw, start_service: Callable[..., Service], sandbox: SandboxServer, tmp_path: Path
) -> None:
    """As on a VPS: without it the context meter stays at 0, and nothing is ever shortened."""
    service = start_service(GPT2GIGA_HOST="127.0.0.2")
    here = OpenClaw(tmp_path)
    here.connect("--url", f"http://127.0.0.2:{service.port}")
    sandbox.state.script({"text": "Привет!", "times": 9})
    shown = here.run("agent", "--local", "--agent", "main", "--session-id", "vps", "--message", "Раз", "--json")
    sandbox.state.reset()
    answer = json.loads(shown[shown.index("{") :])
    assert answer["meta"]["agentMeta"]["usage"]["total"] > 0


def test_a_key_that_is_used_up(
    shared_openclaw: OpenClaw, start_service: Callable[..., Service], sandbox: SandboxServer, tmp_path: Path
) -> None:
    """It shows the words at once, where other 429s are asked again for two minutes."""
    service, state = start_service(), {"GPT2GIGA_STATE_DIR": str(tmp_path / "state")}
    key = printed("keys", "add", "ann", "--tokens-per-day", "90000", **state).strip()
    here = OpenClaw(tmp_path / "home")
    here.connect("--url", service.url, "--api-key", key)
    sandbox.state.script({"text": "Привет!", "usage": {"prompt_tokens": 99000, "completion_tokens": 3}})
    talk = ("agent", "--local", "--agent", "main", "--session-id", "used-up", "--json", "--message")
    assert "Привет!" in here.run(*talk, "Раз")
    for _turn in range(2):  # nor is it shut off
        with pytest.raises(AssertionError, match="⚠️ The limit of the key 'ann' is 90,000 tokens per day"):
            here.run(*talk, "Два")
    assert len(sandbox.state.chats()) == 1
    assert service.log.read_text().count("path=/v1/chat/completions status=429 key=ann") == 2


def test_the_documented_file_is_valid(openclaw: OpenClaw, tmp_path: Path) -> None:
    [block] = [text for text in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.S) if "providers" in text]
    here = OpenClaw(tmp_path)
    here.config_file.write_text(block)
    assert "valid" in here.run("config", "validate").lower()
    assert "gigachat/GigaChat-2-Max" in here.run("models", "list")


def test_models(openclaw: OpenClaw) -> None:
    lines = {line.split()[0]: line for line in openclaw.run("models", "list").splitlines() if line.strip()}
    assert "default" in lines["gigachat/GigaChat-2-Max"] and "text+image" in lines["gigachat/GigaChat-2-Max"]
    assert "261k" in lines["gigachat/GigaChat-3-Pro"] and "gigachat/GigaChat-2-Lite" in lines


def test_the_narrowest_probe(openclaw: OpenClaw, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Слышу."})
    shown = openclaw.run(
        *("infer", "model", "run", "--local", "--model", "gigachat/GigaChat-2-Lite", "--prompt", "Ты здесь?", "--json")
    )
    assert json.loads(shown[shown.index("{") :])["outputs"][0]["text"] == "Слышу."
    assert sandbox.state.chats()[0]["model"] == "GigaChat-2"


def test_a_chat(ask: Ask, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Привет, человек."}, {"text": "И снова."})
    assert ask("Привет!") == "Привет, человек."
    assert ask("И снова привет!") == "И снова."
    first, second = sandbox.state.chats()
    assert first["messages"][0]["role"] == "system" and first["max_tokens"] == 8192 and len(first["functions"]) >= 10
    assert "Привет, человек." in [message["content"] for message in second["messages"]]
    assert sandbox.state.refusals() == []


def test_a_tool(ask: Ask, openclaw: OpenClaw, sandbox: SandboxServer) -> None:
    """Two calls one after another, the first beside a text."""
    sandbox.state.script(
        {"text": "Записываю.", **call("write", path="answer.txt", content="сорок два")},
        call("read", path="answer.txt"),
        {"text": "Готово."},
    )
    assert ask("Запиши ответ.").endswith("Готово.")
    assert (openclaw.workspace / "answer.txt").read_text() == "сорок два"
    last = sandbox.state.chats()[-1]
    assert len(results(last)) == 2 and "сорок два" in json.dumps(results(last)[1], ensure_ascii=False)
    assert sandbox.state.refusals() == []


def test_a_tool_that_fails(ask: Ask, sandbox: SandboxServer) -> None:
    sandbox.state.script(call("read", path="missing.txt"), {"text": "Его нет."})
    assert ask("Прочитай.") == "Его нет."
    assert "missing.txt" in json.dumps(results(sandbox.state.chats()[-1]))


def test_parallel_calls_of_another_model(ask: Ask, openclaw: OpenClaw, sandbox: SandboxServer) -> None:
    """GigaChat is told of them one after another, each with its result."""
    for number, name in enumerate(("first.txt", "second.txt")):
        (openclaw.workspace / name).write_text(f"слово {number}")
    assert ask("Прочитай оба.", "--model", f"{PROVIDER}/{MODEL}").endswith("Прочитано.")
    sandbox.state.script({"text": "Вижу оба."})
    assert ask("Что в них?", "--model", "gigachat/GigaChat-2-Max") == "Вижу оба."
    told = sandbox.state.chats()[-1]
    roles = [message["role"] for message in told["messages"]]
    assert "assistant function assistant function assistant" in " ".join(roles)
    assert ["слово 0" in json.dumps(result, ensure_ascii=False) for result in results(told)] == [True, False]
    assert sandbox.state.refusals() == []


def test_several_calls_of_gigachat(
    openclaw: OpenClaw, service_with: Callable[..., Service], sandbox: SandboxServer, tmp_path: Path
) -> None:
    """Its newer interface: three files take two requests. Tools of GigaChat's own do not get in between, for OpenClaw
    asks for none."""
    sandbox.state.settings.character = sandbox.state.settings.character.changed("tolerant")
    service = service_with(**QUICK, GPT2GIGA_GIGACHAT_API_MODE="v2")
    here = OpenClaw(tmp_path)
    here.connect("--url", service.url)
    words = ["яблоко", "груша", "слива"]
    for number, word in enumerate(words):
        (here.workspace / f"{number}.txt").write_text(word)
    sandbox.state.script({"calls": [{"name": "read", "arguments": {"path": f"{number}.txt"}} for number in range(3)]})
    message = ("--session-id", "three", "--message", "Прочитай три файла.", "--json")
    shown = here.run("agent", "--local", "--agent", "main", *message)
    assert [word for word in words if word not in shown] == []
    first, second = sandbox.state.chats()
    assert [name for tool in first["tools"] for name in tool] == ["functions"]
    told = [message["content"][0] for message in second["messages"] if message["role"] == "function"]
    found = [part["function_result"]["result"] for part in told]
    assert [word in result for word, result in zip(words, found, strict=True)] == [True] * 3
    assert sandbox.state.refusals() == []


def test_an_api_key(start_service: Callable[..., Service], sandbox: SandboxServer, tmp_path: Path) -> None:
    guarded = start_service(GPT2GIGA_API_KEY="key")
    here = OpenClaw(tmp_path)
    here.connect("--url", guarded.url, GPT2GIGA_API_KEY="key")
    probe = ("infer", "model", "run", "--local", "--model", "gigachat/GigaChat-2-Max", "--prompt", "Да?", "--json")
    sandbox.state.script({"text": "Да."})
    assert "Да." in here.run(*probe)
    here.change("models.providers.gigachat.apiKey", "wrong")
    with pytest.raises(AssertionError, match="Incorrect API key|401"):
        here.run(*probe)
    assert len(sandbox.state.chats()) == 1


def test_a_picture(ask: Ask, openclaw: OpenClaw, sandbox: SandboxServer) -> None:
    (openclaw.workspace / "square.png").write_bytes(drawing().content)
    sandbox.state.script(call("read", path="square.png"), {"text": "Квадрат."})
    assert ask("Что на картинке?") == "Квадрат."
    assert any(message.get("attachments") for message in sandbox.state.chats()[-1]["messages"])


def test_thoughts(ask: Ask, sandbox: SandboxServer) -> None:
    sandbox.state.script({"reasoning": "Надо подумать.", "text": "Сорок два."})
    assert "Сорок два." in ask("Сколько?", "--model", "gigachat/GigaChat-3-Ultra", "--thinking", "high")


def test_a_refusal_that_passes(ask: Ask, sandbox: SandboxServer) -> None:
    """The service tries again, so OpenClaw does not see it and leaves the prompt as it is."""
    sandbox.state.script({"status": 429, "headers": {"Retry-After": "1"}}, {"text": "Дождался."})
    assert ask("Ты здесь?") == "Дождался."
    first, second = sandbox.state.chats()
    assert first == second


def test_a_refusal_that_stays(ask: Ask, sandbox: SandboxServer) -> None:
    """OpenClaw tries again itself."""
    sandbox.state.script({"status": 429, "headers": {"Retry-After": "1"}, "times": 3}, {"text": "Дождался."})
    assert ask("Ты здесь?") == "Дождался."
    assert len(sandbox.state.chats()) == 4


def test_a_conversation_that_is_too_long(ask: Ask, sandbox: SandboxServer) -> None:
    """It is told by OpenAI's code and words for it: OpenClaw shortens what was said before, and goes on.

    It sums up on its own account too, so nobody knows how many requests there are.
    """
    many = {"text": "Дальше.", "times": 20}
    sandbox.state.script(many)
    for number in range(4):
        ask(f"Вопрос {number}: " + "слово " * 8000)
    sandbox.state.reset()
    refused = {"status": 413, "message": "Tokens limit exceeded: 140000 out of 131072"}
    sandbox.state.script({"status": 413, "body": refused}, many)
    assert ask("И ещё: " + "слово " * 8000) == "Дальше."
    lengths = [sum(len(message["content"]) for message in chat["messages"]) for chat in sandbox.state.chats()]
    assert len(lengths) > 1 and lengths[-1] < lengths[0]
    sandbox.state.reset()


def test_a_long_stream(ask: Ask, sandbox: SandboxServer) -> None:
    words = " ".join(f"слово{number}" for number in range(3000))
    sandbox.state.script({"text": words, "frame_delay": 0.002})
    assert ask("Расскажи длинно.") == words


def test_a_stream_that_breaks_off(ask: Ask, sandbox: SandboxServer) -> None:
    """Half an answer must not look like a whole one."""
    sandbox.state.script({"text": "раз два три четыре", "cut_after": 2}, {"text": "Целый ответ."})
    assert ask("Считай.") == "Целый ответ."


def test_what_the_filter_stopped_is_shown(ask: Ask, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Не люблю менять тему.", "finish_reason": "blacklist"})
    assert ask("Политика?") == "Не люблю менять тему."


def test_memory(openclaw: OpenClaw, sandbox: SandboxServer) -> None:
    """Pieces are up to 1600 characters of anything."""
    notes = openclaw.workspace / "memory"
    notes.mkdir(parents=True, exist_ok=True)
    (notes / "2026-01-01.md").write_text("# Кот\n\nКота зовут Барсик.\n\n" + "Он ест 3 раза в день. " * 300)
    openclaw.run("memory", "index", "--force")
    assert "Барсик" in openclaw.run("memory", "search", "Кота зовут")
    asked = sandbox.state.requests("/embeddings")
    assert {request["json"]["model"] for request in asked} == {"EmbeddingsGigaR"}
    assert sum(len(request["json"]["input"]) for request in asked) >= 5
    assert sandbox.state.refusals() == []


def test_memory_that_is_indexed_again_costs_nothing(
    shared_openclaw: OpenClaw, start_service: Callable[..., Service], sandbox: SandboxServer, tmp_path: Path
) -> None:
    """OpenClaw keeps vectors itself; where it has lost them, or keeps none, the service has them, and GigaChat hears
    of no text twice."""
    service = start_service()
    here = OpenClaw(tmp_path / "home")
    here.connect("--url", service.url)
    here.change("memory.search.cache", {"enabled": False})
    notes = here.workspace / "memory"
    notes.mkdir(parents=True, exist_ok=True)
    for day in range(1, 6):
        words = " ".join(f"Запись {day}.{number}: кот съел {number} мышей." for number in range(120))
        (notes / f"2026-01-0{day}.md").write_text(f"# День {day}\n\n{words}\n")
    here.run("memory", "index", "--force")
    paid, asked = _embedded(service), len(sandbox.state.requests("/embeddings"))
    assert paid["requests"] > 0 and paid["prompt"] > 1000 and asked > 0
    here.run("memory", "index", "--force")
    again = _embedded(service)
    assert again["requests"] > paid["requests"], "OpenClaw has asked the service"
    assert (again["prompt"], len(sandbox.state.requests("/embeddings"))) == (paid["prompt"], asked)
    (notes / "2026-01-05.md").write_text("# День 5\n\nВсё иначе: кот сыт.\n")
    here.run("memory", "index", "--force")
    assert 0 < _embedded(service)["prompt"] - again["prompt"] < paid["prompt"] / 4, "only what has changed"


def _embedded(service: Service) -> dict[str, int]:
    rows = service.get("/ui/usage").json()["models"]
    return {
        name: sum(row[name] for row in rows if row["model"] == "EmbeddingsGigaR") for name in ("requests", "prompt")
    }
