"""`gpt2giga launch`, with scripts for the programs; tests/clients starts real ones."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from gpt2giga.commands.launch_programs import PROGRAMS
from gpt2giga_sandbox.server import SandboxServer
from tests.commands.running import COMMAND, environment, refused, run, SECONDS
from tests.service import free_port, Service

# What the program is given, with the files that it is pointed to.
SHOWING = """\
import json, os, pathlib, sys
words = [*sys.argv, *os.environ.values()]
files = [pathlib.Path(word).read_text() for word in words if word.endswith(".json")]
print(json.dumps({"arguments": sys.argv[1:], "variables": dict(os.environ), "files": files}))
sys.exit(7)
"""
WAITING = """\
import os, signal, sys, time, urllib.request
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
with urllib.request.urlopen(os.environ["OPENAI_API_BASE"] + "/models") as answer:
    print(os.environ["OPENAI_API_BASE"], "GigaChat-2-Max" in answer.read().decode(), flush=True)
time.sleep(30)
"""


def put(folder: Path, name: str, script: str) -> dict[str, str]:
    """A program of that name, and the variable by which it is found."""
    path = folder / "bin" / name
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable}\n{script}")
    path.chmod(0o755)
    return {"PATH": f"{path.parent}:/usr/bin:/bin"}


def test_a_program_that_is_not_installed() -> None:
    assert "npm install --global @openai/codex" in refused("launch", "codex")


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_is_told_address_key_and_model(guarded: Service, tmp_path: Path, name: str) -> None:
    found = put(tmp_path, name, SHOWING)
    command = ("launch", "--url", guarded.url, "--model", "GigaChat-2-Pro", name, "--help", "-x")
    given = {"GPT2GIGA_API_KEY": "first-key", "ANTHROPIC_API_KEY": "mine", "TMPDIR": str(tmp_path)}
    done = run(*command, **given, **found)
    assert done.returncode == 7, done
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["arguments"][-2:] == ["--help", "-x"]
    for word in (guarded.url, "first-key", "GigaChat-2-Pro"):
        assert word in done.stdout
    assert "first-key" not in str(told["arguments"])  # which everybody on the machine can read
    assert "ANTHROPIC_API_KEY" not in told["variables"] or name != "claude"
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_a_wrong_key_is_told_before_the_start(guarded: Service, tmp_path: Path) -> None:
    found = put(tmp_path, "aider", SHOWING)
    assert "Incorrect API key" in refused("launch", "--url", guarded.url, "--api-key", "x", "aider", **found)


def test_a_service_for_the_time(account: dict[str, str], tmp_path: Path) -> None:
    """The end of this command is the program's, and the service ends with it."""
    found = put(tmp_path, "aider", WAITING)
    command = [*COMMAND, "--port", str(free_port()), "launch", "aider"]
    environ = environment(**{**account, **found})
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    base, answered = process.stdout.readline().split()
    assert answered == "True"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=SECONDS)
    assert process.returncode == 5
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{base}/models", timeout=5)


@pytest.mark.parametrize("is_told", [True, False], ids=["same GigaChat", "no account"])
def test_a_service_that_runs_is_used(service: Service, sandbox: SandboxServer, tmp_path: Path, is_told: bool) -> None:
    found = put(tmp_path, "aider", SHOWING)
    backend = {"GIGACHAT_BASE_URL": sandbox.base_url} if is_told else {}
    done = run("--port", str(service.port), "launch", "aider", **backend, **found)
    assert json.loads(done.stdout)["variables"]["OPENAI_API_BASE"] == f"{service.url}/v1"


def test_a_service_that_cannot_start(tmp_path: Path) -> None:
    found = put(tmp_path, "aider", SHOWING)
    assert "GIGACHAT_CREDENTIALS" in refused("--port", str(free_port()), "launch", "aider", **found)
