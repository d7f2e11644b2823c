"""What a user has on a server, in folders that the servers' own users may enter, and the servers themselves."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.nginx import Nginx
from tests.deploy.running import ROOT

SHIPPED = (
    *(
        "gpt2giga",
        "gpt2giga_sandbox",
        "deploy",
        "app.py",
        "wsgi.py",
        "passenger_wsgi.py",
        "Dockerfile",
        "compose.yaml",
        ".env.example",
    ),
    *(
        "pyproject.toml",
        "setup.py",
        "requirements.txt",
        "requirements.lock",
        "constraints.txt",
        "README.md",
        "LICENSE",
        "Makefile",
    ),
)


@contextlib.contextmanager
def public_folder() -> Iterator[Path]:
    """Unlike pytest's own folders, open to www-data, which servers started by root change to."""
    folder = Path(tempfile.mkdtemp(prefix="gpt2giga-deploy-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def public() -> Iterator[Path]:
    with public_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def shared_folder() -> Iterator[Path]:
    with public_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def checkout(shared_folder: Path) -> Path:
    """What a user has after a clone."""
    folder = shared_folder / "checkout"
    folder.mkdir()
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            without = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=without)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def pip(python: Path, *arguments: object, folder: Path) -> None:
    command = [python, "-m", "pip", "--quiet", "--no-input", *arguments]
    subprocess.run([*map(str, command)], cwd=folder, check=True, stderr=subprocess.PIPE)


@pytest.fixture(scope="session")
def site(shared_folder: Path, checkout: Path) -> Path:
    """A checkout with a virtual environment in it, as shared hosting has it."""
    folder = shared_folder / "site"
    shutil.copytree(checkout, folder, symlinks=True)
    subprocess.run(["/usr/bin/python3", "-m", "venv", folder / "venv"], check=True)
    pip(folder / "venv/bin/python", "install", "--requirement", "requirements.lock", folder=folder)
    return folder


@pytest.fixture(scope="session")
def wheels(shared_folder: Path, site: Path) -> Path:
    """What pip fetches, for a machine that has no network."""
    folder = shared_folder / "wheels"
    download = [site / "venv/bin/python", "download", "--dest", folder]
    pip(*download, "--requirement", "requirements.lock", folder=site)
    pip(*download, "--constraint", "constraints.txt", "setuptools", "redis", "socksio", "pillow", folder=site)
    pip(*download, "pip", "setuptools", "wheel", "uv", folder=site)  # pipx puts the first three into each of its own
    return folder


@pytest.fixture
def start_nginx(public: Path) -> Iterator[Callable[..., Nginx]]:
    """start_nginx("gpt2giga.conf", "127.0.0.1:8080") in front of what listens there."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(Nginx(public, *arguments, **options))
