"""Who does work that goes on without its client; with a server as the database, and a machine that dies, in
tests/deploy/test_batches.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gpt2giga.store import leases
from gpt2giga.store.database import Database
from gpt2giga.store.leases import held, LeaseLost, Leases
from gpt2giga.store.sqlite import SQLiteFile
from gpt2giga.store.tables import Lease
from tests.sockets import eventually

Process = Callable[[], Leases]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    """Leases as another process has them."""
    made: list[tuple[Leases, Database]] = []

    def process() -> Leases:
        database = Database(SQLiteFile(tmp_path / "kept.sqlite3"))
        made.append((Leases(database), database))
        return made[-1][0]

    yield process
    for lease, database in made:
        lease.close()
        database.close()


def writes(process: Leases, work: str) -> bool:
    try:
        process._database.do(lambda connection: process.check(connection, work))
    except LeaseLost:
        return False
    return True


def test_one_holds_it(process: Process) -> None:
    one, other = process(), process()
    assert one.take("batch_1") and not one.take("batch_1") and not other.take("batch_1")
    assert other.take("batch_2")
    assert writes(one, "batch_1") and not writes(other, "batch_1")
    assert one._database.do(lambda connection: held(connection, ["batch_1", "batch_3"])) == {"batch_1"}
    one.release("batch_1")
    assert other.take("batch_1") and not writes(one, "batch_1")


def test_a_process_that_ends_gives_back_what_it_held(process: Process) -> None:
    one, other = process(), process()
    assert one.take("batch_1")
    one.close()
    assert other.take("batch_1")


def test_what_a_dead_process_held_is_taken_over(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """And if it was only frozen, it finds that out before it writes."""
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.05)
    one, other = process(), process()
    assert one.take("batch_1")
    time.sleep(0.06)
    assert other.take("batch_1") and writes(other, "batch_1")
    assert not writes(one, "batch_1") and not writes(one, "batch_1")
    time.sleep(0.06)
    assert one.take("batch_1"), "it may have it again"


def test_a_lease_is_renewed_for_as_long_as_it_is_held(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.5)
    monkeypatch.setattr(leases, "RENEWAL_SECONDS", 0.05)
    one, other = process(), process()
    assert one.take("batch_1")
    time.sleep(1)
    assert not other.take("batch_1")
    one.release("batch_1")
    assert eventually(lambda: not one._is_kept), "the thread has nothing to do"
    assert one.take("batch_1") and one._is_kept


def test_leases_of_work_that_is_over_are_forgotten(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies leaves its own, and nobody will ask for such work again."""
    one, other = process(), process()
    assert one.take("batch_1") and one.take("batch_2")
    later = time.time() + leases.LEASE_SECONDS + leases.FORGOTTEN_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert other.take("batch_3")
    left = other._database.do(lambda connection: [*Lease.select(Lease.work).tuples().execute(connection)])
    assert left == [("batch_3",)]
