"""The files in which processes count together, with room for all that is written to them."""

from __future__ import annotations

import logging
import mmap
import os
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

log = logging.getLogger(__name__)

FIRST_BYTES = 64 * 1024  # as the library begins them
LARGEST_OVERHEAD = 32  # bytes around the name of a figure


class MetricsFile(MmapedDict):
    """The library maps files with holes into memory. On a full file system a write to a hole kills the process
    (SIGBUS), then the next one, until gunicorn gives up. Here the room is taken first, and memory where there is none.
    """

    # In this process. What it counts is then seen by nobody else.
    in_memory = False

    def __init__(self, filename: str | int, read_mode: bool = False) -> None:
        try:
            with open(filename, "ab") as file:
                os.posix_fallocate(file.fileno(), 0, FIRST_BYTES)
        except OSError as error:
            filename = _memory(error, filename)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        capacity = self._capacity
        while capacity < self._used + len(key.encode()) + LARGEST_OVERHEAD:
            capacity *= 2
        try:
            os.posix_fallocate(self._f.fileno(), 0, capacity)
        except OSError as error:
            with self._f:
                self._f = open(_memory(error, self._fname), "a+b")  # noqa: SIM115 as long as the process lives
            self._f.write(self._m[:])
            self._f.flush()
            self._m = mmap.mmap(self._f.fileno(), self._capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def _memory(error: OSError, filename: str | int) -> int:
    """In place of a file that would be read half written."""
    if not MetricsFile.in_memory:
        log.warning("Metrics are counted in this worker alone, for there is no room to share them: %s", error)
    MetricsFile.in_memory = True
    if isinstance(filename, str):
        Path(filename).unlink(missing_ok=True)
    return os.memfd_create("metrics")
