"""The service as users run it: a process that listens on a port."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests
from openai import OpenAI

from gpt2giga_sandbox.server import SandboxServer

START_SECONDS = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Service:
    """The command `gpt2giga` in `folder`; its settings come as keyword arguments."""

    def __init__(self, folder: Path, sandbox: SandboxServer, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"service-{self.port}.log"
        self._folder = folder
        self._environ = {
            **os.environ,
            "GIGACHAT_BASE_URL": sandbox.base_url,
            "GIGACHAT_AUTH_URL": sandbox.auth_url,
            "GIGACHAT_CREDENTIALS": sandbox.credentials,
            "GPT2GIGA_PORT": str(self.port),
            "GPT2GIGA_STATE_DIR": str(folder / "state"),
            # Slots of its own: the account is the same in all tests, also in those of a neighbour on this machine.
            "GPT2GIGA_RUNTIME_DIR": str(folder),
            **settings,
        }

    def __enter__(self) -> Service:
        command = [sys.executable, "-W", "error", "-m", "gpt2giga"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self._folder, env=self._environ, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        self._wait_until_it_listens()
        return self

    def _wait_until_it_listens(self) -> None:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        line = self.process.stdout.readline().decode() if ready else ""
        if "listens on" not in line:
            self.stop()
            raise AssertionError(f"the service did not start: {line}{self.log.read_text()}")

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def client(self, api_key: str = "unused", max_retries: int = 0, **options: Any) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key=api_key, max_retries=max_retries, **options)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, self.url + path, timeout=30, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> requests.Response:
        return self.request("POST", path, json=json, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)
