"""What people see, what pip compares, and what the changelog says."""

from __future__ import annotations

import io
import re
import runpy
import subprocess
import tarfile
from pathlib import Path

import pytest
from packaging.version import Version

from gpt2giga import __version__
from gpt2giga.version import NUMBER, PACKAGE_VERSION

ROOT = Path(__file__).parent.parent
VERSION = ROOT / "gpt2giga/version.py"
BETWEEN = NUMBER.endswith(".dev0")


def git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout


def seen(text: str, folder: Path) -> str:
    path = folder / "version.py"
    path.write_text(text)
    return runpy.run_path(str(path))["__version__"]


def test_pip_takes_no_other_project_for_newer() -> None:
    assert Version(PACKAGE_VERSION) > Version("99999.0")
    assert PACKAGE_VERSION.partition("!")[2] == __version__ and "!" not in __version__


@pytest.mark.parametrize(
    ("number", "commit", "version"),
    [
        ("2.0.0", "abc1234", "2.0.0"),
        ("2.1.0.dev0", "abc1234", "2.1.0.dev0+gabc1234"),
        ("2.1.0.dev0", "$Format:%h$", "2.1.0.dev0"),
    ],
)
def test_between_releases_the_commit_is_told(number: str, commit: str, version: str, tmp_path: Path) -> None:
    text = VERSION.read_text().replace(f'"{NUMBER}"', f'"{number}"').replace("$Format:%h$", commit)
    assert seen(text, tmp_path) == version
    assert Version(version) >= Version(number)


def test_an_archive_knows_its_commit(tmp_path: Path) -> None:
    archive = git("archive", "--worktree-attributes", "HEAD", "gpt2giga/version.py")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.extractfile("gpt2giga/version.py")
        assert member is not None
        text = re.sub('NUMBER = ".*"', 'NUMBER = "2.1.0.dev0"', member.read().decode())
    assert seen(text, tmp_path) == f"2.1.0.dev0+g{git('rev-parse', '--short', 'HEAD').decode().strip()}"


def test_the_changelog_agrees() -> None:
    """A release is dated. Between releases the next one is named as unreleased."""
    headings = re.findall(r"^## (\S+) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    number, when = headings[0]
    assert number == NUMBER.removesuffix(".dev0")
    assert when == "unreleased" if BETWEEN else re.fullmatch(r"20\d\d-\d\d-\d\d", when)
    assert [heading for heading in headings[1:] if heading[1] == "unreleased"] == []


def test_a_number_means_one_commit() -> None:
    """The commit after a release begins the next one: NUMBER = "....dev0"."""
    if git("tag", "--list", f"v{NUMBER}"):
        assert git("rev-parse", f"v{NUMBER}^{{commit}}") == git("rev-parse", "HEAD")
