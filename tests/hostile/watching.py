"""A second client, in a process of its own: it asks /health and reads a paced stream.

It tells how many seconds it waited at most, and how many of them the worker was computing, which on a busy machine may
just not have had its turn.

Ends with its standard input.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE = 60


class Watch:
    def __init__(self, port: int, worker: int) -> None:
        self._port = port
        self._stat = Path(f"/proc/{worker}/stat")
        self._is_over = threading.Event()
        self.longest = {"health": 0.0, "stream": 0.0}
        self.computing = {"health": 0.0, "stream": 0.0}
        self.counts = {"health": 0, "stream": 0}
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._ask, self._read)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _ask(self) -> None:
        while not self._is_over.wait(0.02):
            began = self._now()
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
            connection.request("GET", "/health")
            assert connection.getresponse().status == 200
            connection.close()
            self._note("health", began)

    def _read(self) -> None:
        before = None
        for line in self._lines():
            if before is not None and line.startswith(b"data:"):
                self._note("stream", before)
            before = self._now()
            if self._is_over.is_set():
                return

    def _lines(self) -> Iterator[bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        body = {"messages": [{"role": "user", "content": "paced"}], "stream": True}
        connection.request("POST", "/v1/chat/completions", json.dumps(body))
        response = connection.getresponse()
        while line := response.readline():
            yield line

    def _now(self) -> tuple[float, float]:
        used = self._stat.read_text().rpartition(")")[2].split()[11:13]
        return time.monotonic(), sum(map(int, used)) / os.sysconf("SC_CLK_TCK")

    def _note(self, what: str, began: tuple[float, float]) -> None:
        now, used = self._now()
        self.counts[what] += 1
        self.longest[what] = max(self.longest[what], now - began[0])
        self.computing[what] = max(self.computing[what], used - began[1])


if __name__ == "__main__":
    watch = Watch(*map(int, sys.argv[1:]))
    watch.start()
    print("watching", flush=True)
    sys.stdin.read()
    watch.end()
    print(json.dumps({"longest": watch.longest, "computing": watch.computing, "counts": watch.counts}), flush=True)
