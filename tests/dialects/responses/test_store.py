from __future__ import annotations

import logging
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpt2giga.dialects.responses.output import item_id
from gpt2giga.dialects.responses.store import Store, StoredResponse
from gpt2giga.errors import BadRequest, NotFound

MIB = 1024 * 1024
DAY = 86400


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
    contents = [item["content"] for item in store.conversation("a", name(3))]
    assert contents == ["question 1", "answer 1", "question 2", "answer 2", "question 3", "answer 3"]
    assert [item["content"] for item in store.conversation("a", name(4))][2:] == ["question 4", "answer 4"]


def test_a_conversation_with_a_gap_is_an_error(store: Store) -> None:
    """To go on without its beginning would be to answer something else than was asked."""
    for number, previous in ((1, None), (2, 1), (3, 2)):
        store.save("a", turn(number, previous))
    store.delete("a", name(1))
    with pytest.raises(BadRequest, match=f"'{name(1)}' not found") as caught:
        store.conversation("a", name(3))
    assert (caught.value.param, caught.value.code) == ("previous_response_id", "previous_response_not_found")


def test_tenants_do_not_see_each_other(store: Store) -> None:
    store.save("a", turn(1))
    store.save("b", turn(2, 1))
    for action in (store.get, store.delete):
        with pytest.raises(NotFound):
            action("b", name(1))
    for wanted in (1, 2):
        with pytest.raises(BadRequest):
            store.conversation("b", name(wanted))
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
        store.conversation("a", name(2))
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


@pytest.mark.parametrize("place", [None, "file/state", "broken"])
def test_without_a_place_everything_but_answers_is_refused(
    tmp_path: Path, place: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "responses.sqlite3").write_text("no database at all, " * 100)
    store = Store(place and str(tmp_path / place), 30, MIB)
    with caplog.at_level(logging.WARNING):
        store.save("a", turn(1))
        store.save("a", turn(2))
    assert caplog.text.count("cannot be kept") == 1, "said once"
    for action in (store.get, store.delete, store.conversation):
        with pytest.raises(BadRequest, match="GPT2GIGA_STATE_DIR") as caught:
            action("a", name(1))
        assert caught.value.code == "store_unavailable"
    assert bool(store.problem()) is (place != "broken")


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
