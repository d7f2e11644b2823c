"""With pip, pipx and uv: from a repository, without internet, and beside another project of the same name."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gpt2giga import __version__
from gpt2giga.version import PACKAGE_VERSION

OTHER = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "gpt2giga"
version = "99.0"
[tool.setuptools]
py-modules = []
"""
DEV = "99.1.dev0"


def run(*command: object, **environ: str) -> str:
    """Without what this machine's own pip is told."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    alone = {
        **clean,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_NO_CONFIG": "1",
        **environ,
    }
    done = subprocess.run([*map(str, command)], env=alone, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def offline(wheels: Path) -> dict[str, str]:
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels)}


@pytest.fixture(scope="module")
def uv(shared_folder: Path, wheels: Path) -> Path:
    run("/usr/bin/python3", "-m", "venv", shared_folder / "uv")
    run(shared_folder / "uv/bin/pip", "install", "--quiet", "uv", **offline(wheels))
    return shared_folder / "uv/bin/uv"


class Repository:
    """Between two releases, and published: its address is what a user types after git+."""

    def __init__(self, folder: Path, checkout: Path, address: str) -> None:
        self.address, self._source, self._bare = address, folder / "source", folder / "gpt2giga.git"
        shutil.copytree(checkout, self._source)
        version = self._source / "gpt2giga/version.py"
        version.write_text(version.read_text().replace(f'"{__version__}"', f'"{DEV}"'))
        git("init", "--quiet", where=self._source)
        git("init", "--quiet", "--bare", self._bare, where=folder)

    def publish(self) -> str:
        """One more commit; the version that it has to tell."""
        git("add", "--all", where=self._source)
        git("commit", "--quiet", "--allow-empty", "--message", "more", where=self._source)
        git("push", "--quiet", self._bare, "HEAD", where=self._source)
        git("update-server-info", where=self._bare)
        return f"{DEV}+g{git('rev-parse', '--short', 'HEAD', where=self._source).strip()}"


def git(*words: object, where: Path) -> str:
    return run("git", "-C", where, "-c", "user.name=a", "-c", "user.email=a@b", *words)


@pytest.fixture
def repository(tmp_path: Path, checkout: Path) -> Iterator[Repository]:
    folder = tmp_path / "published"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever).start()
        yield Repository(folder, checkout, f"git+http://127.0.0.1:{server.server_port}/gpt2giga.git")
        server.shutdown()


@pytest.fixture(scope="module")
def wheelhouse(shared_folder: Path, checkout: Path, wheels: Path) -> Path:
    """As `make wheelhouse` leaves it; what it fetches was fetched before."""
    shutil.copytree(checkout, shared_folder / "maker")
    command = ["make", "--directory", shared_folder / "maker", "wheelhouse", "PYTHON=/usr/bin/python3"]
    run(*command, **offline(wheels))
    return shared_folder / "maker/wheelhouse"


@pytest.fixture
def environment(wheelhouse: Path, tmp_path: Path) -> Path:
    """A virtual environment with ours in it, installed without internet by the line of the documents."""
    run("/usr/bin/python3", "-m", "venv", tmp_path)
    said = run(
        tmp_path / "bin/pip", "install", "--no-index", "--find-links", wheelhouse, "gpt2giga[redis,socks,images]"
    )
    assert f"gpt2giga-{PACKAGE_VERSION}" in said
    return tmp_path


@pytest.fixture(scope="module")
def index(shared_folder: Path, wheels: Path) -> str:
    """It offers the other project of the same name, at a version that is higher for everybody who counts."""
    source, folder = shared_folder / "other", shared_folder / "index/gpt2giga"
    source.mkdir()
    (source / "pyproject.toml").write_text(OTHER)
    run("/usr/bin/python3", "-m", "venv", source / "venv")
    run(source / "venv/bin/pip", "wheel", "--quiet", "--wheel-dir", folder, source, **offline(wheels))
    links = "".join(f'<a href="{wheel.name}">{wheel.name}</a>' for wheel in folder.glob("*.whl"))
    (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")
    return f"file://{folder.parent}"


def test_an_upgrade_by_name_keeps_ours(environment: Path, index: str, uv: Path, tmp_path: Path) -> None:
    pip, upgrade = environment / "bin/pip", ("--no-deps", "--upgrade", "gpt2giga")
    assert "Requirement already satisfied" in run(pip, "install", "--index-url", index, *upgrade)
    run(uv, "pip", "install", "--python", environment, "--default-index", index, *upgrade)
    assert run(environment / "bin/gpt2giga", "--version") == f"gpt2giga, version {__version__}\n"
    assert f"gpt2giga=={PACKAGE_VERSION}\n" in run(pip, "freeze").replace(" @ ", "==")
    # The index does offer it: who has nothing yet gets it.
    assert "Would install gpt2giga-99.0" in run(
        pip, "install", "--dry-run", "--target", tmp_path / "x", "--index-url", index, "--no-deps", "gpt2giga"
    )


@pytest.mark.parametrize("tool", ["uv", "pipx"])
def test_from_a_repository(tool: str, repository: Repository, uv: Path, wheels: Path, tmp_path: Path) -> None:
    """In one line; the commit is told; and so is that of an upgrade."""
    homes = {"UV_TOOL_DIR": "uv", "UV_TOOL_BIN_DIR": "bin", "UV_CACHE_DIR": "cache", "PIPX_HOME": "pipx"}
    environ = {name: str(tmp_path / folder) for name, folder in {**homes, "PIPX_BIN_DIR": "bin"}.items()}
    alone = ("--no-index", "--find-links", wheels) if tool == "uv" else ()
    command = (uv, "tool") if tool == "uv" else ("/usr/bin/pipx",)

    def version_after(*words: object) -> str:
        run(*command, *words, **offline(wheels), **environ)
        return run(tmp_path / "bin/gpt2giga", "--version").strip()

    first = repository.publish()
    assert version_after("install", *alone, repository.address) == f"gpt2giga, version {first}"
    second = repository.publish()
    assert version_after("upgrade", *alone, "gpt2giga") == f"gpt2giga, version {second}"
    run(*command, "uninstall", "gpt2giga", **environ)
    assert not (tmp_path / "bin/gpt2giga").exists()
