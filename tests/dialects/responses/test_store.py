from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gpt2giga.config.limits import LimitSettings
from gpt2giga.dialects.responses.output import item_id
from gpt2giga.dialects.responses.store import Store, StoredResponse
from gpt2giga.errors import BadRequest, BodyTooLarge, NotFound

MIB = 1024 * 1024
DAY = 86400
LIMITS = LimitSettings()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "new" / "state"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    store = Store(str(folder), 30, MIB)
    yield store
    store.close()


def key(number: int) -> str:
    return f"{number:032x}"


def turn(number: int, previous: int | None = None, padding: str = "") -> StoredResponse:
    response = {
        "id": f"resp_{key(number)}",
        "previous_response_id": None if previous is None else f"resp_{key(previous)}",
        "output": [{"id": item_id("message", key(number), 0), "type": "message", "content": f"answer {number}"}],
    }
    question = {"id": item_id("message", key(number), 0, "i"), "content": f"question {number}", "padding": padding}
    return StoredResponse(response, [question])


def name(number: int) -> str:
    return f"resp_{key(number)}"


def test_what_is_kept_is_found(store: Store) -> None:
    store.save("a", turn(1))
    assert store.get("a", name(1)) == turn(1)
    store.delete("a", name(1))
    for action in (store.get, store.delete):
        with pytest.raises(NotFound, match=f"'{name(1)}' not found"):
            action("a", name(1))


def test_a_conversation_is_all_its_turns(store: Store) -> None:
    for number, previous in ((1, None), (2, 1), (3, 2), (4, 1)):
        store.save("a", turn(number, previous))
    contents = [item["content"] for item in store.conversation("a", name(3), LIMITS)]
    assert contents == ["question 1", "answer 1", "question 2", "answer 2", "question 3", "answer 3"]
    assert [item["content"] for item in store.conversation("a", name(4), LIMITS)][2:] == ["question 4", "answer 4"]


def test_a_conversation_with_a_gap_is_an_error(store: Store) -> None:
    """To go on without its beginning would be to answer something else than was asked."""
    for number, previous in ((1, None), (2, 1), (3, 2)):
        store.save("a", turn(number, previous))
    store.delete("a", name(1))
    with pytest.raises(BadRequest, match=f"'{name(1)}' not found") as caught:
        store.conversation("a", name(3), LIMITS)
    assert (caught.value.param, caught.value.code) == ("previous_response_id", "previous_response_not_found")


def test_tenants_do_not_see_each_other(store: Store) -> None:
    store.save("a", turn(1))
    store.save("b", turn(2, 1))
    for action in (store.get, store.delete):
        with pytest.raises(NotFound):
            action("b", name(1))
    for wanted in (1, 2):
        with pytest.raises(BadRequest):
            store.conversation("b", name(wanted), LIMITS)
    assert store.items("b", [item_id("message", key(1), 0)]) == {}


def test_items_are_found_by_their_ids(store: Store) -> None:
    store.save("a", turn(1))
    question, answer = item_id("message", key(1), 0, "i"), item_id("message", key(1), 0)
    found = store.items("a", [question, answer, item_id("message", key(2), 0), "msg_foreign", ""])
    assert found[question]["content"] == "question 1" and found[answer]["content"] == "answer 1"
    assert set(found) == {question, answer}


def test_the_oldest_make_room(store: Store, folder: Path) -> None:
    for number in range(200):
        store.save("a", turn(number, padding="x" * 20_000))
    assert (folder / "responses.sqlite3").stat().st_size < 2 * MIB
    assert store.get("a", name(199))
    with pytest.raises(NotFound):
        store.get("a", name(0))


def test_no_more_than_needed_go(store: Store) -> None:
    """Conversations with pictures are few and large, and the one that is going on must not be lost."""
    for number in range(30):
        store.save("a", turn(number, number - 1 if number else None, padding="x" * 100_000))
        assert store.get("a", name(max(0, number - 7)))


