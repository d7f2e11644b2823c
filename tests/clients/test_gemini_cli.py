"""Gemini CLI itself, as `gemini -p`, against the service; the sandbox plays the model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.clients.npm import install
from tests.service import Service

VERSION = "0.61.0"
SECONDS = 90

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def gemini() -> Path:
    return install("@google/gemini-cli", VERSION) / "@google/gemini-cli/bundle/gemini.js"


@pytest.fixture
def ask(gemini: Path, service: Service, tmp_path: Path, folder: Path) -> Ask:
    """ask("...") gives what `gemini -p` prints as JSON, started as `gpt2giga connect gemini-cli` says."""

    def ask(prompt: str, *, model: str = "GigaChat-2-Max", url: str = "", key: str = "unused") -> dict[str, Any]:
        command = [sys.executable, "-m", "gpt2giga", "connect", "gemini-cli", "--url", url or service.url]
        snippet = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS).stdout
        options = f"--approval-mode yolo --output-format json -p '{prompt}'"
        script, count = re.subn("^gemini$", f"node {gemini} {options}", snippet, flags=re.M)
        assert count == 1
        script = script.replace("GEMINI_API_KEY=unused", f"GEMINI_API_KEY={key}")
        script = re.sub("GEMINI_MODEL=.*", f"GEMINI_MODEL={model}", script)
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GEMINI_CLI_TRUST_WORKSPACE": "true"}
        run = subprocess.run(
            ["sh", "-c", script],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        said = run.stdout[run.stdout.find("{") :] or run.stderr[run.stderr.find('{\n  "session_id"') :]
        found: dict[str, Any] = json.loads(said)
        return found

    return ask


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"call": {"name": name, "arguments": arguments}}


def results(payload: dict[str, Any]) -> list[Any]:
    return [json.loads(message["content"]) for message in payload["messages"] if message["role"] == "function"]


@pytest.mark.parametrize("model", ["GigaChat-2-Max", "GigaChat-3-Ultra", "gemini-2.5-pro"])
def test_it_edits_a_file(ask: Ask, sandbox: SandboxServer, folder: Path, model: str) -> None:
    """Reads it, changes a line, and says so."""
    file = folder / "menu.txt"
    file.write_text("суп\nрыба\n")
    sandbox.state.script(
        call("read_file", file_path=str(file)),
        call("replace", file_path=str(file), old_string="рыба", new_string="каша", instruction="Замени рыбу кашей."),
        {"text": "Готово: каша."},
    )
    answer = ask("Замени рыбу кашей.", model=model)
    assert answer["response"] == "Готово: каша." and file.read_text() == "суп\nкаша\n"
    first, second, third = sandbox.state.chats()
    assert {"read_file", "replace"} <= {function["name"] for function in first["functions"]}
    assert "рыба" in str(results(second)) and len(results(third)) == 2
    assert sandbox.state.refusals() == []
    [used] = answer["stats"]["models"].values()
    assert used["api"]["totalErrors"] == 0 and used["tokens"]["total"] > 0


def test_a_command(ask: Ask, sandbox: SandboxServer, folder: Path) -> None:
    command = "expr 20 + 22 > answer && cat answer"
    sandbox.state.script(call("run_shell_command", command=command), {"text": "Сорок два."})
    assert ask("Сложи 20 и 22.")["response"] == "Сорок два."
    assert (folder / "answer").read_text() == "42\n" and "42" in str(results(sandbox.state.chats()[1]))


def test_failures_are_told_in_gigachats_words(ask: Ask, sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 402, "body": {"status": 402, "message": "Payment Required"}, "times": 9})
    assert "Payment Required" in ask("Ты здесь?")["error"]["message"]
    while sandbox.state.take("chat"):
        pass


def test_a_key_that_is_wrong(ask: Ask, start_service: Callable[..., Service]) -> None:
    guarded = start_service(GPT2GIGA_API_KEY="secret")
    assert "Incorrect API key" in ask("Ты здесь?", url=guarded.url)["error"]["message"]
    assert ask("Ты здесь?", url=guarded.url, key="secret")["response"]


def test_it_searches_by_gigachats_own_search(ask: Ask, sandbox: SandboxServer, v2: Service) -> None:
    """Its tool for searches is a request of its own, with Google's search."""
    sandbox.state.script(call("google_web_search", query="Найди новости"))
    answer = ask("Что нового?", url=v2.url, model="GigaChat-3-Ultra")
    assert answer["response"]
    search = sandbox.state.chats()[1]
    assert {"web_search": {}} in search["tools"]
    assert "https://" in str(sandbox.state.chats()[2]["messages"]), "the sources"
