"""The service in a server without gevent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import requests

from tests.service import Service
from tests.sockets import eventually

ROOT = Path(__file__).parent.parent


class Threads(Service):
    """gunicorn as hosting panels start it, without gevent; an `application` of a test's own lies in `folder`."""

    application = "wsgi:app"

    def __enter__(self) -> Threads:
        words = f"-m gunicorn --worker-class gthread --threads 8 --no-control-socket --bind 127.0.0.1:{self.port}"
        command = [sys.executable, *words.split(), "--pythonpath", f"{ROOT},{self._folder}", self.application]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self._folder, env=self._environ, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        assert eventually(self._listens), self.log.read_text()
        return self

    def _listens(self) -> bool:
        try:
            return self.get("/health").ok
        except requests.ConnectionError:
            assert self.process.poll() is None, self.log.read_text()
            return False
