"""`gpt2giga doctor` as a process: what it prints, and its exit code."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from gpt2giga_sandbox.server import SandboxServer
from tests.commands.running import run, Terminal
from tests.service import free_port, Service

GIGACHAT = ["settings", "key", "dns", "tls", "clock", "oauth", "models", "packages", "chat", "stream", "tool"]
GIGACHAT += ["embedding", "facts"]
SERVICE = ["service", "access", "flow"]


def names(stdout: str) -> list[str]:
    return [line.split()[1] for line in stdout.splitlines()]


def test_all_is_well(account: dict[str, str], service: Service) -> None:
    done = run("doctor", GPT2GIGA_PORT=str(service.port), **account)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(done.stdout) == [*GIGACHAT, *SERVICE]
    assert all(line.startswith("ok ") for line in done.stdout.splitlines())
    for words in (
        "a token for GIGACHAT_API_PERS",
        "get_weather(",
        "2560 numbers",
        "gpt2giga doctor --learn",
        service.url,
        "no key is asked",
    ):
        assert words in done.stdout


def test_json_for_scripts(account: dict[str, str], guarded: Service) -> None:
    done = run("doctor", "--json", "--url", f"{guarded.url}/v1/", GPT2GIGA_API_KEY="first-key", **account)
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"], len(report["steps"])) == (0, True, 16)
    assert report["steps"][-2]["detail"] == "the key is asked and taken"


def test_in_front_of_the_sandbox_nothing_is_needed() -> None:
    done = run("--sandbox", "doctor", "--no-service")
    assert done.returncode == 0 and names(done.stdout) == GIGACHAT
    assert "none needed for the sandbox" in done.stdout


def test_without_an_account_nothing_is_tried() -> None:
    done = run("--port", str(free_port()), "doctor")
    assert (done.returncode, done.stderr) == (2, "")
    _, key, rest, service, last = done.stdout.splitlines()
    assert key.startswith("FAIL key") and "GIGACHAT_CREDENTIALS" in key
    assert rest.startswith("-    dns, tls, clock, oauth, models") and "since key failed" in rest
    assert service.startswith("FAIL service") and "start the service" in service
    assert last.startswith("-    access, flow")


def test_doubts_are_no_failures(account: dict[str, str]) -> None:
    done = run("doctor", "--no-service", **account, GPT2GIGA_PROT="1")
    assert done.returncode == 0 and done.stdout.startswith("warn settings") and "GPT2GIGA_PORT?" in done.stdout


def test_a_failure_is_told_once_and_the_rest_goes_on(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 402})
    done = run("doctor", "--no-service", **account)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert (done.returncode, done.stderr, len(failed)) == (2, "", 1)
    assert failed[0].split()[1] == "chat" and "top up in Sber Studio" in failed[0]


def test_progress_in_a_terminal(account: dict[str, str]) -> None:
    with Terminal("doctor", "--no-service", **account) as terminal:
        assert terminal.end() == 0
    assert "oauth ..." in terminal.screen and "\x1b[K" in terminal.screen


def test_a_unix_socket_is_asked_too(account: dict[str, str], start_service: Callable[..., Service]) -> None:
    """Only the way there differs; key and streams are asked through the web server before it."""
    # The doctor waits five seconds for a service. pytest's paths are too long for a socket.
    with ThreadPoolExecutor(1) as pool, tempfile.TemporaryDirectory() as folder:
        missing = pool.submit(run, "doctor", GPT2GIGA_HOST="unix:/nowhere/socket", **account)
        host = f"unix:{folder}/s"
        start_service(GPT2GIGA_HOST=host)
        done = run("doctor", GPT2GIGA_HOST=host, **account)
        assert done.returncode == 0 and names(done.stdout) == [*GIGACHAT, "service"] and "--url" in done.stdout
        assert missing.result().returncode == 2
        assert "nothing answers on unix:/nowhere/socket" in missing.result().stdout
