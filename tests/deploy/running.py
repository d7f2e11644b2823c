"""Servers started for a test: in groups of their own, on loopback, and gone with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tests.deploy.streams import Answer, Place, streams
from tests.sockets import eventually

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@contextlib.contextmanager
def running(command: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process; at the end its whole group is ended, by force if need be."""
    with log.open("ab") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, start_new_session=True, **options)
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in listed.read_text().split()] if listed.exists() else []


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def edited(source: Path, target: Path, *changes: tuple[str, str]) -> Path:
    """A shipped file with the places changed that a test cannot have as they are."""
    text = source.read_text()
    for old, new in changes:
        assert old in text, f"{source.name} has no {old!r}"
        text = text.replace(old, new)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return target


def in_background(place: Place, number: int) -> Future[list[Answer]]:
    """Streams that run while the test goes on."""
    future: Future[list[Answer]] = Future()

    def work() -> None:
        try:
            future.set_result(streams(place, number))
        except BaseException as error:  # noqa: BLE001 the test raises it
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


class Visitors:
    """Clients that ask again and again, each over a connection of its own, until told to stop."""

    def __init__(self, url: str, number: int = 4, path: str = "/v1/models", **options: Any) -> None:
        import requests

        self.answers: list[int | str] = []
        self._stop = threading.Event()

        def visit() -> None:
            with requests.Session() as session:
                while not self._stop.is_set():
                    try:
                        self.answers.append(session.get(url + path, timeout=30, **options).status_code)
                    except requests.RequestException as error:
                        self.answers.append(repr(error))

        self._threads = [threading.Thread(target=visit, daemon=True) for _ in range(number)]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(35)

    def more(self, number: int = 50) -> bool:
        """Waits until so many more answers have come."""
        wanted = len(self.answers) + number
        return eventually(lambda: len(self.answers) >= wanted, 30)

    @property
    def failures(self) -> list[int | str]:
        return [answer for answer in self.answers if answer != 200]
