"""What is read of a process from /proc."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gpt2giga.telemetry import processes


def test_without_what_systemd_hides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ProcSubset=pid leaves the folders of processes, and nothing of the machine."""
    (tmp_path / str(os.getpid())).symlink_to(f"/proc/{os.getpid()}")
    monkeypatch.setattr(processes, "PROC", tmp_path)
    found = processes.figures(os.getpid())
    assert found.cpu > 0 and 1e7 < found.resident_memory < found.virtual_memory
    assert 3 <= found.open_files < found.most_files
    assert 0 < time.time() - processes.start_time(os.getpid()) < 24 * 3600


def test_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their files are not to be seen, and the rest counts."""

    def refuse(path: Path) -> list[str]:
        raise PermissionError(path)

    monkeypatch.setattr(os, "listdir", refuse)
    found = processes.figures(os.getpid())
    assert found.open_files == 0 and found.cpu > 0


def test_one_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        processes.figures(2**22 + 1)
    for text in ("", "1"):  # no room to write it, or none for all of it
        (tmp_path / processes.MASTER).write_text(text)
        with pytest.raises(ValueError):
            processes.master_of(tmp_path)
