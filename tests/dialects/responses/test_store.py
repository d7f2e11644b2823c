"""Kept responses, in a file here; tests/deploy/test_postgresql.py runs the same tests on a server."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from gpt2giga.config.limits import LimitSettings
from gpt2giga.dialects.responses.output import item_id
from gpt2giga.dialects.responses.store import Store, StoredResponse
from gpt2giga.errors import BadRequest, BodyTooLarge, NotFound, Unavailable
from gpt2giga.store.database import Database
from gpt2giga.store.response_tables import KeptConversation, KeptResponse
from gpt2giga.store.room import Room
from gpt2giga.store.sqlite import SQLiteFile

MIB = 1024 * 1024
DAY = 86400
LIMITS = LimitSettings()

# As another process would: connected to the same place, and nothing else in common.
OpenDatabase: TypeAlias = Callable[[], Database]


@pytest.fixture
def open_database(tmp_path: Path) -> Iterator[OpenDatabase]:
    opened: list[Database] = []

    def open_database() -> Database:
        opened.append(Database(SQLiteFile(tmp_path / "new" / "state" / "kept.sqlite3")))
        return opened[-1]

    yield open_database
    for database in opened:
        database.close()


@pytest.fixture
def store(open_database: OpenDatabase) -> Store:
    return Store(open_database(), 30, room())


def room(most_bytes: int = MIB) -> Room:
    return Room(30, most_bytes, KeptResponse, KeptConversation)


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
    contents = [item["content"] for item in store.chain("a", name(3), LIMITS)]
    assert contents == ["question 1", "answer 1", "question 2", "answer 2", "question 3", "answer 3"]
    assert [item["content"] for item in store.chain("a", name(4), LIMITS)][2:] == ["question 4", "answer 4"]


def test_a_conversation_with_a_gap_is_an_error(store: Store) -> None:
    """To go on without its beginning would be to answer something else than was asked."""
    for number, previous in ((1, None), (2, 1), (3, 2)):
        store.save("a", turn(number, previous))
    store.delete("a", name(1))
    with pytest.raises(BadRequest, match=f"'{name(1)}' not found") as caught:
        store.chain("a", name(3), LIMITS)
    assert (caught.value.param, caught.value.code) == ("previous_response_id", "previous_response_not_found")


def test_tenants_do_not_see_each_other(store: Store) -> None:
    store.save("a", turn(1))
    store.save("b", turn(2, 1))
    for action in (store.get, store.delete):
        with pytest.raises(NotFound):
            action("b", name(1))
    for wanted in (1, 2):
        with pytest.raises(BadRequest):
            store.chain("b", name(wanted), LIMITS)
    assert store.items("b", [item_id("message", key(1), 0)]) == {}


def test_items_are_found_by_their_ids(store: Store) -> None:
    store.save("a", turn(1))
    question, answer = item_id("message", key(1), 0, "i"), item_id("message", key(1), 0)
    found = store.items("a", [question, answer, item_id("message", key(2), 0), "msg_foreign", ""])
    assert found[question]["content"] == "question 1" and found[answer]["content"] == "answer 1"
    assert set(found) == {question, answer}


def test_the_oldest_make_room(store: Store) -> None:
    for number in range(200):
        store.save("a", turn(number, padding="x" * 20_000))
    kept = store._kept.do(lambda database: [*KeptResponse.select(KeptResponse.size).tuples().execute(database)])
    assert MIB * 0.9 < sum(size for (size,) in kept) < MIB * 1.05
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
        store.chain("a", name(2), LIMITS)
    for number in range(3, 6):  # rows are looked through now and then, not for each new one
        store.save("a", turn(number, padding="x" * 20_000))
    assert store._kept.do(lambda database: KeptResponse.select().count(database)) == 3, "and so are their rows"


def test_without_a_database_everything_but_answers_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    store = Store(None, 30, room())
    with caplog.at_level(logging.WARNING):
        store.save("a", turn(1))
        store.save("a", turn(2))
    assert caplog.text.count("not kept here") == 1, "said once"
    for action in (store.get, store.delete, partial(store.chain, limits=LIMITS)):
        with pytest.raises(BadRequest, match="GPT2GIGA_STATE_DIR") as caught:
            action("a", name(1))
        assert caught.value.code == "store_unavailable"
    assert store.problem()


def test_a_database_that_is_out_of_reach(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It may be back for the next try: SDKs repeat a 503."""
    (tmp_path / "file").write_text("")
    store = Store(Database(SQLiteFile(tmp_path / "file" / "kept.sqlite3")), 30, room())
    with caplog.at_level(logging.WARNING):
        store.save("a", turn(1))
        store.save("a", turn(2))
    assert caplog.text.count("Responses are not kept: ") == 1, "said once"
    caplog.clear()
    for action in (store.get, store.delete, partial(store.chain, limits=LIMITS)):
        with caplog.at_level(logging.WARNING), pytest.raises(Unavailable, match="GPT2GIGA_STATE_DIR") as caught:
            action("a", name(1))
        assert caught.value.code == "store_unavailable" and str(tmp_path) not in caught.value.message
    assert caplog.text.count(str(tmp_path)) == 3, "the log says which folder it is"
    assert store.problem()


def test_switched_off(open_database: OpenDatabase) -> None:
    with pytest.raises(BadRequest, match="GPT2GIGA_STORE_DAYS is 0"):
        Store(open_database(), 0, room()).get("a", name(1))


def test_a_row_that_was_damaged_is_missing(store: Store) -> None:
    for number in (1, 2):
        store.save("a", turn(number, number - 1 or None))
    for body in (b"\xff", b"[]", b"{}", b'{"response": {}, "input": []}', b'{"response": 1, "input": 2}'):
        store._kept.do(partial(KeptResponse.update(body=body).execute))
        with pytest.raises(NotFound):
            store.get("a", name(2))
        with pytest.raises(BadRequest, match=f"'{name(2)}' not found"):
            store.chain("a", name(2), LIMITS)
    store.save("a", turn(3))
    assert store.get("a", name(3))


def test_two_processes_and_many_threads(open_database: OpenDatabase) -> None:
    """As two databases, which share nothing but the place."""
    stores = [Store(open_database(), 30, room(64 * MIB)) for _ in range(2)]

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
    assert failures == []


def _noted(work: Any, worker: int, failures: list[Any]) -> None:
    try:
        work(worker)
    except (AssertionError, NotFound, BadRequest, Unavailable) as error:
        failures.append(error)


def test_a_conversation_is_no_larger_than_a_request_that_brings_it_along(store: Store) -> None:
    for number in range(1, 4):
        kept = turn(number, number - 1 or None, padding="[" * 1000)
        kept.input[0]["more"] = [[]] * 1000
        store.save("a", kept)
    assert len(store.chain("a", name(3), LimitSettings(max_json_values=7000))) == 6
    for limits in (LimitSettings(max_json_values=5000), LimitSettings(max_messages=5)):
        with pytest.raises(BodyTooLarge) as caught:
            store.chain("a", name(3), limits)
        assert caught.value.param == "previous_response_id"
