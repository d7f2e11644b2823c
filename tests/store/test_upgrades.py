"""A database that version 1.0.0 has written becomes one of this version; in a file here, and on a server in
tests/deploy/test_postgresql.py."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gpt2giga.chat import Usage
from gpt2giga.store.database import Database, Unusable
from gpt2giga.store.response_tables import KeptResponse
from gpt2giga.store.sqlite import SQLiteFile
from gpt2giga.store.tables import version_of
from gpt2giga.store.upgrades import UPGRADES
from gpt2giga.telemetry.usage_report import failures, Span, usage
from tests.store.test_usage import clock, counter_of, DAY, MOSCOW, over  # noqa: F401  # a fixture

FOLDER = Path(__file__).parent
NAME = "kept.sqlite3"
Rows = list[tuple[object, ...]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(tmp_path / NAME)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript((FOLDER / "version_1.sqlite.sql").read_text())
    return tmp_path / NAME


@pytest.fixture
def former_database(file: Path) -> Iterator[Database]:
    with contextlib.closing(Database(SQLiteFile(file))) as database:
        yield database


@pytest.fixture
def copied(file: Path) -> Callable[[str], Rows]:
    """The rows of a table as the copy has them."""

    def read(table: str) -> Rows:
        with contextlib.closing(sqlite3.connect(f"{file}.version-1")) as copy:
            return copy.execute(f"SELECT * FROM {table}").fetchall()

    return read


def test_nothing_is_lost(
    former_database: Database,
    copied: Callable[[str], Rows],
    clock: list[float],  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    span = Span(1, MOSCOW)
    rows = usage(former_database, span, ("key", "account", "model"))
    names = ("key", "account", "model", "requests", "errors", "prompt", "completion", "cached", "seconds")
    assert [[row[name] for name in names] for row in rows] == [
        ["ann", "", "GigaChat-2-Max", 2, 0, 11, 6, 2, 3.0],
        ["bob", "", "GigaChat-2", 1, 1, 0, 0, 0, 1.5],
        ["bob", "", "other", 1, 0, 100, 50, 0, 1.5],
    ]
    [failure] = failures(former_database, span, ("key", "account", "cause"))
    assert failure == {"key": "bob", "account": "", "cause": "insufficient_quota", "errors": 1}
    query = KeptResponse.select(KeptResponse.id, KeptResponse.body).tuples()
    [(kept, content)] = former_database.do(lambda connection: [*query.execute(connection)])
    assert (kept, bytes(content)) == ("resp_1", b"body")
    assert former_database.do(version_of) == len(UPGRADES) + 1
    assert len(copied("usage")) == 3 and len(copied("usage_failures")) == len(copied("responses")) == 1
    assert {len(row) for row in copied("usage")} == {10}, "without an account"
    assert caplog.text.count("as version 1 had it, it is kept in") == 1


def test_the_counting_goes_on(former_database: Database, clock: list[float]) -> None:  # noqa: F811
    """To what was there, which is nobody's account; and to two accounts apart."""
    counter = counter_of(former_database)
    for account in ("", "1", "2", "2"):
        asked = over(usage=Usage(1, 1))
        asked.account = account
        counter.add(asked)
    counter.flush()
    rows = usage(former_database, Span(1, MOSCOW), ("account",), "ann")
    assert [(row["account"], row["requests"]) for row in rows] == [("", 3), ("1", 1), ("2", 2)]


def test_a_copy_is_nobody_elses_business(file: Path) -> None:
    with contextlib.closing(Database(SQLiteFile(file))) as database:
        database.do(version_of)
    assert stat.S_IMODE(Path(f"{file}.version-1").stat().st_mode) == 0o600


def test_without_room_for_a_copy_all_stays_as_it_was(file: Path) -> None:
    """And is upgraded as soon as there is some."""
    blocked = Path(f"{file}.version-1")
    (blocked / "in the way").mkdir(parents=True)
    database = Database(SQLiteFile(file))
    with pytest.raises(Unusable, match="GPT2GIGA_STATE_DIR"):
        database.do(version_of)
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT number FROM schema_version").fetchall() == [(1,)]
    assert sorted(path.name for path in file.parent.glob("*version*")) == [blocked.name]
    (blocked / "in the way").rmdir()
    blocked.rmdir()
    assert database.do(version_of) == len(UPGRADES) + 1
    database.close()


def test_several_processes_at_once(file: Path) -> None:
    """Started together, as workers are: one upgrades, and the others find it done."""
    found: list[int] = []

    def connect() -> None:
        with contextlib.closing(Database(SQLiteFile(file))) as database:
            found.append(database.do(version_of))

    threads = [threading.Thread(target=connect) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [len(UPGRADES) + 1] * 4
