"""What Linux knows of a process. In systemd's sandbox there is no /proc/stat, which libraries want to know the time
of the boot from: so none of them is of use there."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
# In the folder of the metrics, by gunicorn's master: its process id, and when it started.
MASTER = "master"


@dataclass(frozen=True, slots=True)
class Figures:
    """cpu: seconds, with those of the children that have ended. memory: bytes, what is shared with others too."""

    cpu: float
    resident_memory: int
    virtual_memory: int
    open_files: int
    most_files: int


def figures(pid: int) -> Figures:
    """Raises OSError for one that is gone."""
    fields, ticks = _stat(pid), os.sysconf("SC_CLK_TCK")
    return Figures(
        sum(map(int, fields[11:15])) / ticks,
        int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
        int(fields[20]),
        _open_files(pid),
        _most_files(pid),
    )


def start_time(pid: int) -> float:
    """Unix time. Raises OSError. To be asked once: it moves with every correction of the clock."""
    up = int(_stat(pid)[19]) / os.sysconf("SC_CLK_TCK")
    return round(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + up, 2)


def describe_master(folder: Path) -> None:
    """For its workers. Raises OSError."""
    (folder / MASTER).write_text(f"{os.getpid()} {start_time(os.getpid())}")


def master_of(folder: Path) -> tuple[int, float]:
    """Raises OSError or ValueError where none has described itself."""
    pid, started = (folder / MASTER).read_text().split()
    return int(pid), float(started)


def _stat(pid: int) -> list[str]:
    """What follows the name, which may hold anything (proc_pid_stat(5))."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _open_files(pid: int) -> int:
    """None are to be seen of another user's, as a master that root has started is."""
    try:
        return len(os.listdir(PROC / str(pid) / "fd"))
    except PermissionError:
        return 0


def _most_files(pid: int) -> int:
    """The soft limit."""
    lines = (PROC / str(pid) / "limits").read_text().splitlines()
    words = next(line.split() for line in lines if line.startswith("Max open files"))
    return int(words[3]) if words[3].isdigit() else 0  # unlimited
