"""Which version runs, and what it takes of the machine: gunicorn's master and its workers together, whichever answers.

The library tells the latter of one process only, and not at all where several count together.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from gpt2giga import __version__
from gpt2giga.telemetry.processes import Figures, figures, master_of, start_time


class ServiceMetrics(Collector):
    """folder: where several processes count together."""

    def __init__(self, folder: str | None) -> None:
        self._folder = Path(folder) if folder else None
        self._master, self._started = 0, 0.0
        with suppress(OSError, ValueError):  # no /proc, or no room for the master to say who it is
            if self._folder is None:
                self._started = start_time(os.getpid())
            else:
                self._master, self._started = master_of(self._folder)
        versions = {"version": __version__, "python": platform.python_version(), "gigachat": version("gigachat")}
        self._build = InfoMetricFamily("gpt2giga_build", "What runs: 1, with the versions.", value=versions)

    def collect(self) -> Iterator[Metric]:
        yield self._build
        if self._started and (found := [*self._figures()]):
            yield from _families(found)
            yield GaugeMetricFamily("process_start_time_seconds", "When the service started.", self._started)

    def _figures(self) -> Iterator[Figures]:
        """Of all that live. What dead ones have used of the processor is among the master's."""
        for pid in self._pids():
            with suppress(OSError):
                yield figures(pid)

    def _pids(self) -> set[int]:
        """Every worker has a file of gauges until its master knows that it is dead."""
        found = {os.getpid()}
        if self._folder and self._master:
            found |= {self._master, *(int(path.stem.rpartition("_")[2]) for path in self._folder.glob("gauge_live*"))}
        return found


def _families(found: list[Figures]) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "process_cpu_seconds", "User and system time of all processes.", sum(one.cpu for one in found)
    )
    for name, what, value in (
        ("resident_memory_bytes", "Resident memory of all processes.", sum(one.resident_memory for one in found)),
        ("virtual_memory_bytes", "Virtual memory of all processes.", sum(one.virtual_memory for one in found)),
        ("open_fds", "Open file descriptors of all processes.", sum(one.open_files for one in found)),
        ("max_fds", "How many descriptors all processes may open.", sum(one.most_files for one in found)),
    ):
        yield GaugeMetricFamily(f"process_{name}", what, value)
