"""Real programs, started by `gpt2giga launch`; a service in front of the sandbox is started for each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients import test_claude_code, test_codex
from tests.clients.npm import install

ANSWER = "Песочница"
SECONDS = 120


@pytest.mark.parametrize(
    ("name", "package", "version", "arguments"),
    [
        ("codex", "@openai/codex", test_codex.VERSION, ("exec", "--skip-git-repo-check")),
        ("claude", "@anthropic-ai/claude-code", test_claude_code.VERSION, ("-p",)),
        ("qwen", "@qwen-code/qwen-code", "0.15.10", ()),
        ("opencode", "opencode-ai", "1.18.33", ("run",)),
    ],
)
def test_it_answers(tmp_path: Path, name: str, package: str, version: str, arguments: tuple[str, ...]) -> None:
    modules = install(package, version)
    programs = tmp_path / "bin"
    programs.mkdir()
    # The program of a platform is in a package of its own, where an install script would look for it.
    patterns = {"claude": "@anthropic-ai/claude-code-linux-x64/claude", "opencode": "opencode-linux-x64/bin/opencode"}
    (programs / name).symlink_to(modules / patterns.get(name, f".bin/{name}"))
    environ = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "gpt2giga", "--sandbox", "launch", name, *arguments, "Привет!"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0 and ANSWER in done.stdout, done
