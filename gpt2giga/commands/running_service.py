"""A service for a program that is started beside it: the one that runs already, or one for the time."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import requests

from gpt2giga.commands.command_line import CommandLine, Failure, service_url
from gpt2giga.commands.service_client import open_session
from gpt2giga.config.settings import Settings
from gpt2giga.config.sources import environment
from gpt2giga.language import _, chosen
from gpt2giga.serving.probe import answers

HEALTH_SECONDS = 5
# Between two looks at whether it has ended instead.
LOOK_SECONDS = 0.5
STOP_SECONDS = 10


@contextmanager
def running_service(command_line: CommandLine, folder: Path) -> Iterator[str]:
    """Its address. `folder` keeps the log of one that is started. Raises Failure, SettingsError."""
    settings = command_line.unchecked_settings()
    if not settings.server.host.startswith("unix:"):
        root = service_url(settings.server, None)
        backend = _backend(root)
        # Without an account to start another with, whatever runs here is what is meant: `make demo`, say.
        if backend and (backend == settings.backend or not settings.account.has_account):
            yield root
            return
    with _started(command_line, settings, folder / "service.log") as root:
        yield root


def _backend(root: str) -> str:
    """Empty when this service does not run there."""
    try:
        with open_session(root) as session:
            return str(session.get(f"{root}/health", timeout=HEALTH_SECONDS).json().get("backend", ""))
    except (requests.RequestException, ValueError, AttributeError):
        return ""


@contextmanager
def _started(command_line: CommandLine, settings: Settings, log: Path) -> Iterator[str]:
    """On a free port of this machine, in a session of its own: Ctrl-C is for the program beside it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gpt2giga", "--lang", chosen(), "--host", "127.0.0.1", "--port", str(port)]
    if command_line.env_file:
        command += ["--env-file", str(command_line.env_file)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**environment(), **command_line.overrides, "GPT2GIGA_LOG_FORMAT": "plain"},  # for _last_words
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        server = replace(settings.server, host="127.0.0.1", port=port)
        while not answers(server, LOOK_SECONDS):
            if process.poll() is not None:
                raise Failure(_last_words(log))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        process.kill()
        process.wait()


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("gpt2giga: ") if lines else _("the service did not start")