def test_one_response_may_not_push_out_all_others(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.save("a", turn(1))
    with caplog.at_level(logging.WARNING):
        store.save("a", turn(2, padding="x" * (MIB // 8)))
    assert store.get("a", name(1)) and "too large" in caplog.text
    with pytest.raises(NotFound):
        store.get("a", name(2))


def test_old_ones_are_gone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save("a", turn(1))
    store.save("a", turn(2, 1))
    later = time.time() + 31 * DAY
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(NotFound):
        store.get("a", name(1))
    with pytest.raises(BadRequest, match="30 days at most"):
        store.conversation("a", name(2), LIMITS)
    store.save("a", turn(3))
    [(rows,)] = sqlite(store, "SELECT COUNT(*) FROM responses")
    assert rows == 1, "and so are their rows"


def sqlite(store: Store, query: str) -> list[Any]:
    return store._do(lambda connection: connection.execute(query).fetchall())


def test_only_the_owner_can_read_the_files(store: Store, folder: Path) -> None:
    store.save("a", turn(1))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(modes.values()) == {0o600} and len(modes) == 3, modes
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_folders_can_be_entered_whatever_the_umask(store: Store, folder: Path) -> None:
    """The service's own is one for sockets."""
    before = os.umask(0o117)
    try:
        store.save("a", turn(1))
    finally:
        os.umask(before)
    assert [stat.S_IMODE(made.stat().st_mode) for made in (folder, folder.parent)] == [0o700, 0o700]


def test_nothing_is_made_before_it_is_needed(folder: Path) -> None:
    assert Store(str(folder), 30, MIB).problem() == ""
    assert not folder.exists()


@pytest.mark.parametrize("place", [None, "file/state"])
def test_without_a_place_everything_but_answers_is_refused(
    tmp_path: Path, place: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    store = Store(place and str(tmp_path / place), 30, MIB)
    with caplog.at_level(logging.WARNING):
        store.save("a", turn(1))
        store.save("a", turn(2))
    assert caplog.text.count("cannot be kept") == 1, "said once"
    for action in (store.get, store.delete, partial(store.conversation, limits=LIMITS)):
        with pytest.raises(BadRequest, match="GPT2GIGA_STATE_DIR") as caught:
            action("a", name(1))
        assert caught.value.code == "store_unavailable"
    assert store.problem()


def test_switched_off(folder: Path) -> None:
    with pytest.raises(BadRequest, match="GPT2GIGA_STORE_DAYS is 0"):
        Store(str(folder), 0, MIB).get("a", name(1))
    assert not folder.exists()


def test_a_store_that_comes_back_is_used(tmp_path: Path) -> None:
    blocked = tmp_path / "state"
    blocked.write_text("")
    store = Store(str(blocked), 30, MIB)
    store.save("a", turn(1))
    blocked.unlink()
    store.save("a", turn(2))
    assert store.get("a", name(2))
    store.close()


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
    other = Store(str(file.parent / "other"), 30, MIB)
    other.save("b", turn(1))
    other.close()
    os.replace(file.parent / "other" / file.name, file)


def without_its_table(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("DROP TABLE responses")


DAMAGES = [overwritten, spoilt_in_the_middle, emptied, deleted, deleted_with_its_folder, replaced, without_its_table]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_put_aside_and_all_goes_on(store: Store, folder: Path, damage: Callable[..., None]) -> None:
    """In two processes, which are two stores here; before and after what was only in the log was written out."""
    other = Store(str(folder), 30, MIB)
    for number in range(0, 100, 2):
        store.save("a", turn(number, padding="x" * 2000))
        other.save("a", turn(number + 1, padding="x" * 2000))
    sqlite(store, "PRAGMA wal_checkpoint(TRUNCATE)")
    damage(folder / "responses.sqlite3")
    for number in range(100, 200, 2):
        for one, two in ((store, other), (other, store)):
            one.save("a", turn(number, padding="x" * 2000))
            assert two.get("a", name(number)) == turn(number, padding="x" * 2000)
            two.delete("a", name(number))
    store.save("a", turn(200))
    after_a_restart = Store(str(folder), 30, MIB)
    assert after_a_restart.get("a", name(200)) == other.get("a", name(200)) == turn(200)
    for opened in (after_a_restart, other):
        opened.close()


def test_a_file_that_is_no_database(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.mkdir(parents=True)
    file = folder / "responses.sqlite3"
    for content in ("no database at all, " * 100, "another one " * 100):
        file.write_text(content)
        store = Store(str(folder), 30, MIB)
        store.save("a", turn(1))
        assert store.get("a", name(1)) == turn(1)
        assert Path(f"{file}.broken").read_text() == content, "only the last is kept: each may be large"
        store.close()
    assert caplog.text.count("file is not a database, set aside as") == 2


def test_a_row_that_was_damaged_is_missing(store: Store) -> None:
    for number in (1, 2):
        store.save("a", turn(number, number - 1 or None))
    for body in (b"\xff", b"[]", b"{}", b'{"response": {}, "input": []}', b'{"response": 1, "input": 2}'):
        store._do(lambda connection, body=body: connection.execute("UPDATE responses SET body = ?", (body,)))
        with pytest.raises(NotFound):
            store.get("a", name(2))
        with pytest.raises(BadRequest, match=f"'{name(2)}' not found"):
            store.conversation("a", name(2), LIMITS)
    store.save("a", turn(3))
    assert store.get("a", name(3))


def test_a_lock_that_somebody_keeps_is_waited_for_once(
    store: Store, folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers wait for this: with a wait for each they would line up."""
    patience: list[float] = []
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *file, **how: patience.append(how["timeout"]) or connect(*file, **how)
    )
    store.save("a", turn(0))
    with contextlib.closing(connect(folder / "responses.sqlite3")) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")
        for number in range(1, 4):
            store.save("a", turn(number))
    assert caplog.text.count("database is locked") == 1
    for number in range(4, 6):
        store.save("a", turn(number))
        assert store.get("a", name(number))
    assert patience == [2, 0, 0, 0, 2]


def test_two_processes_and_many_threads(store: Store, folder: Path) -> None:
    """As two stores, which share nothing but the file."""
    other = Store(str(folder), 30, 64 * MIB)
    stores = (store, other)

    def work(worker: int) -> None:
        for number in range(worker * 20, worker * 20 + 20):
            stores[number % 2].save("a", turn(number))
            assert stores[(number + 1) % 2].get("a", name(number))

    failures: list[Any] = []
    threads = [threading.Thread(target=_noted, args=(work, worker, failures)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert failures == []


def _noted(work: Any, worker: int, failures: list[Any]) -> None:
    try:
        work(worker)
    except (AssertionError, NotFound, BadRequest, sqlite3.Error) as error:
        failures.append(error)


def test_a_conversation_is_no_larger_than_a_request_that_brings_it_along(store: Store) -> None:
    for number in range(1, 4):
        kept = turn(number, number - 1 or None, padding="[" * 1000)
        kept.input[0]["more"] = [[]] * 1000
        store.save("a", kept)
    assert len(store.conversation("a", name(3), LimitSettings(max_json_values=7000))) == 6
    for limits in (LimitSettings(max_json_values=5000), LimitSettings(max_messages=5)):
        with pytest.raises(BodyTooLarge) as caught:
            store.conversation("a", name(3), limits)
        assert caught.value.param == "previous_response_id"
