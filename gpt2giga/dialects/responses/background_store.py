"""Responses that are made without their client: what was asked, and the events of the answer.

What is unfinished is here alone. At its end a response is kept as all others are, in the same transaction; its events
stay a while longer, for clients that come back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import orjson

from gpt2giga.dialects.responses.background_rows_store import (
    read_events,
    row_of,
    Told,
    Turn,
    update_row,
    Work,
    write_events,
)
from gpt2giga.dialects.responses.conversation_store import ConversationStore
from gpt2giga.dialects.responses.hosted_items import JsonObject
from gpt2giga.dialects.responses.kept_store import KeptDatabase
from gpt2giga.dialects.responses.store import Store, StoredResponse
from gpt2giga.errors import BodyTooLarge, ProxyError, RateLimited
from gpt2giga.store import leases
from gpt2giga.store.database import Database
from gpt2giga.store.leases import LeaseLost, Leases
from gpt2giga.store.orm import peewee
from gpt2giga.store.response_tables import BackgroundEvents, BackgroundResponse
from gpt2giga.store.room import Room

# Of one tenant, who may not take the room of all others.
MOST_UNFINISHED = 100
MOST_SHARE = 1 / 2
# After the end.
EVENTS_SECONDS = 3600.0
# Rows of one read.
MOST_ROWS = 100
RETRY_AFTER = 10.0
SILENCE = 15.0
ADVICE = "Send the request without 'background'."

log = logging.getLogger(__name__)


class BackgroundStore:
    """Whoever works on a response holds its lease; what others write then is not written."""

    def __init__(
        self,
        database: Database | None,
        days: int,
        room: Room,
        responses: Store,
        conversations: ConversationStore,
        leases: Leases | None,
    ) -> None:
        self._kept = KeptDatabase(database, days, "background", ADVICE, SILENCE)
        self._room, self._responses, self._conversations = room, responses, conversations
        self._leases = leases

    def add(self, tenant: str, asker: str, turn: Turn, body: bytes, events: Sequence[JsonObject] | None) -> None:
        """events: the first ones, None where the client wants none. Raises RateLimited, BodyTooLarge."""
        told, response_id = orjson.dumps(turn), turn.response["id"]
        size = len(body) + len(told)
        if not self._room.takes(size):
            words = f"more than the {self.largest} bytes that GPT2GIGA_STORE_SIZE allows"
            raise BodyTooLarge(f"The request has {words} in the background.", param="background")
        row: dict[str, Any] = {"id": response_id, "tenant": tenant, "asker": asker, "created": time.time()}
        row |= {"streams": events is not None, "number": 0, "size": size, "body": body, "turn": told}

        def insert(database: peewee.Database) -> ProxyError | None:
            BackgroundResponse.insert(**row).execute(database)
            if self._is_full(database):  # what is over makes room
                over = BackgroundResponse.ended.is_null(False)
                BackgroundResponse.delete().where(over).execute(database)
            refused = self._refusal(database, tenant)
            if refused:
                BackgroundResponse.delete().where(BackgroundResponse.id == response_id).execute(database)
            elif events:
                write_events(database, response_id, events)
            return refused

        self._kept.do(insert)

    @property
    def largest(self) -> int:
        """Bytes that may be kept of one."""
        return self._room.largest

    def find(self, tenant: str, response_id: str) -> Turn | None:
        """As it is now, while it is unfinished."""

        def read(database: peewee.Database) -> Turn | None:
            row = row_of(database, response_id)
            if row is None or row.tenant != tenant or row.ended is not None:
                return None
            turn = Turn.from_body(bytes(row.turn))
            if turn and row.is_begun:
                return replace(turn, response={**turn.response, "status": "in_progress"})
            return turn

        return self._kept.do(read)

    def events_after(self, tenant: str, response_id: str, number: int) -> Told | None:
        """None where no events of such a response are kept."""

        def read(database: peewee.Database) -> Told | None:
            row = row_of(database, response_id)
            if row is None or row.tenant != tenant or not row.streams:
                return None
            wanted = BackgroundEvents.select(BackgroundEvents.body).where(
                BackgroundEvents.response == response_id, BackgroundEvents.last > number
            )
            rows = wanted.order_by(BackgroundEvents.first).limit(MOST_ROWS).tuples().execute(database)
            events = [event for (body,) in rows for event in read_events(bytes(body))]
            return Told([event for event in events if event["sequence_number"] > number], row.ended is not None)

        return self._kept.do(read)

    def unfinished(self, most: int) -> tuple[int, list[str]]:
        """How many there are, and of those that nobody works on the oldest."""

        def read(database: peewee.Database) -> tuple[int, list[str]]:
            unfinished = BackgroundResponse.select(BackgroundResponse.id).where(BackgroundResponse.ended.is_null())
            found = [name for (name,) in unfinished.order_by(BackgroundResponse.created).tuples().execute(database)]
            held: set[str] = set()
            for start in range(0, len(found), MOST_ROWS):
                held |= leases.held(database, found[start : start + MOST_ROWS])
            return len(found), [name for name in found if name not in held][:most]

        return self._kept.do(read)

    def ended(self, names: Collection[str]) -> set[str]:
        """Those among them that are over, or gone."""

        def read(database: peewee.Database) -> set[str]:
            row = BackgroundResponse
            going = row.select(row.id).where(row.id.in_([*names]), row.ended.is_null()).tuples().execute(database)
            return {*names} - {name for (name,) in going}

        return self._kept.do(read) if names else set()

    def begin(self, response_id: str) -> Work | None:
        """None where there is nothing to do. What an earlier attempt has told is dropped; its numbers are not used
        again, so that nobody takes the one for the other."""

        def write(database: peewee.Database) -> Work | None:
            row = self._held_row(database, response_id)
            turn = row and self._turn_of(database, row)
            if turn is None:
                return None
            if row.is_begun:
                BackgroundEvents.delete().where(BackgroundEvents.response == response_id).execute(database)
            update_row(database, response_id, is_begun=True, attempts=row.attempts + 1)
            attempt, body = row.attempts + 1, bytes(row.body)
            return Work(row.tenant, row.asker, body, turn, attempt, row.is_begun, row.number, row.streams)

        return self._kept.do(write)

    def give_back(self, response_id: str) -> None:
        """An attempt that was ended by no fault of its own does not count."""

        def write(database: peewee.Database) -> None:
            if (row := self._held_row(database, response_id)) is not None:
                update_row(database, response_id, attempts=row.attempts - 1)

        self._kept.do(write)

    def tell(self, response_id: str, events: Sequence[JsonObject]) -> bool:
        """False where it is no longer to be worked on."""

        def write(database: peewee.Database) -> bool:
            if self._held_row(database, response_id) is None:
                return False
            write_events(database, response_id, events)
            return True

        return self._kept.do(write)

    def finish(self, response_id: str, response: JsonObject, events: Sequence[JsonObject]) -> None:
        """events: the last ones."""

        def write(database: peewee.Database) -> None:
            row = self._held_row(database, response_id)
            if turn := row and self._turn_of(database, row):
                self._end(database, row, turn, response, events)

        self._kept.do(write)

    def cancel(self, tenant: str, response_id: str) -> JsonObject | None:
        """The response as it is from then on; None where there is no such response that is unfinished."""

        def write(database: peewee.Database) -> JsonObject | None:
            if not update_row(database, response_id, BackgroundResponse.tenant == tenant, ended=time.time()):
                return None
            row = row_of(database, response_id)  # nobody else can change it now
            turn = self._turn_of(database, row)
            if turn is None:
                return None
            response = {**turn.response, "status": "cancelled"}
            last = {"type": "response.cancelled", "response": response, "sequence_number": row.number}
            self._end(database, row, turn, response, [last])
            return response

        return self._kept.do(write)

    def delete(self, tenant: str, response_id: str) -> bool:
        """Also its events. False where it was not unfinished: then it is among the others."""

        def write(database: peewee.Database) -> bool:
            row = BackgroundResponse
            this = (row.id == response_id, row.tenant == tenant)
            is_unfinished = row.delete().where(*this, row.ended.is_null()).execute(database)
            row.delete().where(*this).execute(database)
            return bool(is_unfinished)

        return self._kept.do(write)

    def drop_old(self) -> None:
        """What few are is looked for before anything is written."""
        old = BackgroundResponse.ended < time.time() - EVENTS_SECONDS
        if self._kept.do(lambda database: BackgroundResponse.select().where(old).exists(database)):
            self._kept.do(lambda database: BackgroundResponse.delete().where(old).execute(database))

    def _held_row(self, database: peewee.Database, response_id: str) -> Any:
        """None where it is over, or another process works on it."""
        try:
            if self._leases:
                self._leases.check(database, response_id)
        except LeaseLost:
            return None
        row = row_of(database, response_id)
        return None if row is None or row.ended is not None else row

    def _turn_of(self, database: peewee.Database, row: Any) -> Turn | None:
        """None where the row was damaged: then it is gone, as nobody could ever end it."""
        turn = Turn.from_body(bytes(row.turn))
        if turn is None:
            log.error("What was kept of %s was damaged: it is lost", row.id)
            BackgroundResponse.delete().where(BackgroundResponse.id == row.id).execute(database)
        return turn

    def _end(
        self, database: peewee.Database, row: Any, turn: Turn, response: JsonObject, events: Sequence[JsonObject]
    ) -> None:
        stored = StoredResponse(response, turn.input)
        body = orjson.dumps(stored)
        if not self._room.takes(len(body)):  # what was promised to be kept says at least why it is not
            error = {"code": "server_error", "message": "The answer is larger than GPT2GIGA_STORE_SIZE allows."}
            stored = StoredResponse({**turn.response, "status": "failed", "error": error}, [])
            body = orjson.dumps(stored)
        self._responses.insert(database, row.tenant, stored, body)
        if turn.conversation and response["status"] in ("completed", "incomplete"):
            turned = [*turn.input, *response["output"]]
            self._conversations.insert_turn(database, row.tenant, turn.conversation, turned)
        if not row.streams:
            BackgroundResponse.delete().where(BackgroundResponse.id == row.id).execute(database)
            return
        write_events(database, row.id, events)
        less = len(bytes(row.body)) + len(bytes(row.turn))
        size = BackgroundResponse.size - less
        change = BackgroundResponse.update(ended=time.time(), size=size, body=b"", turn=b"")
        change.where(BackgroundResponse.id == row.id).execute(database)

    def _refusal(self, database: peewee.Database, tenant: str) -> ProxyError | None:
        """Looked at when its own row is there: so two at once do not both find the last place."""
        row = BackgroundResponse
        unfinished = (row.tenant == tenant, row.ended.is_null())
        if row.select().where(*unfinished).count(database) > MOST_UNFINISHED:
            words = f"{MOST_UNFINISHED} responses in the background are unfinished: wait for one, or cancel one."
        elif _taken(database, *unfinished) > self._room.most_bytes * MOST_SHARE:
            words = "Your unfinished responses in the background take half of the room for all (GPT2GIGA_STORE_SIZE)."
        elif self._is_full(database):
            words = "There is no room for more responses in the background at the moment (GPT2GIGA_STORE_SIZE)."
        else:
            return None
        return RateLimited(words, param="background", code="too_many_in_background", retry_after=RETRY_AFTER)

    def _is_full(self, database: peewee.Database) -> bool:
        return _taken(database) > self._room.most_bytes


def _taken(database: peewee.Database, *of: Any) -> int:
    """Bytes."""
    size = BackgroundResponse.select(peewee.fn.SUM(BackgroundResponse.size))
    return (size.where(*of) if of else size).scalar(database) or 0
