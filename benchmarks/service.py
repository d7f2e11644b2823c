"""A commit of the service as a process, and what it costs."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
NANOSECONDS = 1e9
CHATS = "/v1/chat/completions"


@dataclass(frozen=True)
class Service:
    """path: where its chats are asked for."""

    pid: int
    port: int
    path: str

    def cpu(self) -> float:
        """Seconds of all threads of the master and its workers."""
        threads = [path for pid in self._tree() for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
        return sum(int(path.read_text().split()[0]) for path in threads) / NANOSECONDS

    def memory(self) -> float:
        """MiB; pages that processes share are counted once (PSS)."""
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self._tree()]
        return sum(int(line.split()[1]) for text in rollups for line in text.splitlines() if line[:4] == "Pss:") / 1024

    def _tree(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]


@contextlib.contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """A folder with this commit; "" is the working tree as it is."""
    if not revision:
        yield ROOT
        return
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "checkout"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(folder), revision], check=True)
        try:
            yield folder
        finally:
            subprocess.run([*git, "remove", "--force", str(folder)], check=True)


@contextlib.contextmanager
def gigachat() -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.gigachat"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


@contextlib.contextmanager
def service(folder: Path, gigachat_port: int, path: str = CHATS, **settings: str) -> Iterator[Service]:
    """The command with its defaults, but for the account's limit and what is named."""
    base = f"http://127.0.0.1:{gigachat_port}/api"
    with tempfile.TemporaryDirectory() as state, open(Path(state) / "log", "wb") as log:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(folder),
            "GIGACHAT_BASE_URL": f"{base}/v1",
            "GIGACHAT_AUTH_URL": f"{base}/v2/oauth",
            "GIGACHAT_CREDENTIALS": "YmVuY2g6YmVuY2g=",
            "GPT2GIGA_MAX_CONCURRENCY": "0",
            "GPT2GIGA_RUNTIME_DIR": state,
            "GPT2GIGA_STATE_DIR": state,
            **settings,
        }
        command = [sys.executable, "-m", "gpt2giga", "--port", str(_free_port())]
        process = subprocess.Popen(command, cwd=state, env=environ, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert "listens on" in line, (Path(state) / "log").read_text()
            yield Service(process.pid, int(command[-1]), path)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
            process.stdout.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
