"""The service in a server without gevent."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import requests

from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service
from tests.sockets import eventually

ROOT = Path(__file__).parent.parent


class Threads(Service):
    """gunicorn as hosting panels start it, without gevent; an `application` of a test's own lies in `folder`."""

    application = "wsgi:app"
    end = signal.SIGTERM  # gunicorn's threads can hang on SIGINT

    def __init__(self, folder: Path, sandbox: SandboxServer, **settings: str) -> None:
        # Loaded through wsgi.py it would let nobody in.
        super().__init__(folder, sandbox, **{"GPT2GIGA_ALLOW_ANONYMOUS": "True", **settings})
        words = f"-m gunicorn --worker-class gthread --threads 8 --no-control-socket --bind 127.0.0.1:{self.port}"
        path = f"{ROOT},{folder}"
        self.command = [sys.executable, *words.split(), "--pythonpath", path, self.application]

    def _wait_until_it_listens(self) -> None:
        assert eventually(self._listens), self.log.read_text()

    def _listens(self) -> bool:
        try:
            return self.get("/health").ok
        except requests.ConnectionError:
            assert self.process.poll() is None, self.log.read_text()
            return False
