"""`gpt2giga models`, and what all verbs have in common."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gpt2giga.commands.command_line import VERBS
from gpt2giga_sandbox.server import SandboxServer
from tests.commands.running import environment, printed, refused, run

HEAVY = ("gevent", "gunicorn", "flask", "requests", "httpx", "gigachat", "json5")


def test_the_list(account: dict[str, str]) -> None:
    lines = printed("models", **account).splitlines()
    assert "GigaChat-2-Max chat" in [" ".join(line.split()) for line in lines]
    assert "GigaChat-2-Lite chat = GigaChat-2" in [" ".join(line.split()) for line in lines]
    assert any(line.startswith("Embeddings ") and line.endswith(" embedder") for line in lines)


def test_what_is_left_of_the_packages(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.settings.packages = {"GigaChat-Max": 1_000_000, "GigaChat": 0}
    assert printed("models", **account).endswith("Tokens left\nGigaChat      used up\nGigaChat-Max  1,000,000\n")
    told = printed("models", GIGACHAT_SCOPE="GIGACHAT_API_CORP", **account)
    assert told.endswith("Tokens left\nthe account pays as it goes: it has no packages\n")
    sandbox.state.script({"route": "balance", "status": 500})
    told = printed("models", **account)
    assert "GigaChat-2-Max" in told and "not known: GigaChat answered 500" in told
    sandbox.state.settings.revoked = ("second",)
    several = account | {"GIGACHAT_CREDENTIALS": f"{sandbox.credentials},second:secret"}
    told = printed("models", **several)
    assert "\n1  GigaChat-Max  1,000,000\n2  not known: GigaChat rejects" in told
    [line] = [line for line in run("doctor", "--no-service", **several).stdout.splitlines() if " packages " in line]
    assert line.startswith("warn") and "GigaChat-Max 1,000,000; 2: not known: GigaChat rejects" in line


def test_in_front_of_a_sandbox_of_its_own() -> None:
    assert "GigaChat-2-Max" in printed("--sandbox", "models")


def test_a_failure_is_one_sentence(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "models", "status": 403})
    assert "no access" in refused("models", **account)
    sandbox.state.settings.credentials = "another"
    assert "was revoked" in refused("models", **account)
    assert "cannot be reached" in refused("models", **{**account, "GIGACHAT_AUTH_URL": "http://127.0.0.1:1"})


def test_accounts_of_the_clients_are_not_ours() -> None:
    assert "GPT2GIGA_PASS_TOKEN" in refused("models", GPT2GIGA_PASS_TOKEN="True")


@pytest.mark.parametrize("arguments", [("fly",), ("models", "--fly"), ("launch",)])
def test_what_does_not_exist(arguments: tuple[str, ...]) -> None:
    assert "--help" in refused(*arguments)


def test_help_names_every_verb_and_imports_nothing_heavy() -> None:
    """A verb must not make the others, or the service, start slower."""
    code = "import atexit, sys; atexit.register(lambda: print(*sys.modules)); from gpt2giga.cli import main; main()"
    command = [sys.executable, "-c", code, "--help"]
    shown = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30).stdout
    modules = shown.splitlines()[-1].split()
    assert "gpt2giga.commands.doctor" in modules and [name for name in HEAVY if name in modules] == []
    assert [verb for verb in (*VERBS, "probe", "sandbox") if f"  {verb} " not in shown] == []


def test_serving_imports_no_verb() -> None:
    code = "import sys, gpt2giga.cli; print([name for name in sys.modules if name.startswith('gpt2giga.commands.')])"
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30).stdout
    assert shown == "['gpt2giga.commands.command_line']\n"


def test_a_terminal_without_the_letters(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Привет"})
    assert run("chat", "x", PYTHONIOENCODING="latin-1", **account).stdout == "??????\n"
