"""The rooms and their floors, and the shape of what is in them, checked on the source itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gpt2giga"
FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
SANDBOX = sorted((ROOT / "gpt2giga_sandbox").rglob("*.py"))

# From top to bottom: each room imports what is below it, and itself. Rooms of one floor do not know each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("serving", "commands"),
    ("factory",),
    ("ui", "openapi", "batches"),
    ("dialects", "telemetry"),
    ("web",),
    ("upstream", "store"),
    ("config",),
    ("concurrency",),
    ("chat",),
    ("bounded_json", "errors", "language"),
    ("__init__",),
)
# Inside upstream, in the same way.
UPSTREAM_FLOORS: tuple[tuple[str, ...], ...] = (
    ("pool",),
    ("fallback",),
    ("client",),
    ("gigachat",),
    ("attempts", "asking", "speech"),
    ("emulation", "files", "embeddings", "learning", "packages"),
    ("transport", "fact_book"),
    ("contract",),
    ("accounts", "listener", "partial_match"),
    ("caller",),
)
# What a lower room knows of a higher one all the same, each with its reason.
EXCEPTIONS = {
    ("commands", "serving"): "the verb probe asks as serving does",
    ("ui", "commands"): "the page shows how clients are connected, as the verb connect does",
}
MOST_LINES_OF_A_FILE, MOST_LINES_OF_A_FUNCTION, MOST_COMPLEXITY = 300, 50, 12
# In a dialect: what has to do with HTTP, what keeps responses, and what works on them without a client.
IMPURE = ("views.py", "store.py", "tokenizer.py", "runner.py")
IO = {"flask", "werkzeug", "gigachat", "httpx", "requests", "socket", "sqlite3", "threading", "subprocess", "logging"}


def imports(path: Path) -> Iterator[str]:
    """Of the running program; what only type checkers import brings no room into another."""
    tree = ast.parse(path.read_text())
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> set[str]:
    """Without the package's own name: `upstream.contract.stream.StreamedAnswer`."""
    return {name.removeprefix("gpt2giga.") for name in imports(path) if name.startswith("gpt2giga.")}


def room(name: str) -> str:
    """Of a file or of an import."""
    found = name.removesuffix(".py").replace("/", ".").partition(".")[0]
    return found if any(found in floor for floor in FLOORS) else "__init__"


@pytest.mark.parametrize("name", FILES)
def test_a_room_knows_what_is_below_it(name: str) -> None:
    here = room(name)
    level = next(number for number, floor in enumerate(FLOORS) if here in floor)
    below = {other for floor in FLOORS[level + 1 :] for other in floor}
    known = {room(imported) for imported in ours(FILES[name])} - {here}
    assert {other for other in known - below if (here, other) not in EXCEPTIONS} == set()


def upstream_room(dotted: str) -> str:
    return next(
        found for floor in UPSTREAM_FLOORS for found in floor if dotted == found or dotted.startswith(f"{found}.")
    )


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("upstream/") and "__init__" not in name])
def test_inside_of_upstream_too(name: str) -> None:
    here = upstream_room(name.removeprefix("upstream/").removesuffix(".py").replace("/", "."))
    level = next(number for number, floor in enumerate(UPSTREAM_FLOORS) if here in floor)
    below = {other for floor in UPSTREAM_FLOORS[level + 1 :] for other in floor}
    inner = [imported.removeprefix("upstream.") for imported in ours(FILES[name]) if imported.startswith("upstream.")]
    assert {upstream_room(imported) for imported in inner} - {here} - below == set()


@pytest.mark.parametrize("page", ["architecture.md", "architecture.ru.md"])
def test_the_documents_show_the_same_house(page: str) -> None:
    """Every room, from top to bottom, and what is inside of upstream."""
    text = (ROOT / "docs" / page).read_text()
    inner = {found: number for number, floor in enumerate(UPSTREAM_FLOORS) for found in floor}
    outer = {found: number for number, floor in enumerate(FLOORS) for found in floor if not found.startswith("__")}
    shown = [name for bullet in re.findall(r"^- (`.*?)(?::| —)", text, re.M) for name in re.findall(r"`(.+?)`", bullet)]
    names = [name.removesuffix("/").removesuffix(".py") for name in shown]
    rooms = [name for name in names if "/" not in name]
    assert sorted(rooms) == sorted(outer) and [outer[name] for name in rooms] == sorted(outer.values())
    of_upstream = [inner[name.removeprefix("upstream/")] for name in names if name.startswith("upstream/")]
    assert of_upstream and of_upstream == sorted(of_upstream)


def test_every_exception_is_used() -> None:
    known = {(room(name), room(imported)) for name, path in FILES.items() for imported in ours(path)}
    assert set(EXCEPTIONS) <= known


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("dialects/")])
def test_a_dialect_knows_itself_and_what_all_share(name: str) -> None:
    own = ".".join(name.split("/")[:2]) + "."
    shared = {path.stem for path in (PACKAGE / "dialects").glob("*.py")}
    others = [found for found in ours(FILES[name]) if found.startswith("dialects.") and not found.startswith(own)]
    assert [found for found in others if found.split(".")[1] not in shared] == []


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("dialects/") and not name.endswith(IMPURE)])
def test_translation_is_pure(name: str) -> None:
    assert not {imported.split(".")[0] for imported in imports(FILES[name])} & IO
    known = {room(imported) for imported in ours(FILES[name])}
    assert known <= {"dialects", "upstream", "chat", "bounded_json", "concurrency", "errors"}


@pytest.mark.parametrize("name", FILES)
def test_who_may_use_what(name: str) -> None:
    found = {imported.split(".")[0] for imported in imports(FILES[name])}
    if not name.startswith("upstream/"):
        assert not found & {"gigachat", "httpx"}, "only upstream knows GigaChat's SDK"
    if room(name) not in ("web", "dialects", "telemetry", "ui", "openapi", "factory"):
        assert not found & {"flask", "werkzeug"}
    assert "gpt2giga_sandbox" not in found or name == "cli.py", "the sandbox is the other side of the wire"


def test_the_sandbox_knows_nothing_of_the_product() -> None:
    assert [path.name for path in SANDBOX if ours(path)] == []


def test_single_places() -> None:
    """One file reads the environment, one writes SSE, one lines of JSON, and one imports peewee, for it sees to the
    driver."""
    texts = {name: path.read_text() for name, path in FILES.items()}
    assert [name for name, text in texts.items() if "os.environ" in text] == ["config/sources.py"]
    served = {name: text for name, text in texts.items() if not name.startswith("commands/")}  # which read SSE
    assert [name for name, text in served.items() if '"data: ' in text] == ["web/sse.py"]
    packages = {name: {imported.split(".")[0] for imported in imports(path)} for name, path in FILES.items()}
    assert [name for name, found in packages.items() if "peewee" in found] == ["store/orm.py"]
    assert [name for name, text in served.items() if "x-ndjson" in text] == ["web/json_lines.py"]
    assert sum(text.count("except Exception") + text.count("except BaseException as") for text in texts.values()) <= 4


@pytest.mark.parametrize("path", [*FILES.values(), *SANDBOX], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_sizes(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MOST_LINES_OF_A_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno + 1 <= MOST_LINES_OF_A_FUNCTION, node.name


def test_complexity() -> None:
    """Counted by ruff, which is there to check the style."""
    limit = f"lint.mccabe.max-complexity={MOST_COMPLEXITY}"
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "C901", "--config", limit]
    done = subprocess.run([*command, PACKAGE, ROOT / "gpt2giga_sandbox"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
