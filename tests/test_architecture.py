"""The import rule and the single places, checked on the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gpt2giga"
FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
TRANSLATION = ("request.py", "response.py", "stream.py", "fields.py", "errors.py")
# The ground floor, and what a file of it may use of the others.
GROUND: dict[str, set[str]] = {
    "chat.py": set(),
    "errors.py": set(),
    "parsers.py": set(),
    "silence.py": set(),
    "settings.py": {"parsers"},
    "pump.py": {"silence"},
}
SDK = {"gigachat", "httpx"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module)


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if name.startswith("gpt2giga.")}


@pytest.mark.parametrize("name", sorted(GROUND))
def test_the_ground_floor_rests_on_itself(name: str) -> None:
    assert {imported.split(".")[1] for imported in ours(FILES[name])} == GROUND[name]


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("dialects/")])
def test_a_dialect_knows_itself_only(name: str) -> None:
    own = "gpt2giga." + ".".join(name.split("/")[:2])
    shared = ("gpt2giga.dialects.fields",)
    others = [found for found in ours(FILES[name]) if found.startswith("gpt2giga.dialects.") and own not in found]
    assert [found for found in others if not found.startswith(shared)] == []


@pytest.mark.parametrize(
    "name", [name for name in FILES if name.startswith("dialects/") and name.endswith(TRANSLATION)]
)
def test_translation_is_pure(name: str) -> None:
    found = {imported.split(".")[0] for imported in imports(FILES[name])}
    assert not found & {"flask", "werkzeug", *SDK}
    known = ("gpt2giga.chat", "gpt2giga.errors", "gpt2giga.dialects")
    assert all(imported.startswith(known) for imported in ours(FILES[name]))


@pytest.mark.parametrize("name", FILES)
def test_only_upstream_knows_the_sdk_and_it_knows_no_flask(name: str) -> None:
    found = {imported.split(".")[0] for imported in imports(FILES[name])}
    if name.startswith("upstream/"):
        assert "flask" not in found
        known = ("gpt2giga.upstream", *(f"gpt2giga.{ground.removesuffix('.py')}" for ground in GROUND))
        assert all(imported.startswith(known) for imported in ours(FILES[name]))
    else:
        assert not found & SDK


def test_single_places() -> None:
    """One file reads the environment, one writes SSE. The sandbox is the other side of the wire."""
    texts = {name: path.read_text() for name, path in FILES.items() if not name.startswith("sandbox/")}
    assert [name for name, text in texts.items() if "os.environ" in text] == ["environment.py"]
    served = {name: text for name, text in texts.items() if not name.startswith("commands/")}  # which read SSE
    assert [name for name, text in served.items() if '"data: ' in text] == ["sse.py"]
    assert sum(text.count("except Exception") + text.count("except BaseException as") for text in texts.values()) <= 2
