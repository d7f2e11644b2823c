"""The real OpenClaw with a home of its own: its command, and its gateway on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.openclaw.install import BIN, COMMANDS
from tests.service import free_port

SECONDS = 90
READY_SECONDS = 120
# The gateway starts helpers of its own, which must end with it.
STOP_SECONDS = 10
# What it says when it has met itself in its own database, before it asks any model.
TRY_AGAIN = "retry the read"


class OpenClaw:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.workspace = home / ".openclaw" / "workspace"
        self.workspace.mkdir(parents=True)
        self.config_file = home / ".openclaw" / "openclaw.json"
        self._environ = {
            "PATH": f"{COMMANDS}:{BIN}:/usr/bin:/bin",
            "HOME": str(home),
            "TMPDIR": str(home),
            "NO_COLOR": "1",
        }
        self._gateway: subprocess.Popen[bytes] | None = None

    def connect(self, *options: str, **environ: str) -> str:
        """`gpt2giga connect openclaw`, as a user runs it, with OpenClaw's command at hand."""
        command = [sys.executable, "-m", "gpt2giga", "connect", "openclaw", *options]
        return self._run(command, {**self._environ, **environ})

    def run(self, *arguments: str) -> str:
        return self._run([str(COMMANDS / "openclaw"), *arguments], self._environ)

    def _run(self, command: list[str], environ: dict[str, str]) -> str:
        done = subprocess.run(
            command,
            cwd=self.home,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def change(self, path: str, value: Any) -> None:
        """A setting by its dotted path."""
        config = json.loads(self.config_file.read_text())
        *above, name = path.split(".")
        place = config
        for step in above:
            place = place.setdefault(step, {})
        place[name] = value
        self.config_file.write_text(json.dumps(config))

    def start_gateway(self) -> None:
        log = self.home / "gateway.log"
        self.change("gateway.port", free_port())
        self.change("gateway.bind", "loopback")
        self.change("gateway.auth", {"mode": "token", "token": "test"})
        with log.open("wb") as output:
            self._gateway = subprocess.Popen(
                [COMMANDS / "openclaw", "gateway", "run"],
                cwd=self.home,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not any(line.endswith("ready") for line in log.read_text().splitlines()):
            assert time.monotonic() < deadline and self._gateway.poll() is None, log.read_text()
            time.sleep(0.2)

    def stop_gateway(self) -> None:
        if self._gateway is None:
            return
        self._gateway.send_signal(signal.SIGTERM)
        try:
            self._gateway.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._gateway.pid, signal.SIGKILL)
            self._gateway.wait()

    def ask(self, message: str, session: str, *options: str) -> dict[str, Any]:
        """A turn of the agent in the gateway."""
        arguments = ["--agent", "main", "--session-id", session, "--message", message, "--timeout", str(SECONDS)]
        try:
            shown = self.run("agent", *arguments, "--json", *options)
        except AssertionError as error:
            if TRY_AGAIN not in str(error):
                raise
            shown = self.run("agent", *arguments, "--json", *options)
        found: dict[str, Any] = json.loads(shown[shown.index("{") :])
        return found
