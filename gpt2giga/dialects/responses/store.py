"""Responses that are kept for later turns.

A row holds what one turn added; a conversation is read by following its rows back.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from gpt2giga.concurrency.waiting import in_turns
from gpt2giga.config.limits import LimitSettings
from gpt2giga.dialects.responses.kept_store import KeptDatabase
from gpt2giga.errors import BadRequest, NotFound
from gpt2giga.store.database import Database
from gpt2giga.store.orm import peewee
from gpt2giga.store.response_tables import KeptResponse
from gpt2giga.store.room import Room

MISSING = "previous_response_not_found"
# What a response in the background may end as; of others nothing is kept then.
UNUSABLE = ("failed", "cancelled")
ITEM_ID = re.compile(r"[a-z]+_([0-9a-f]{32})[io]\d+")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response object, and the input items of its own turn."""

    response: dict[str, Any]
    input: list[dict[str, Any]]

    @classmethod
    def from_body(cls, body: bytes) -> StoredResponse | None:
        """None for a row that was damaged: SQLite notices only what is wrong with its own structures."""
        try:
            stored = cls(**orjson.loads(body))
            return stored if isinstance(stored.items, list) else None
        except (ValueError, TypeError, LookupError):
            return None

    @property
    def items(self) -> list[dict[str, Any]]:
        return [*self.input, *self.response["output"]]


class Store:
    """`tenant` is whoever may see a response: nobody else ever learns that it is there."""

    def __init__(self, database: Database | None, days: int, room: Room) -> None:
        self._kept = KeptDatabase(database, days, "previous_response_id")
        self._days = days
        self._room = room

    @property
    def is_on(self) -> bool:
        return self._days > 0

    def problem(self) -> str:
        """Why nothing could be kept, as far as it can be told without trying; empty when all is well."""
        return self._kept.problem()

    def save(self, tenant: str, stored: StoredResponse) -> None:
        """An answer is worth more than its copy: never raises."""
        body = orjson.dumps(stored)
        if self._room.takes(len(body)):
            self._kept.do_or_warn(lambda database: self.insert(database, tenant, stored, body))
        else:
            log.warning("A response of %d bytes is too large to be kept (GPT2GIGA_STORE_SIZE)", len(body))

    def insert(self, database: peewee.Database, tenant: str, stored: StoredResponse, body: bytes) -> None:
        """Inside a transaction. body: it, as JSON."""
        row = {
            "id": stored.response["id"],
            "tenant": tenant,
            "previous": stored.response["previous_response_id"],
            "created": time.time(),
            "size": len(body),
            "body": body,
        }
        KeptResponse.insert(**row).execute(database)
        self._room.make(database, len(body))

    def get(self, tenant: str, response_id: str) -> StoredResponse:
        """Raises NotFound."""
        wanted = KeptResponse.select(KeptResponse.body).where(*self._seen_by(tenant), KeptResponse.id == response_id)
        body = self._kept.do(lambda database: wanted.scalar(database))
        found = StoredResponse.from_body(bytes(body)) if body is not None else None
        if found is None:
            raise _missing_response(response_id)
        return found

    def delete(self, tenant: str, response_id: str) -> None:
        """Raises NotFound."""
        delete = KeptResponse.delete().where(KeptResponse.id == response_id, KeptResponse.tenant == tenant)
        if not self._kept.do(lambda database: delete.execute(database)):
            raise _missing_response(response_id)

    def chain(self, tenant: str, response_id: str, limits: LimitSettings) -> tuple[dict[str, Any], ...]:
        """All items up to and with this response, oldest first. Raises BadRequest when it is not whole any more,
        BodyTooLarge when it is larger than a request may be that brings it along."""
        chain = self._select_chain(tenant, response_id)
        rows = self._kept.do(lambda database: [(row[0], bytes(row[1])) for row in chain.tuples().execute(database)])
        self._kept.check_values([body for _, body in rows], limits.max_json_values)
        turns = [turn for _, (_, body) in in_turns(rows) if (turn := StoredResponse.from_body(body))]
        if turns and turns[-1].response.get("status") in UNUSABLE:
            raise not_completed(response_id, turns[-1].response["status"])
        if not rows or rows[0][0] or len(turns) < len(rows):
            missing = (rows and rows[0][0]) or response_id
            raise BadRequest(
                f"Previous response with id '{missing}' not found. Responses with store=false are not kept, and "
                f"others for {self._days} days at most.",
                param="previous_response_id",
                code=MISSING,
            )
        found = tuple(item for turn in turns for item in turn.items)
        if len(found) > limits.max_messages:
            raise self._kept.too_long(f"{len(found)} items; GPT2GIGA_MAX_MESSAGES allows {limits.max_messages}")
        return found

    def items(self, tenant: str, ids: Iterable[str]) -> dict[str, Any]:
        """The items among these that are known. An id of ours tells the response it is in."""
        responses = {f"resp_{match[1]}" for item in ids if (match := ITEM_ID.fullmatch(item))}
        found: dict[str, Any] = {}
        for response_id in responses:
            try:
                found |= {item["id"]: item for item in self.get(tenant, response_id).items}
            except NotFound:
                continue
        return found

    def _seen_by(self, tenant: str) -> tuple[Any, ...]:
        return KeptResponse.tenant == tenant, KeptResponse.created > self._room.oldest()

    def _select_chain(self, tenant: str, response_id: str) -> peewee.Query:
        """`previous` and `body` of the response and of all before it, oldest first."""
        Earlier = KeptResponse.alias()
        last = KeptResponse.select(KeptResponse.previous, KeptResponse.body, peewee.Value(0).alias("depth"))
        last = last.where(*self._seen_by(tenant), KeptResponse.id == response_id)
        chain = last.cte("chain", recursive=True, columns=("previous", "body", "depth"))
        before = Earlier.select(Earlier.previous, Earlier.body, chain.c.depth + 1)
        before = before.join(chain, on=(Earlier.id == chain.c.previous))
        before = before.where(Earlier.tenant == tenant, Earlier.created > self._room.oldest())
        whole = chain.union_all(before)
        return whole.select_from(whole.c.previous, whole.c.body).order_by(whole.c.depth.desc())


def not_completed(response_id: str, how: str) -> BadRequest:
    return BadRequest(
        f"Previous response with id '{response_id}' is {how}: nothing can follow it.",
        param="previous_response_id",
        code="previous_response_not_completed",
    )


def _missing_response(response_id: str) -> NotFound:
    return NotFound(f"Response with id '{response_id}' not found.", param="response_id", code="response_not_found")
