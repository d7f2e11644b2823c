"""The database as a file, and what may happen to files."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import peewee
import pytest

from gpt2giga.store.database import Database, Unusable
from gpt2giga.store.response_tables import KeptResponse
from gpt2giga.store.sqlite import FORMER, SQLiteFile

NAME = "kept.sqlite3"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "new" / "state"


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    with contextlib.closing(Database(SQLiteFile(folder / NAME))) as database:
        yield database


def save(database: Database, number: int, padding: int = 0) -> None:
    """Unusable is what an answer must survive; here it is only not an error."""
    row = {"id": str(number), "tenant": "a", "created": number, "size": padding, "body": b"x" * padding}
    with contextlib.suppress(Unusable):
        database.do(KeptResponse.insert(**row).on_conflict_replace().execute)


def kept(database: Database) -> set[str]:
    rows = KeptResponse.select(KeptResponse.id).tuples()
    return database.do(lambda connection: {row[0] for row in rows.execute(connection)})


def test_only_the_owner_can_read_the_files(database: Database, folder: Path) -> None:
    save(database, 1)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(modes.values()) == {0o600} and len(modes) == 3, modes
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_folders_can_be_entered_whatever_the_umask(database: Database, folder: Path) -> None:
    """The service's own is one for sockets."""
    before = os.umask(0o117)
    try:
        save(database, 1)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(made.stat().st_mode) for made in (folder, folder.parent)] == [0o700, 0o700]


def test_nothing_is_made_before_it_is_needed(folder: Path) -> None:
    assert Database(SQLiteFile(folder / NAME)).problem() == ""
    assert not folder.exists()


def test_a_place_that_comes_back_is_used(tmp_path: Path) -> None:
    blocked = tmp_path / "state"
    blocked.write_text("")
    with contextlib.closing(Database(SQLiteFile(blocked / NAME))) as database:
        save(database, 1)
        assert database.problem()
        blocked.unlink()
        save(database, 2)
        assert kept(database) == {"2"} and not database.problem()


