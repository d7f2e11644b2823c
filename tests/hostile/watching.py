"""A second client, in a process of its own: it asks /health and reads a paced stream, and tells how long each made it
wait at most, in seconds. Ends with its standard input."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator

PATIENCE = 60


class Watch:
    def __init__(self, port: int) -> None:
        self._port = port
        self._is_over = threading.Event()
        self.longest = {"health": 0.0, "stream": 0.0, "here": 0.0}
        self.counts = {"health": 0, "stream": 0}
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._ask, self._read, self._tick)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _ask(self) -> None:
        while not self._is_over.wait(0.02):
            began = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
            connection.request("GET", "/health")
            assert connection.getresponse().status == 200
            connection.close()
            self._note("health", time.monotonic() - began)

    def _read(self) -> None:
        before = None
        for line in self._lines():
            now = time.monotonic()
            if before is not None and line.startswith(b"data:"):
                self._note("stream", now - before)
            before = now
            if self._is_over.is_set():
                return

    def _lines(self) -> Iterator[bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        body = {"messages": [{"role": "user", "content": "paced"}], "stream": True}
        connection.request("POST", "/v1/chat/completions", json.dumps(body))
        response = connection.getresponse()
        while line := response.readline():
            yield line

    def _tick(self) -> None:
        """What this machine itself makes anybody wait."""
        before = time.monotonic()
        while not self._is_over.wait(0.01):
            now = time.monotonic()
            self.longest["here"] = max(self.longest["here"], now - before - 0.01)
            before = now

    def _note(self, what: str, seconds: float) -> None:
        self.counts[what] += 1
        self.longest[what] = max(self.longest[what], seconds)


if __name__ == "__main__":
    watch = Watch(int(sys.argv[1]))
    watch.start()
    print("watching", flush=True)
    sys.stdin.read()
    watch.end()
    print(json.dumps({"longest": watch.longest, "counts": watch.counts}), flush=True)
