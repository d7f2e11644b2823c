"""Responses that are kept for later turns.

A row holds what one turn added; a conversation is read by following its rows back.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TYPE_CHECKING, TypeVar

import orjson

from gpt2giga.bounded_json import count_values
from gpt2giga.concurrency.waiting import give_way, in_turns
from gpt2giga.config.limits import LimitSettings
from gpt2giga.dialects.responses.database import Database, Unusable, used_bytes
from gpt2giga.errors import BadRequest, BodyTooLarge, NotFound

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

FILE = "responses.sqlite3"
DAY = 86400
# One row may not push out all others.
LEAST_ROWS = 8
ITEM_ID = re.compile(r"[a-z]+_([0-9a-f]{32})[io]\d+")

SCHEMA = """
CREATE TABLE IF NOT EXISTS responses (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, previous TEXT, created REAL NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS by_age ON responses (created);
"""
ONE = "SELECT body FROM responses WHERE id = ? AND tenant = ? AND created > ?"
CHAIN = """
WITH RECURSIVE chain (previous, body, depth) AS (
    SELECT previous, body, 0 FROM responses WHERE id = :id AND tenant = :tenant AND created > :oldest
    UNION ALL
    SELECT earlier.previous, earlier.body, depth + 1 FROM chain JOIN responses AS earlier ON earlier.id = chain.previous
    WHERE earlier.tenant = :tenant AND earlier.created > :oldest
)
SELECT previous, body FROM chain ORDER BY depth DESC
"""

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

    def __init__(self, folder: str | None, days: int, most_bytes: int) -> None:
        self._folder = Path(folder) if folder else None
        self._seconds = days * DAY
        self._most_bytes = most_bytes
        self._database = Database(self._folder / FILE, SCHEMA) if self._folder else None
        self._warned = False

    def problem(self) -> str:
        """Why nothing could be kept, as far as it can be told without trying; empty when all is well."""
        if self._folder is None:
            return "no folder is set"
        existing = next(folder for folder in (self._folder, *self._folder.parents) if folder.exists())
        writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
        return "" if writable else f"{existing} is not writable"

    def save(self, tenant: str, stored: StoredResponse) -> None:
        """An answer is worth more than its copy: never raises."""
        response, body = stored.response, orjson.dumps(stored)
        if len(body) > self._most_bytes // LEAST_ROWS:
            log.warning("A response of %d bytes is too large to be kept (GPT2GIGA_STORE_SIZE)", len(body))
            return
        row = (response["id"], tenant, response["previous_response_id"], time.time(), body)

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO responses VALUES (?, ?, ?, ?, ?)", row)
            self._make_room(connection)

        try:
            self._do(insert)
            self._warned = False
        except BadRequest as error:
            if not self._warned:
                log.warning("%s", error)
            self._warned = True

    def get(self, tenant: str, response_id: str) -> StoredResponse:
        """Raises NotFound."""
        wanted = (response_id, tenant, self._oldest())
        row = self._do(lambda connection: connection.execute(ONE, wanted).fetchone())
        found = StoredResponse.from_body(row[0]) if row else None
        if found is None:
            raise _missing_response(response_id)
        return found

    def delete(self, tenant: str, response_id: str) -> None:
        """Raises NotFound."""
        delete = "DELETE FROM responses WHERE id = ? AND tenant = ?"
        if not self._do(lambda connection: connection.execute(delete, (response_id, tenant)).rowcount):
            raise _missing_response(response_id)

    def conversation(self, tenant: str, response_id: str, limits: LimitSettings) -> tuple[dict[str, Any], ...]:
        """All items up to and with this response, oldest first. Raises BadRequest when it is not whole any more,
        BodyTooLarge when it is larger than a request may be that brings it along."""
        wanted = {"id": response_id, "tenant": tenant, "oldest": self._oldest()}
        rows = self._do(lambda connection: connection.execute(CHAIN, wanted).fetchall())
        _check_values([body for _, body in rows], limits.max_json_values)
        turns = [turn for _, (_, body) in in_turns(rows) if (turn := StoredResponse.from_body(body))]
        if not rows or rows[0][0] or len(turns) < len(rows):
            missing = (rows and rows[0][0]) or response_id
            raise BadRequest(
                f"Previous response with id '{missing}' not found. Responses with store=false are not kept, and "
                f"others for {self._seconds // DAY} days at most.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        found = tuple(item for turn in turns for item in turn.items)
        if len(found) > limits.max_messages:
            raise _too_long(f"{len(found)} items; GPT2GIGA_MAX_MESSAGES allows {limits.max_messages}")
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

    def close(self) -> None:
        if self._database is not None:
            self._database.close()

    def _oldest(self) -> float:
        return time.time() - self._seconds

    def _make_room(self, connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM responses WHERE created < ?", (self._oldest(),))
        oldest = "DELETE FROM responses WHERE id = (SELECT id FROM responses ORDER BY created LIMIT 1)"
        while used_bytes(connection) > self._most_bytes and connection.execute(oldest).rowcount:
            pass

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Raises BadRequest when there is no store to be had."""
        if self._database is None or not self._seconds:
            raise _unavailable_store("no folder is set" if self._seconds else "GPT2GIGA_STORE_DAYS is 0")
        try:
            return self._database.do(work)
        except Unusable as unusable:
            raise _unavailable_store(str(unusable)) from unusable


def _unavailable_store(why: str) -> BadRequest:
    return BadRequest(
        f"Responses cannot be kept here (GPT2GIGA_STATE_DIR): {why}. Send the conversation in 'input'.",
        param="previous_response_id",
        code="store_unavailable",
    )


def _missing_response(response_id: str) -> NotFound:
    return NotFound(f"Response with id '{response_id}' not found.", param="response_id", code="response_not_found")


def _check_values(bodies: list[bytes], most: int) -> None:
    """Before anything is made of them."""
    if sum(map(len, bodies)) <= most:
        return
    left = most
    for body in bodies:
        give_way()
        left -= count_values(body, left)
        if left < 0:
            raise _too_long(f"more than the {most} values that GPT2GIGA_MAX_JSON_VALUES allows")


def _too_long(words: str) -> BodyTooLarge:
    return BodyTooLarge(f"The conversation of 'previous_response_id' has {words}.", param="previous_response_id")
