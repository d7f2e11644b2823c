"""What `gpt2giga connect` prints, pasted where it says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.npm import install
from tests.conftest import QUICK
from tests.service import Service

ANSWER = "Песочница"
SECONDS = 120

Snippet = Callable[[str], str]


@pytest.fixture
def snippet(service: Service) -> Snippet:
    def snippet(client: str) -> str:
        command = [sys.executable, "-m", "gpt2giga", "connect", client, "--url", service.url]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS).stdout

    return snippet


def answer(folder: Path, *command: str | Path) -> str:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(
        command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done
    return done.stdout


def test_agents_sdk(snippet: Snippet, tmp_path: Path) -> None:
    pytest.importorskip("agents")
    (tmp_path / "agent.py").write_text(snippet("agents-sdk"))
    assert ANSWER in answer(tmp_path, sys.executable, "agent.py")


def test_ollamas_clients(
    snippet: Snippet, service_with: Callable[..., Service], service: Service, tmp_path: Path
) -> None:
    pytest.importorskip("ollama")
    url = service_with(**QUICK, GPT2GIGA_OLLAMA="True", GPT2GIGA_HEARTBEAT="0.3").url
    program = "import ollama; print(ollama.generate('GigaChat-2-Max', 'Привет!').response)"
    script = snippet("ollama").replace(service.url, url)
    (tmp_path / "ask.sh").write_text(f'{script}{sys.executable} -c "{program}"')
    assert ANSWER in answer(tmp_path, "sh", "ask.sh")


def test_opencode(snippet: Snippet, tmp_path: Path) -> None:
    (tmp_path / "opencode.json").write_text(snippet("opencode"))
    program = install("opencode-ai", "1.18.33") / "opencode-linux-x64" / "bin" / "opencode"
    assert ANSWER in answer(tmp_path, program, "run", "Привет!")


def test_qwen_code(snippet: Snippet, tmp_path: Path) -> None:
    program = install("@qwen-code/qwen-code", "0.15.10") / ".bin"
    script = snippet("qwen-code").replace("qwen ", f"{program}/qwen ").rstrip()
    (tmp_path / "ask.sh").write_text(f'{script} "Привет!"')
    assert ANSWER in answer(tmp_path, "sh", "ask.sh")
