"""The database of what is kept, and what clients are told where it cannot be used."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from gpt2giga.bounded_json import count_values
from gpt2giga.concurrency.waiting import give_way
from gpt2giga.errors import BadRequest, BodyTooLarge, ProxyError
from gpt2giga.store.database import Database, Unusable
from gpt2giga.store.orm import peewee
from gpt2giga.web.store_errors import store_unavailable

T = TypeVar("T")

NO_FOLDER = "no folder is set (GPT2GIGA_STATE_DIR)"
ADVICE = "Send the conversation in 'input'."

log = logging.getLogger(__name__)


def read_object(body: bytes) -> dict[str, Any] | None:
    """None for a row that was damaged: SQLite notices only what is wrong with its own structures."""
    try:
        found = orjson.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


class KeptDatabase:
    """param: the parameter that asks for what is kept. advice: what to do without it. silence: seconds in which the log
    says the same once, for work that tries again and again."""

    def __init__(
        self, database: Database | None, days: int, param: str, advice: str = ADVICE, silence: float = 0
    ) -> None:
        self._database, self._days, self._param, self._advice = database, days, param, advice
        self._warned = False
        self._silence, self._said, self._said_at = silence, "", -math.inf

    def problem(self) -> str:
        """Why nothing could be kept, as far as it can be told without trying; empty when all is well."""
        return self._database.problem() if self._database else NO_FOLDER

    def do(self, work: Callable[[peewee.Database], T | ProxyError]) -> T:
        """One transaction. Raises BadRequest where nothing is kept, Unavailable where the database cannot be used, and
        an error that `work` gives back: what it raises in the thread of the database would be printed there."""
        database = self._open()
        try:
            result = database.do(work)
        except Unusable as unusable:
            is_news = self._is_news(str(unusable))
            raise store_unavailable(
                "Kept responses cannot be reached", unusable, self._advice, param=self._param, is_news=is_news
            ) from unusable
        if isinstance(result, ProxyError):
            raise result
        return result

    def do_or_warn(self, work: Callable[[peewee.Database], None]) -> None:
        """After an answer, which is worth more than its copy: never raises."""
        try:
            self._open().do(work)
            self._warned = False
        except (BadRequest, Unusable) as error:
            if not self._warned:
                log.warning("Responses are not kept: %s", error)
            self._warned = True

    def _is_news(self, words: str) -> bool:
        now = time.monotonic()
        if words == self._said and now - self._said_at < self._silence:
            return False
        self._said, self._said_at = words, now
        return True

    def _open(self) -> Database:
        """Raises BadRequest where nothing is kept."""
        if self._database is None or not self._days:
            raise BadRequest(
                f"Responses are not kept here: {NO_FOLDER if self._days else 'GPT2GIGA_STORE_DAYS is 0'}. "
                f"{self._advice}",
                param=self._param,
                code="store_unavailable",
            )
        return self._database

    def check_values(self, bodies: list[bytes], most: int) -> None:
        """Before anything is made of them. Raises BodyTooLarge."""
        if sum(map(len, bodies)) <= most:
            return
        left = most
        for body in bodies:
            give_way()
            left -= count_values(body, left)
            if left < 0:
                raise self.too_long(f"more than the {most} values that GPT2GIGA_MAX_JSON_VALUES allows")

    def too_long(self, words: str) -> BodyTooLarge:
        return BodyTooLarge(f"The conversation of '{self._param}' has {words}.", param=self._param)
