"""Where gunicorn's workers count together (GPT2GIGA_METRICS): a folder that their master makes and removes.

Nothing here loads prometheus-client: its locks must be those that gevent makes in each worker.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from gpt2giga.config import sources
from gpt2giga.telemetry.processes import describe_master

log = logging.getLogger(__name__)
PREFIX = f"gpt2giga-metrics-{os.geteuid()}-"


class MetricsFolder:
    """Locked as long as a process lives that was forked with it. So the next master knows what a killed one left
    behind, and systemd-tmpfiles, which removes what looks old from /tmp, passes by."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._lock: int | None = None

    def make(self, parent: Path, uid: int, gid: int) -> None:
        """Once for a master; at a reload the counts go on. `uid` and `gid` are those of the workers."""
        if self._path:
            return
        try:
            _sweep(parent)
            self._make(parent)
            if uid != os.geteuid():
                os.chown(str(self._path), uid, gid)
        except OSError as error:
            log.warning("Metrics are counted in each worker alone, for there is nowhere to share them: %s", error)

    def _make(self, parent: Path) -> None:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._lock = os.open(path, os.O_RDONLY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        if path.exists():
            self._path = path
            with suppress(OSError):  # without /proc
                describe_master(path)
            return
        # Another master, which has just been started too, took it for left over.
        os.close(self._lock)
        self._make(parent)

    def join(self) -> None:
        """In a worker, before it loads the application."""
        if self._path and self._path.is_dir():
            sources.set_metrics_folder(self._path)
        elif self._path:
            log.warning("Metrics are counted in this worker alone, for %s is gone", self._path)

    def forget(self, pid: int) -> None:
        """What a dead worker had open or waiting. What it had counted stays. (The library's mark_process_dead.)"""
        for path in self._path.glob(f"gauge_live*_{pid}.db") if self._path else ():
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        if self._path and self._lock is not None:
            shutil.rmtree(self._path, ignore_errors=True)
            os.close(self._lock)
            self._path = self._lock = None


def _sweep(parent: Path) -> None:
    """Removes what masters left that were killed."""
    for path in parent.glob(PREFIX + "*"):
        if path.is_symlink() or path.stat().st_uid != os.geteuid():
            continue
        lock = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
