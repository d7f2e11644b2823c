"""The command as a user types it, away from the checkout, with a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-W", "error", "-m", "gpt2giga"]
SECONDS = 30
# A terminal for a process that has none: the pipes of the test become its keyboard and its screen.
IN_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


def environment(**given: str) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": os.getcwd(), **given}


def run(*arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *arguments], env=environment(**environ), input=stdin, capture_output=True, text=True, timeout=SECONDS
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def printed(*arguments: str, stdin: str = "", **environ: str) -> str:
    done = run(*arguments, stdin=stdin, **environ)
    assert done.returncode == 0, done
    return done.stdout


def refused(*arguments: str, stdin: str = "", **environ: str) -> str:
    """The one sentence of a failure."""
    done = run(*arguments, stdin=stdin, **environ)
    assert done.returncode == 2, done
    assert done.stdout == "" and done.stderr.count("\n") == 1, done
    return done.stderr


class Terminal:
    """`with Terminal("init") as terminal:` type when the screen shows what was waited for."""

    def __init__(self, *arguments: str, **environ: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", IN_A_TERMINAL, *COMMAND, *arguments],
            env=environment(TERM="xterm", **environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._shown = b""
        self._unread = 0
        self._guard = threading.Timer(SECONDS, self._process.kill)

    @property
    def screen(self) -> str:
        return self._shown.decode()

    def __enter__(self) -> Terminal:
        self._guard.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._guard.cancel()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def type(self, after: str, line: str) -> None:
        self.press(after, f"{line}\n")

    def press(self, after: str, keys: str) -> None:
        while after.encode() not in self._shown[self._unread :]:
            assert self._read(), f"ended before {after}: {self.screen}"
        self._unread = len(self._shown)
        assert self._process.stdin is not None
        self._process.stdin.write(keys.encode())
        self._process.stdin.flush()

    def end(self) -> int:
        """Its exit code, when the screen holds all it had to say."""
        while self._read():
            pass
        return self._process.wait(SECONDS)

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        piece = os.read(self._process.stdout.fileno(), 4096)
        self._shown += piece
        return piece
