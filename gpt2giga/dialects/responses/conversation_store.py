"""Conversations: items that several responses share.

Each turn is added whole, in one transaction, when its response is done. Two turns at once are both answered, from what
was there when each began, and stand one after the other, in the order in which they ended. OpenAI refuses the second
(`conversation_locked`); a lock would outlive the process that holds it, and here nothing is lost without one.

A conversation goes as a whole, when it was not used for long or when others need the room.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from gpt2giga.concurrency.waiting import in_turns
from gpt2giga.config.limits import LimitSettings
from gpt2giga.dialects.pages import Page, unknown_after
from gpt2giga.dialects.responses.hosted_items import JsonObject
from gpt2giga.dialects.responses.items import duplicate_item
from gpt2giga.dialects.responses.kept_store import KeptDatabase, read_object
from gpt2giga.errors import BodyTooLarge, NotFound, ProxyError
from gpt2giga.store.database import Database
from gpt2giga.store.orm import peewee
from gpt2giga.store.response_tables import ConversationItem, KeptConversation
from gpt2giga.store.room import MOST_PARAMETERS, Room

# Bytes that each takes beside what is in it.
ROW_SIZE = 1000


class ConversationStore:
    """`tenant` is whoever may see a conversation: nobody else ever learns that it is there."""

    def __init__(self, database: Database | None, days: int, room: Room) -> None:
        self._kept = KeptDatabase(database, days, "conversation")
        self._days, self._room = days, room

    def create(self, tenant: str, metadata: JsonObject, items: Sequence[JsonObject], limits: LimitSettings) -> str:
        """Its id."""
        conversation_id, body, now = f"conv_{secrets.token_hex(24)}", orjson.dumps(metadata), time.time()
        row = {"id": conversation_id, "tenant": tenant, "created": now, "begun": now, "body": body}

        def insert(database: peewee.Database) -> ProxyError | None:
            KeptConversation.insert(size=ROW_SIZE + len(body), **row).execute(database)
            self._room.make(database, ROW_SIZE + len(body))
            refused = self._add(database, tenant, conversation_id, items, limits)
            if refused:
                KeptConversation.delete().where(KeptConversation.id == conversation_id).execute(database)
            return refused

        self._kept.do(insert)
        return conversation_id

    def get(self, tenant: str, conversation_id: str) -> JsonObject:
        """Raises NotFound."""
        row = self._kept.do(lambda database: self._row(database, tenant, conversation_id))
        if row is None:
            raise self._missing(conversation_id)
        return {
            "id": row.id,
            "object": "conversation",
            "created_at": int(row.begun),
            "metadata": read_object(bytes(row.body)) or {},
        }

    def update(self, tenant: str, conversation_id: str, metadata: JsonObject) -> None:
        """Raises NotFound."""
        body = orjson.dumps(metadata)

        def update(database: peewee.Database) -> bool:
            if not self._touch(database, tenant, conversation_id):
                return False
            row = self._row(database, tenant, conversation_id)
            more = len(body) - len(bytes(row.body))
            change = KeptConversation.update(body=body, size=KeptConversation.size + more)
            change.where(KeptConversation.id == conversation_id).execute(database)
            return True

        if not self._kept.do(update):
            raise self._missing(conversation_id)

    def delete(self, tenant: str, conversation_id: str) -> None:
        """Raises NotFound."""
        delete = KeptConversation.delete().where(*self._seen_by(tenant), KeptConversation.id == conversation_id)
        if not self._kept.do(lambda database: delete.execute(database)):
            raise self._missing(conversation_id)

    def items(self, tenant: str, conversation_id: str, limits: LimitSettings) -> tuple[JsonObject, ...]:
        """All of them, oldest first. Raises NotFound, and BodyTooLarge when they are more than a request may bring."""

        def read(database: peewee.Database) -> list[bytes] | ProxyError:
            row = self._row(database, tenant, conversation_id)
            if row is None:
                return self._missing(conversation_id)
            if row.items > limits.max_messages:
                return self._kept.too_long(_too_many(row.items, limits))
            if not self._room.takes(row.size):
                return self._kept.too_long(self._too_large())
            mine = ConversationItem.select(ConversationItem.body).where(_of(conversation_id))
            rows = mine.order_by(ConversationItem.place).tuples().execute(database)
            return [bytes(body) for (body,) in rows]

        bodies = self._kept.do(read)
        self._kept.check_values(bodies, limits.max_json_values)
        return tuple(_readable(body for _, body in in_turns(bodies)))

    def page(self, tenant: str, conversation_id: str, page: Page) -> tuple[list[JsonObject], bool]:
        """The items, and whether there are more. Raises NotFound, and BadRequest for a wrong `after`."""
        place = ConversationItem.place

        def read(database: peewee.Database) -> list[bytes] | ProxyError:
            if self._row(database, tenant, conversation_id) is None:
                return self._missing(conversation_id)
            wanted = ConversationItem.select(ConversationItem.body).where(_of(conversation_id))
            if page.after:
                after = _select_place(conversation_id, page.after).scalar(database)
                if after is None:
                    return unknown_after()
                wanted = wanted.where(place > after if page.ascending else place < after)
            rows = wanted.order_by(place if page.ascending else place.desc()).limit(page.limit + 1)
            return [bytes(body) for (body,) in rows.tuples().execute(database)]

        bodies = self._kept.do(read)
        return [*_readable(bodies[: page.limit])], len(bodies) > page.limit

    def item(self, tenant: str, conversation_id: str, item_id: str) -> JsonObject:
        """Raises NotFound."""

        def read(database: peewee.Database) -> bytes | ProxyError:
            if self._row(database, tenant, conversation_id) is None:
                return self._missing(conversation_id)
            wanted = ConversationItem.select(ConversationItem.body).where(_of(conversation_id))
            body = wanted.where(ConversationItem.id == item_id).scalar(database)
            return _missing_item(item_id) if body is None else bytes(body)

        found = [*_readable([self._kept.do(read)])]
        if not found:
            raise _missing_item(item_id)
        return found[0]

    def delete_item(self, tenant: str, conversation_id: str, item_id: str) -> None:
        """Raises NotFound."""

        def delete(database: peewee.Database) -> ProxyError | None:
            if not self._touch(database, tenant, conversation_id):
                return self._missing(conversation_id)
            this = (_of(conversation_id), ConversationItem.id == item_id)
            body = ConversationItem.select(ConversationItem.body).where(*this).scalar(database)
            if body is None:
                return _missing_item(item_id)
            ConversationItem.delete().where(*this).execute(database)
            row = KeptConversation
            change = row.update(items=row.items - 1, size=row.size - len(bytes(body)))
            change.where(row.id == conversation_id).execute(database)
            return None

        self._kept.do(delete)

    def add(self, tenant: str, conversation_id: str, items: Sequence[JsonObject], limits: LimitSettings) -> None:
        """Raises NotFound, BadRequest for an id that is there, BodyTooLarge where there is no room for them."""
        self._kept.do(lambda database: self._add(database, tenant, conversation_id, items, limits))

    def append(self, tenant: str, conversation_id: str, items: Sequence[JsonObject]) -> None:
        """The items of a turn that was answered; never raises. Limits are looked at before the next one."""
        self._kept.do_or_warn(lambda database: self.insert_turn(database, tenant, conversation_id, items))

    def insert_turn(
        self, database: peewee.Database, tenant: str, conversation_id: str, items: Sequence[JsonObject]
    ) -> None:
        """Inside a transaction. A conversation that was deleted meanwhile stays so. An id that another turn has brought
        meanwhile, as one does that was sent twice, gets an end of its own."""
        if self._touch(database, tenant, conversation_id):
            known = _known(database, conversation_id, [item["id"] for item in items])
            renamed = [
                {**item, "id": f"{item['id']}_{secrets.token_hex(4)}"} if item["id"] in known else item
                for item in items
            ]
            self._insert(database, conversation_id, renamed)

    def _add(
        self,
        database: peewee.Database,
        tenant: str,
        conversation_id: str,
        items: Sequence[JsonObject],
        limits: LimitSettings,
    ) -> ProxyError | None:
        if not self._touch(database, tenant, conversation_id):
            return self._missing(conversation_id)
        row = self._row(database, tenant, conversation_id)
        if row.items + len(items) > limits.max_messages:
            return BodyTooLarge(f"The conversation would have {_too_many(row.items + len(items), limits)}.")
        if not self._room.takes(row.size + sum(len(orjson.dumps(item)) for item in items)):
            return BodyTooLarge(f"The conversation would have {self._too_large()}.")
        ids = [item["id"] for item in items]
        known = _known(database, conversation_id, ids)
        if twice := next((i for i in ids if i in known or ids.count(i) > 1), ""):
            return duplicate_item(twice, "items")
        self._insert(database, conversation_id, items)
        return None

    def _insert(self, database: peewee.Database, conversation_id: str, items: Sequence[JsonObject]) -> None:
        """The row is locked since it was touched."""
        bodies = [orjson.dumps(item) for item in items]
        size, row = sum(map(len, bodies)), KeptConversation
        first = row.select(row.places).where(row.id == conversation_id).scalar(database)
        for place, (item, body) in enumerate(zip(items, bodies, strict=True), first):
            values = {"conversation": conversation_id, "place": place, "id": item["id"], "body": body}
            ConversationItem.insert(**values).execute(database)
        change = row.update(items=row.items + len(items), places=row.places + len(items), size=row.size + size)
        change.where(row.id == conversation_id).execute(database)
        self._room.make(database, size)

    def _touch(self, database: peewee.Database, tenant: str, conversation_id: str) -> bool:
        """It was used now. Whoever changes it begins with this: others wait until the change is done."""
        touch = KeptConversation.update(created=time.time())
        return bool(touch.where(*self._seen_by(tenant), KeptConversation.id == conversation_id).execute(database))

    def _row(self, database: peewee.Database, tenant: str, conversation_id: str) -> Any:
        wanted = KeptConversation.select().where(*self._seen_by(tenant), KeptConversation.id == conversation_id)
        return next(iter(wanted.execute(database)), None)

    def _seen_by(self, tenant: str) -> tuple[Any, ...]:
        return KeptConversation.tenant == tenant, KeptConversation.created > self._room.oldest()

    def _too_large(self) -> str:
        return f"more than the {self._room.largest} bytes that a conversation may take of GPT2GIGA_STORE_SIZE"

    def _missing(self, conversation_id: str) -> NotFound:
        return NotFound(
            f"Conversation with id '{conversation_id}' not found. Conversations are kept for {self._days} days after "
            "their last turn, as long as there is room.",
            param="conversation",
            code="conversation_not_found",
        )


def _known(database: peewee.Database, conversation_id: str, ids: Sequence[str]) -> set[str]:
    """Those among the ids that the conversation has."""
    known: set[str] = set()
    for start in range(0, len(ids), MOST_PARAMETERS):
        some = ConversationItem.id.in_(ids[start : start + MOST_PARAMETERS])
        found = ConversationItem.select(ConversationItem.id).where(_of(conversation_id), some)
        known |= {name for (name,) in found.tuples().execute(database)}
    return known


def _select_place(conversation_id: str, item_id: str) -> peewee.ModelSelect[ConversationItem]:
    return ConversationItem.select(ConversationItem.place).where(_of(conversation_id), ConversationItem.id == item_id)


def _readable(bodies: Iterable[bytes]) -> Iterator[JsonObject]:
    """Without items that were damaged."""
    found = (read_object(body) for body in bodies)
    return (item for item in found if item and isinstance(item.get("id"), str))


def _of(conversation_id: str) -> Any:
    return ConversationItem.conversation == conversation_id


def _missing_item(item_id: str) -> NotFound:
    return NotFound(f"Item with id '{item_id}' not found.", param="item_id", code="item_not_found")


def _too_many(number: int, limits: LimitSettings) -> str:
    return f"{number} items; GPT2GIGA_MAX_MESSAGES allows {limits.max_messages}"
