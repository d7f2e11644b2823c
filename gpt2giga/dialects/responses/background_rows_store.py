"""The rows of responses that are made in the background, as they are read and written inside of a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from gpt2giga.dialects.responses.hosted_items import JsonObject
from gpt2giga.store.orm import peewee
from gpt2giga.store.response_tables import BackgroundEvents, BackgroundResponse


@dataclass(frozen=True, slots=True)
class Turn:
    """response: as it is before anything is done. input: the items of this turn. conversation: that it is added to."""

    response: JsonObject
    input: list[JsonObject]
    conversation: str

    @classmethod
    def from_body(cls, body: bytes) -> Turn | None:
        """None for a row that was damaged."""
        try:
            turn = cls(**orjson.loads(body))
            return turn if turn.response["created_at"] and isinstance(turn.input, list) else None
        except (ValueError, TypeError, LookupError):
            return None


class Work(NamedTuple):
    """attempt: 1 for the first. is_anew: another process has begun it before. number: of the next event."""

    tenant: str
    asker: str
    body: bytes
    turn: Turn
    attempt: int
    is_anew: bool
    number: int
    streams: bool


class Told(NamedTuple):
    """What is told of a response from some event on."""

    events: list[JsonObject]
    is_over: bool


def row_of(database: peewee.Database, response_id: str) -> Any:
    wanted = BackgroundResponse.select().where(BackgroundResponse.id == response_id)
    return next(iter(wanted.execute(database)), None)


def read_events(body: bytes) -> list[JsonObject]:
    """None where the row was damaged."""
    try:
        return [event for event in orjson.loads(body) if event["sequence_number"] >= 0]
    except (ValueError, TypeError, LookupError):
        return []


def update_row(database: peewee.Database, response_id: str, *those: Any, **values: Any) -> bool:
    """Of one that is unfinished."""
    row = BackgroundResponse
    change = row.update(**values).where(row.id == response_id, row.ended.is_null(), *those)
    return bool(change.execute(database))


def write_events(database: peewee.Database, response_id: str, events: Sequence[JsonObject]) -> None:
    """Numbered already."""
    if not events:
        return
    body, row = orjson.dumps(events), BackgroundResponse
    first, last = (events[place]["sequence_number"] for place in (0, -1))
    values = {"response": response_id, "first": first, "last": last, "body": body}
    BackgroundEvents.insert(**values).execute(database)
    change = row.update(number=last + 1, size=row.size + len(body)).where(row.id == response_id)
    change.execute(database)