def overwritten(file: Path) -> None:
    file.write_bytes(b"no database at all, " * (file.stat().st_size // 10))


def spoilt_in_the_middle(file: Path) -> None:
    with file.open("r+b") as database:
        database.seek(1024)
        database.write(b"\xff" * (file.stat().st_size - 1024))


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def deleted(file: Path) -> None:
    for left in file.parent.iterdir():
        left.unlink()


def deleted_with_its_folder(file: Path) -> None:
    shutil.rmtree(file.parent)


def replaced(file: Path) -> None:
    with contextlib.closing(Database(SQLiteFile(file.parent / "other" / NAME))) as other:
        save(other, 1)
    os.replace(file.parent / "other" / NAME, file)


def without_its_table(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("DROP TABLE responses")


DAMAGES = [overwritten, spoilt_in_the_middle, emptied, deleted, deleted_with_its_folder, replaced, without_its_table]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_put_aside_and_all_goes_on(
    database: Database, folder: Path, damage: Callable[[Path], None]
) -> None:
    """In two processes, which are two databases here; before and after what was only in the log was written out."""
    other = Database(SQLiteFile(folder / NAME))
    for number in range(0, 100, 2):
        save(database, number, 2000)
        save(other, number + 1, 2000)
    with contextlib.closing(sqlite3.connect(folder / NAME)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage(folder / NAME)
    for number in range(100, 200, 2):
        for one, two in ((database, other), (other, database)):
            save(one, number, 2000)
            assert str(number) in kept(two)
            two.do(KeptResponse.delete().where(KeptResponse.id == str(number)).execute)
    save(database, 200)
    with contextlib.closing(Database(SQLiteFile(folder / NAME))) as after_a_restart:
        assert "200" in kept(after_a_restart) == kept(other) == kept(database)
    other.close()


def test_a_file_that_is_no_database(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.mkdir(parents=True)
    file = folder / NAME
    for content in ("no database at all, " * 100, "another one " * 100):
        file.write_text(content)
        with contextlib.closing(Database(SQLiteFile(file))) as database:
            save(database, 1)
            assert kept(database) == {"1"}
        assert Path(f"{file}.broken").read_text() == content, "only the last is kept: each may be large"
    assert caplog.text.count("file is not a database, set aside as") == 2


def test_a_lock_that_somebody_keeps_is_waited_for_once(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers wait for this: with a wait for each they would line up."""
    patience: list[float] = []
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *file, **how: patience.append(how["timeout"]) or connect(*file, **how)
    )
    save(database, 0)
    with contextlib.closing(connect(folder / NAME)) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")
        for _ in range(3):
            with pytest.raises(Unusable, match="database is locked"):
                database.do(KeptResponse.delete().execute)
    for number in (4, 5):
        save(database, number)
    assert kept(database) == {"0", "4", "5"} and patience == [2, 0, 0, 0, 2]


FORMER_TABLE = """
CREATE TABLE IF NOT EXISTS responses (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, previous TEXT, created REAL NOT NULL, body BLOB NOT NULL
)
"""


def former(folder: Path, *ids: str) -> sqlite3.Connection:
    """As a worker of the former version has it open."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / FORMER, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(FORMER_TABLE)
    connection.executemany("INSERT INTO responses VALUES (?, 'a', NULL, 1.5, ?)", [(one, b"body") for one in ids])
    return connection


def test_what_the_former_version_kept_moves_over(database: Database, folder: Path) -> None:
    """Also what its last workers write while the new ones have begun."""
    first = former(folder, "1", "2")
    save(database, 3)
    assert kept(database) == {"1", "2", "3"} and not (folder / FORMER).exists()
    first.close()
    former(folder, "2", "4").close()
    with contextlib.closing(Database(SQLiteFile(folder / NAME))) as after_a_restart:
        assert kept(after_a_restart) == kept(database) == {"1", "2", "3", "4"}
    row = KeptResponse.select(KeptResponse.created, KeptResponse.size, KeptResponse.body)
    wanted = row.where(KeptResponse.id == "4").tuples()
    assert database.do(lambda connection: wanted.first(connection)) == (1.5, 4, b"body")


def test_a_former_file_that_is_broken_stops_nothing(
    database: Database, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.mkdir(parents=True)
    (folder / FORMER).write_text("no database at all, " * 100)
    save(database, 1)
    assert kept(database) == {"1"} and "cannot be read" in caplog.text
    assert (folder / f"{FORMER}.moved").exists()


def test_a_file_of_a_later_version_is_left_alone(database: Database, folder: Path) -> None:
    """After a way back to an earlier version of the service: it must not be spoilt for the later one."""
    save(database, 1)
    database.do(lambda connection: connection.execute_sql("UPDATE schema_version SET number = 99"))
    earlier = Database(SQLiteFile(folder / NAME))
    with pytest.raises(Unusable, match="later gpt2giga"):
        earlier.do(KeptResponse.delete().execute)
    assert kept(database) == {"1"} and [*folder.glob("*.broken*")] == []


IN_GREENLETS = """
from gevent import monkey; monkey.patch_all()
import sys
from pathlib import Path
import gevent
from gevent.monkey import get_original
from gpt2giga.store.database import Database
from gpt2giga.store.sqlite import SQLiteFile
native_id, sleep = get_original("_thread", "get_ident"), get_original("time", "sleep")
database, working, threads = Database(SQLiteFile(Path(sys.argv[1]))), [], set()
def work(_):
    assert not working, "two at a time with one connection"
    working.append(None)
    threads.add(native_id())
    sleep(0.01)
    working.pop()
gevent.joinall([gevent.spawn(database.do, work) for _ in range(20)], raise_error=True)
for _ in range(5):
    database.do(work)
assert len(threads) == 1 and native_id() not in threads, threads
"""


def test_greenlets_share_one_thread_and_one_connection(tmp_path: Path) -> None:
    """The services look into the database every two seconds: a thread for each look would be a thousand in an hour."""
    command = [sys.executable, "-c", IN_GREENLETS, str(tmp_path / NAME)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert not done.returncode, done.stderr


def test_a_full_disk_is_called_so(tmp_path: Path) -> None:
    """SQLite takes the transaction back by itself then, of which the operator can make nothing."""
    database = Database(SQLiteFile(tmp_path / NAME))

    def fill(connection: peewee.Database) -> None:
        connection.execute_sql("PRAGMA max_page_count = 1")  # it is set to what there is
        body = b"x" * 100_000
        values = {"id": "1", "tenant": "", "created": 0.0, "size": len(body), "body": body}
        KeptResponse.insert(**values).execute(connection)

    with pytest.raises(Unusable, match="full"):
        database.do(fill)
    assert database.do(lambda connection: KeptResponse.select().count(connection)) == 0
    database.close()


def test_several_that_begin_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """As the workers of a new service do. SQLite told all but one of them that the file is locked."""
    for number in range(40):
        path, together = tmp_path / str(number) / "kept.sqlite3", threading.Barrier(3)

        def begin(path: Path = path, together: threading.Barrier = together) -> None:
            together.wait()
            SQLiteFile(path).connect(is_patient=True).close()

        with ThreadPoolExecutor(3) as pool:
            for begun in [pool.submit(begin) for _ in range(3)]:
                begun.result()
