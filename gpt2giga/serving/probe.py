"""Does the service answer? Asked by systemd after a start, by containers, and by the installer."""

from __future__ import annotations

import http.client
import socket
import time

from gpt2giga.config.settings import ServerSettings
from gpt2giga.serving.address import on_loopback

PAUSE_SECONDS = 0.1


def answers(server: ServerSettings, seconds: float) -> bool:
    """Waits for a 200 from /health. A worker that still starts answers late; one that cannot start never does."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        try:
            if _status(server, left) == 200:
                return True
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(PAUSE_SECONDS)
    return False


def _status(server: ServerSettings, timeout: float) -> int:
    connection = http.client.HTTPConnection("localhost", timeout=timeout)
    connection.sock = _connect(server, timeout)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status
    finally:
        connection.close()


def _connect(server: ServerSettings, timeout: float) -> socket.socket:
    if not server.host.startswith("unix:"):
        return socket.create_connection((on_loopback(server).host, server.port), timeout)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    try:
        connection.connect(server.host.removeprefix("unix:"))
    except OSError:
        connection.close()
        raise
    return connection
