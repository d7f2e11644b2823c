"""The service as users run it: a process that listens on a port."""

from __future__ import annotations

import base64
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from openai import DefaultHttpxClient, OpenAI

from gpt2giga_sandbox.server import SandboxServer

START_SECONDS = 30
# Nobody speaks TLS to the service, and each client would take 50 ms to read the machine's root certificates.
NO_ROOTS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
KEYS = "first-key, ключ,third=key+/"
OWN_ACCOUNT = base64.b64encode(b"own:account").decode()
# Which tests started a server of ours; a start takes more than a second, so conftest.py sets a limit.
STARTS: list[str] = []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def launch(command: list[Any], **options: Any) -> subprocess.Popen[bytes]:
    STARTS.append(os.environ.get("PYTEST_CURRENT_TEST", ""))
    return subprocess.Popen(command, **options)


class Log:
    """What a service has written, since the test began when it runs for several."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._start = 0

    def start_here(self) -> None:
        self._start = self.file.stat().st_size

    def read_text(self) -> str:
        return self.file.read_bytes()[self._start :].decode()


class Service:
    """The command `gpt2giga` in `folder`; its settings come as keyword arguments."""

    command = [sys.executable, "-W", "error", "-m", "gpt2giga"]
    end = signal.SIGINT

    def __init__(self, folder: Path, sandbox: SandboxServer, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self.log = Log(folder / f"service-{self.port}.log")
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
        options = {"cwd": self.folder, "env": self._environ, "start_new_session": True}
        with self.log.file.open("wb") as log:
            self.process = launch(self.command, stdout=subprocess.PIPE, stderr=log, **options)
        self._wait_until_it_listens()
        self.said_at_the_start = self.log.read_text()
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
        self.process.send_signal(self.end)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def client(self, api_key: str = "unused", max_retries: int = 0, **options: Any) -> OpenAI:
        http = DefaultHttpxClient(verify=NO_ROOTS)
        return OpenAI(base_url=f"{self.url}/v1", api_key=api_key, max_retries=max_retries, http_client=http, **options)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, self.url + path, timeout=30, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> requests.Response:
        return self.request("POST", path, json=json, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)


class Services:
    """Running services: who asks for the same settings gets the same one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[tuple[object, ...], Service] = {}

    def get(self, sandbox: SandboxServer, **settings: str) -> Service:
        key = (sandbox.url, *sorted(settings.items()))
        if key not in self._running:
            folder = Path(tempfile.mkdtemp(dir=self._folder))
            self._running[key] = Service(folder, sandbox, **settings).__enter__()
        service = self._running[key]
        assert service.process.poll() is None, "it ended in an earlier test"
        return service

    def stop(self) -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(Service.stop, self._running.values()))
