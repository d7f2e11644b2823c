"""What is installed is what was tested: every package has its version, and its hashes where pip takes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
# What every virtual environment has, and we ourselves.
UNPINNED = {"pip", "setuptools", "wheel", "gpt2giga"}
# Where people read or run how the service is installed.
PAGES = [f"docs/{path.name}" for path in ROOT.glob("docs/*.md") if "pip install --requirement" in path.read_text()]
WAYS = ["deploy/install.sh", "Dockerfile", *PAGES]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def requirements(file: str) -> Iterator[Requirement]:
    """Those that count for this Python."""
    text = (ROOT / file).read_text().replace("\\\n", "")
    for line in text.splitlines():
        found = HASH.sub("", line).partition("#")[0].strip()
        if found and ((requirement := Requirement(found)).marker is None or requirement.marker.evaluate()):
            yield requirement


def pins(file: str) -> dict[str, str]:
    return {canonicalize_name(found.name): str(found.specifier) for found in requirements(file)}


def needed(requirement: Requirement, known: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The packages, each with an extra of it or without one, that are installed for this one. Some need each other."""
    name = canonicalize_name(requirement.name)
    wanted = {(name, extra) for extra in ("", *requirement.extras)} - known
    known |= wanted
    for _, extra in wanted:
        for line in distribution(name).requires or []:
            inner = Requirement(line)
            if inner.marker is None or inner.marker.evaluate({"extra": extra}):
                needed(inner, known)
    return known


def test_everything_installed_is_pinned() -> None:
    """Also the extras, as far as they are installed here."""
    installed = {canonicalize_name(found.metadata["Name"]): f"=={found.version}" for found in distributions()}
    pinned = pins("constraints.txt")
    wrong = {name: version for name, version in installed.items() if pinned.get(name) != version}
    assert {name: wrong[name] for name in wrong.keys() - UNPINNED} == {}, "make lock"


def test_a_deployed_service_gets_the_same() -> None:
    known: set[tuple[str, str]] = set()
    for requirement in requirements("requirements.txt"):
        needed(requirement, known)
    pinned = pins("constraints.txt")
    assert pins("requirements.lock") == {name: pinned[name] for name, _ in known}, "make lock"


def test_a_deployed_service_checks_hashes() -> None:
    for line in (ROOT / "requirements.lock").read_text().replace("\\\n", "").splitlines():
        assert line.startswith("#") or ("==" in line and HASH.search(line)), line
    assert PAGES
    for way in WAYS:
        text = (ROOT / way).read_text()
        assert "requirements.lock" in text and "requirement requirements.txt" not in text, way
