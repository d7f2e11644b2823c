"""Conversations, in a file here; tests/deploy/test_postgresql.py runs the same tests on a server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from gpt2giga.config.limits import LimitSettings
from gpt2giga.dialects.pages import Page
from gpt2giga.dialects.responses.conversation_store import ConversationStore
from gpt2giga.dialects.responses.store import Store
from gpt2giga.errors import BadRequest, BodyTooLarge, NotFound
from gpt2giga.store.response_tables import ConversationItem, KeptConversation
from tests.dialects.responses.test_store import (
    DAY,
    LIMITS,
    MIB,
    name,
    open_database,  # noqa: F401  # a fixture
    OpenDatabase,
    room,
    turn,
)


@pytest.fixture
def conversations(open_database: OpenDatabase) -> ConversationStore:  # noqa: F811
    return ConversationStore(open_database(), 30, room())


def said(*names: str, padding: str = "") -> list[dict[str, Any]]:
    return [{"id": name, "type": "message", "padding": padding} for name in names]


def ids(conversations: ConversationStore, conversation: str, tenant: str = "a") -> list[str]:
    return [item["id"] for item in conversations.items(tenant, conversation, LIMITS)]


def test_what_is_added_is_found_in_its_order(conversations: ConversationStore) -> None:
    one = conversations.create("a", {"topic": "demo"}, said("1", "2"), LIMITS)
    other = conversations.create("a", {}, said("1"), LIMITS)
    conversations.add("a", one, said("3"), LIMITS)
    conversations.append("a", one, said("4", "5"))
    assert ids(conversations, one) == ["1", "2", "3", "4", "5"] and ids(conversations, other) == ["1"]
    found = conversations.get("a", one)
    assert (found["id"], found["object"], found["metadata"]) == (one, "conversation", {"topic": "demo"})
    assert abs(found["created_at"] - time.time()) < 60
    conversations.update("a", one, {"topic": "another"})
    assert conversations.get("a", one)["metadata"] == {"topic": "another"}


def test_one_item(conversations: ConversationStore) -> None:
    one = conversations.create("a", {}, said("1", "2", "3"), LIMITS)
    assert conversations.item("a", one, "2") == said("2")[0]
    conversations.delete_item("a", one, "2")
    assert ids(conversations, one) == ["1", "3"]
    for action in (conversations.item, conversations.delete_item):
        with pytest.raises(NotFound, match="'2' not found"):
            action("a", one, "2")
    conversations.append("a", one, said("4"))
    assert ids(conversations, one) == ["1", "3", "4"]


def test_pages(conversations: ConversationStore) -> None:
    one = conversations.create("a", {}, said(*"abcde"), LIMITS)

    def pages(limit: int, ascending: bool) -> Iterator[str]:
        after, has_more = "", True
        while has_more:
            found, has_more = conversations.page("a", one, Page(after, limit, ascending))
            after = found[-1]["id"]
            yield "".join(item["id"] for item in found)

    assert [*pages(2, True)] == ["ab", "cd", "e"] and [*pages(5, False)] == ["edcba"]
    with pytest.raises(BadRequest) as caught:
        conversations.page("a", one, Page("f", 2, True))
    assert caught.value.param == "after"


def test_deleting_takes_the_items_too(conversations: ConversationStore) -> None:
    one, other = (conversations.create("a", {}, said("1", "2"), LIMITS) for _ in range(2))
    conversations.delete("a", one)
    with pytest.raises(NotFound):
        conversations.delete("a", one)
    conversations.append("a", one, said("3"))
    assert _count(conversations) == 2 and ids(conversations, other) == ["1", "2"]


def _count(conversations: ConversationStore) -> int:
    return conversations._kept.do(lambda database: ConversationItem.select().count(database))


def test_tenants_do_not_see_each_other(conversations: ConversationStore) -> None:
    one = conversations.create("a", {}, said("1"), LIMITS)
    page = Page("", 1, True)
    for action in (
        lambda: conversations.get("b", one),
        lambda: conversations.update("b", one, {}),
        lambda: conversations.delete("b", one),
        lambda: conversations.items("b", one, LIMITS),
        lambda: conversations.page("b", one, page),
        lambda: conversations.item("b", one, "1"),
        lambda: conversations.delete_item("b", one, "1"),
        lambda: conversations.add("b", one, said("2"), LIMITS),
    ):
        with pytest.raises(NotFound) as caught:
            action()
        assert caught.value.code == "conversation_not_found"
    conversations.append("b", one, said("2"))
    assert ids(conversations, one) == ["1"]


def test_an_id_that_is_there_is_refused(conversations: ConversationStore) -> None:
    one = conversations.create("a", {}, said("1"), LIMITS)
    for items in (said("2", "1"), said("3", "3")):
        with pytest.raises(BadRequest) as caught:
            conversations.add("a", one, items, LIMITS)
        assert caught.value.code == "duplicate_item"
    assert ids(conversations, one) == ["1"], "all of them or none"
    with pytest.raises(BadRequest):
        conversations.create("a", {}, said("1", "1"), LIMITS)
    assert conversations._kept.do(lambda database: KeptConversation.select().count(database)) == 1


def test_an_id_that_two_turns_at_once_bring(conversations: ConversationStore) -> None:
    """As the second one does where a client has sent it again. Each item can be found and deleted by itself."""
    one = conversations.create("a", {}, said("1"), LIMITS)
    conversations.append("a", one, said("1", "2"))
    first, again, _ = ids(conversations, one)
    assert first == "1" and again.startswith("1_")
    assert conversations.item("a", one, again)["id"] == again
    conversations.delete_item("a", one, "1")
    assert ids(conversations, one) == [again, "2"]


@pytest.mark.parametrize("body", [b"\xff", b"[]", b"{}", b'{"id": 1}'])
def test_an_item_that_was_damaged_is_left_out(conversations: ConversationStore, body: bytes) -> None:
    one = conversations.create("a", {"topic": "demo"}, said("1", "2", "3"), LIMITS)
    conversations._kept.do(partial(ConversationItem.update(body=body).where(ConversationItem.id == "2").execute))
    assert ids(conversations, one) == ["1", "3"]
    found, _ = conversations.page("a", one, Page("", 10, ascending=True))
    assert [item["id"] for item in found] == ["1", "3"]
    with pytest.raises(NotFound):
        conversations.item("a", one, "2")
    conversations.delete_item("a", one, "2")
    conversations._kept.do(partial(KeptConversation.update(body=b"\xff").execute))
    assert conversations.get("a", one)["metadata"] == {}


def test_no_larger_than_a_request_that_brings_it_along(conversations: ConversationStore) -> None:
    few = LimitSettings(max_messages=3)
    one = conversations.create("a", {}, said("1", "2"), few)
    with pytest.raises(BodyTooLarge, match="GPT2GIGA_MAX_MESSAGES"):
        conversations.add("a", one, said("3", "4"), few)
    conversations.append("a", one, said("3", "4"))
    with pytest.raises(BodyTooLarge, match="4 items; GPT2GIGA_MAX_MESSAGES") as caught:
        conversations.items("a", one, few)
    assert caught.value.param == "conversation"
    conversations.add("a", one, [{"id": "5", "more": [[]] * 3000}], LIMITS)
    with pytest.raises(BodyTooLarge, match="GPT2GIGA_MAX_JSON_VALUES"):
        conversations.items("a", one, LimitSettings(max_json_values=1000))


def test_what_was_answered_is_kept_and_the_next_turn_refused(conversations: ConversationStore) -> None:
    one = conversations.create("a", {}, said("1"), LIMITS)
    with pytest.raises(BodyTooLarge, match="GPT2GIGA_STORE_SIZE"):
        conversations.add("a", one, said("2", padding="x" * (MIB // 8)), LIMITS)
    conversations.append("a", one, said("2", padding="x" * (MIB // 8)))
    with pytest.raises(BodyTooLarge, match="GPT2GIGA_STORE_SIZE"):
        conversations.items("a", one, LIMITS)
    conversations.delete_item("a", one, "2")
    assert ids(conversations, one) == ["1"]


def test_the_least_used_make_room(conversations: ConversationStore, open_database: OpenDatabase) -> None:  # noqa: F811
    """Whole, and together with kept responses."""
    used = conversations.create("a", {}, said("used"), LIMITS)
    others = []
    for _ in range(60):
        others.append(conversations.create("a", {}, said("1", "2", padding="x" * 20_000), LIMITS))
        conversations.append("a", used, said(f"{len(others)}"))
    sizes = conversations._kept.do(lambda database: [*KeptConversation.select().execute(database)])
    assert sum(row.size for row in sizes) < MIB * 1.05
    assert len(ids(conversations, used)) == 61 and ids(conversations, others[-1]) == ["1", "2"]
    with pytest.raises(NotFound, match="as long as there is room"):
        conversations.items("a", others[0], LIMITS)
    left = {row.id for row in sizes}
    assert _count(conversations) == 2 * (len(left) - 1) + 61, "no item without its conversation"
    responses = Store(open_database(), 30, room())
    for number in range(12):
        responses.save("a", turn(number, padding="x" * 100_000))
    assert responses.get("a", name(11)), "which have the same room"
    with pytest.raises(NotFound):
        conversations.items("a", others[-1], LIMITS)


def test_days_count_from_the_last_turn(conversations: ConversationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (conversations.create("a", {}, said("1"), LIMITS) for _ in range(2))
    start = time.time()
    monkeypatch.setattr(time, "time", lambda: start + 20 * DAY)
    conversations.append("a", one, said("2"))
    monkeypatch.setattr(time, "time", lambda: start + 40 * DAY)
    assert ids(conversations, one) == ["1", "2"]
    for action in (conversations.get, conversations.delete):
        with pytest.raises(NotFound, match="30 days after their last turn"):
            action("a", other)


def test_turns_at_once_stand_one_after_the_other(open_database: OpenDatabase) -> None:  # noqa: F811
    """As two databases, which share nothing but the place."""
    stores = [ConversationStore(open_database(), 30, room(64 * MIB)) for _ in range(2)]
    one = stores[0].create("a", {}, said("0"), LIMITS)

    def work(worker: int) -> None:
        for number in range(10):
            key = f"{worker}-{number}"
            stores[(worker + number) % 2].append("a", one, said(f"{key}-asked", f"{key}-answered"))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _, *found = ids(stores[0], one)
    assert len(found) == len({*found}) == 120
    pairs = zip(found[::2], found[1::2], strict=True)
    assert all(asked.replace("asked", "answered") == answered for asked, answered in pairs)


def test_without_a_database(conversations: ConversationStore) -> None:
    nowhere = ConversationStore(None, 30, room())
    nowhere.append("a", "conv_1", said("1"))
    with pytest.raises(BadRequest, match="GPT2GIGA_STATE_DIR") as caught:
        nowhere.create("a", {}, [], LIMITS)
    assert (caught.value.code, caught.value.param) == ("store_unavailable", "conversation")
