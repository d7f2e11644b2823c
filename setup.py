"""Which commit is built: in the version that pip compares and in what the program says. All else: pyproject.toml."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
VERSION = "gpt2giga/version.py"


def stamped() -> str:
    """version.py, with the commit in it where git knows it."""
    text = (ROOT / VERSION).read_text(encoding="utf-8")
    if not (ROOT / ".git").exists():  # a folder inside of somebody's repository is not this one
        return text
    try:
        commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True)
    except (OSError, subprocess.CalledProcessError):
        return text
    return text.replace("$Format:%h$", commit.strip())


TEXT = stamped()


def stamp(folder: str) -> None:
    """The copy in this folder; an editable installation makes none."""
    path = Path(folder, VERSION)
    if path.exists():
        path.unlink()  # in an sdist it may be the source's own file under a second name
        path.write_text(TEXT, encoding="utf-8")


class BuildPy(build_py):
    def run(self) -> None:
        super().run()
        stamp(self.build_lib)


class Sdist(sdist):
    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        stamp(base_dir)


told: dict[str, Any] = {}
exec(TEXT, told)
setup(version=told["PACKAGE_VERSION"], cmdclass={"build_py": BuildPy, "sdist": Sdist})
