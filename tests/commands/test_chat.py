"""`gpt2giga chat`."""

from __future__ import annotations

import subprocess
import time

from gpt2giga_sandbox.server import SandboxServer
from tests.commands.running import COMMAND, environment, printed, refused, run, SECONDS


def test_the_answer_goes_to_stdout_and_the_rest_elsewhere(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз.\nДва."})
    done = run("chat", "Считай.", "--model", "GigaChat-2-Lite", **account)
    assert (done.returncode, done.stdout) == (0, "Раз.\nДва.\n")
    assert "GigaChat-2:" in done.stderr and "tokens" in done.stderr
    [asked] = sandbox.state.chats()
    assert asked["model"] == "GigaChat-2" and asked["messages"][-1]["content"] == "Считай."


def test_it_streams(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "раз два три четыре", "frame_delay": 0.3})
    command = [*COMMAND, "chat", "Считай."]
    process = subprocess.Popen(command, env=environment(**account), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(len("раз".encode())).decode() == "раз"
    came = time.monotonic()
    rest, _ = process.communicate(timeout=SECONDS)
    assert rest.decode().endswith("четыре\n") and time.monotonic() - came > 0.3


def test_a_text_from_a_pipe(account: dict[str, str], sandbox: SandboxServer) -> None:
    printed("chat", "-", stdin="Длинный\nвопрос\n", **account)
    assert sandbox.state.chats()[0]["messages"][-1]["content"] == "Длинный\nвопрос\n"
    assert "empty" in refused("chat", "-", stdin=" \n", **account)


def test_a_model_that_does_not_exist(account: dict[str, str]) -> None:
    assert "The closest one is GigaChat-2-Max." in refused("chat", "x", "--model", "GigaChat-2-Maxi", **account)


def test_refusals_say_what_to_do(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 402})
    assert "top up in Sber Studio" in refused("chat", "x", **account)


def test_an_answer_that_breaks_off(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "раз два три", "cut_after": 2})
    done = run("chat", "x", **account)
    assert done.returncode == 2 and done.stdout.startswith("раз") and done.stdout.endswith("\n")
    assert "closed the connection" in done.stderr


def test_an_answer_that_is_cut_short(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "раз", "finish_reason": "length"})
    assert "was cut" in run("chat", "x", **account).stderr


def test_an_answer_cannot_steer_the_terminal(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "a\x1b[2Jb\x9bc\td"})
    assert printed("chat", "x", **account) == "a[2Jbc\td\n"
