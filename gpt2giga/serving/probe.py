"""Does the service answer? Asked by systemd after a start, by containers, and by the installer."""

from __future__ import annotations

import http.client
import socket
import time

from gpt2giga.config.settings import ServerSettings

PAUSE = 0.1
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def answers(server: ServerSettings, seconds: float) -> bool:
    """Waits for a 200 from /health. A worker that still starts answers late; one that cannot start never does."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        try:
            if _status(server, left) == 200:
                return True
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(PAUSE)
    return False


def _status(server: ServerSettings, timeout: float) -> int:
    connection = http.client.HTTPConnection("localhost", timeout=timeout)
    connection.sock = _connected(server, timeout)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status
    finally:
        connection.close()


def _connected(server: ServerSettings, timeout: float) -> socket.socket:
    if not server.host.startswith("unix:"):
        return socket.create_connection((ANYWHERE.get(server.host, server.host), server.port), timeout)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    try:
        connection.connect(server.host.removeprefix("unix:"))
    except OSError:
        connection.close()
        raise
    return connection
