"""Clients that come from npm, installed once into the user's cache folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL_SECONDS = 300


def cached(name: str) -> Path:
    """Where a client is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gpt2giga-clients" / name


def install(package: str, version: str, *beside: str) -> Path:
    """The folder that holds node_modules; skips the test where there is no npm. beside: what the package leaves to its
    users to install, as name@version.

    Newer npm runs no install scripts unasked, and these packages work without.
    """
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm")
    folder = cached(f"{package.rpartition('/')[2]}-{version}")
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--prefix", str(folder), "--no-audit", "--no-fund", "--no-save", "--ignore-scripts"]
        subprocess.run([npm, "install", *options, f"{package}@{version}", *beside], check=True, timeout=INSTALL_SECONDS)
        (folder / "complete").touch()
    return folder / "node_modules"
