"""Writes into what is built from which commit it was; all else is in pyproject.toml."""

from __future__ import annotations

import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
VERSION = "gpt2giga/version.py"


def stamp(folder: str) -> None:
    """The copy in this folder. Where there is no git, or no copy (an editable installation), nothing is written."""
    path = Path(folder, VERSION)
    if not path.exists() or not (ROOT / ".git").exists():
        return
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return
    text = path.read_text(encoding="utf-8").replace("$Format:%h$", commit)
    path.unlink()  # in an sdist it may be the source's own file under a second name
    path.write_text(text, encoding="utf-8")


class BuildPy(build_py):
    def run(self) -> None:
        super().run()
        stamp(self.build_lib)


class Sdist(sdist):
    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        stamp(base_dir)


setup(cmdclass={"build_py": BuildPy, "sdist": Sdist})
