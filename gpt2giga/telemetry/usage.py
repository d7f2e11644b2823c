"""Who has used how much: counted in memory, and added to the database every few seconds, off every request's way."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from gpt2giga.concurrency import background
from gpt2giga.errors import QuotaExceeded
from gpt2giga.store.database import Database, Unusable
from gpt2giga.store.orm import Connection, EXCLUDED, Model
from gpt2giga.store.tables import UsageFailure, UsageHour
from gpt2giga.telemetry.known_models import KnownModels
from gpt2giga.web.exchange import Exchange, Outcome

log = logging.getLogger(__name__)

# What a process that is killed loses at most.
FLUSH_SECONDS = 5.0
HOUR_SECONDS = 3600
KEPT_HOURS = 400 * 24
# While the database is away. Hours times keys, models and routes: months, mostly.
MOST_WAITING = 20_000
UNMATCHED = "unmatched"


class Subject(NamedTuple):
    """What is counted apart. `hour` is that of Unix time, UTC; key and account are names, never secrets."""

    hour: int
    key: str
    account: str
    model: str
    route: str


@dataclass(slots=True)
class Counted:
    requests: int = 0
    errors: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    seconds: float = 0.0

    def __add__(self, other: Counted) -> Counted:
        return Counted(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


class UsageCounter:
    """One a process. database: None counts nothing, for nobody could ask for it. beside: is called every few seconds as
    long as tokens are used, or are used up, off the way of the requests; it must not wait."""

    beside: Callable[[], Any] = staticmethod(background.nothing)

    def __init__(self, database: Database | None, known: KnownModels) -> None:
        self.database, self._known = database, known
        self._waiting: dict[Subject, Counted] = defaultdict(Counted)
        self._failures: dict[tuple[Subject, str], int] = defaultdict(int)
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._is_watched = False
        self._is_about_tokens = False
        self._warned = False
        if database is not None:
            atexit.register(self.close)

    def add(self, exchange: Exchange) -> None:
        """Only what asks for work: probes, and the page that shows this, would drown the rest."""
        if exchange.method != "POST" or self.database is None:
            return
        hour = int(time.time()) // HOUR_SECONDS
        # Who answered was told of some requests only: the asked model would have refused by itself.
        model = self._known.names.get(exchange.answering_model)  # nearly always as GigaChat writes it
        model = model or self._known.name(exchange.answering_model) or self._known.answering(exchange.model)
        subject = Subject(hour, exchange.key_name, exchange.account, model, exchange.route or UNMATCHED)
        with self._lock:
            counted = self._waiting[subject]
            counted.requests += 1
            counted.seconds += time.monotonic() - exchange.started
            if exchange.usage or exchange.status == QuotaExceeded.status:
                self._is_about_tokens = True
            if usage := exchange.usage:
                counted.prompt += usage.prompt
                counted.completion += usage.completion
                counted.cached += usage.cached
            # A client that has enough is no failure, and a stream that broke has a good status.
            is_gone = exchange.outcome is Outcome.CLIENT_GONE
            if not is_gone and (exchange.status >= 400 or exchange.outcome is not Outcome.WHOLE):
                counted.errors += 1
                self._failures[subject, exchange.cause or str(exchange.status)] += 1
            if self._is_watched:
                return
            self._is_watched = True
        try:
            threading.Thread(target=self._watch, daemon=True, name="usage").start()
        except RuntimeError:  # no thread to be had; the next request tries again
            self._is_watched = False

    def flush(self) -> None:
        """Never raises: what cannot be written waits."""
        with self._flushing:
            with self._lock:
                waiting, self._waiting = self._waiting, defaultdict(Counted)
                failures, self._failures = self._failures, defaultdict(int)
            if not waiting or self.database is None:
                return
            try:
                self.database.do(lambda database: _write(database, waiting, failures))
                self._warned = False
            except Unusable as unusable:
                if not self._warned:
                    log.warning("Usage is counted in memory only until the database is back: %s", unusable)
                self._warned = True
                self._take_back(waiting, failures)

    def close(self) -> None:
        """When the process ends."""
        self.beside = background.nothing
        atexit.unregister(self.close)
        self.flush()

    def _watch(self) -> None:
        while True:
            time.sleep(FLUSH_SECONDS)
            self.flush()
            if self._is_about_tokens:
                self._is_about_tokens = False
                self.beside()
            with self._lock:
                if not self._waiting:
                    self._is_watched = False
                    return

    def _take_back(self, waiting: dict[Subject, Counted], failures: dict[tuple[Subject, str], int]) -> None:
        with self._lock:
            for subject, counted in self._waiting.items():
                waiting[subject] += counted
            for failure, number in self._failures.items():
                failures[failure] += number
            for subject in sorted(waiting)[: max(0, len(waiting) - MOST_WAITING)]:
                del waiting[subject]
            for failure in sorted(failures)[: max(0, len(failures) - MOST_WAITING)]:
                del failures[failure]
            self._waiting, self._failures = waiting, failures


def _write(connection: Connection, waiting: dict[Subject, Counted], failures: dict[tuple[Subject, str], int]) -> None:
    """In one order everywhere: two that wait for each other's rows would wait for ever."""
    for subject, counted in sorted(waiting.items()):
        _add(connection, UsageHour, subject._asdict(), asdict(counted))
    for (subject, cause), number in sorted(failures.items()):
        _add(connection, UsageFailure, {**subject._asdict(), "cause": cause}, {"errors": number})
    oldest = int(time.time()) // HOUR_SECONDS - KEPT_HOURS
    for table in (UsageHour, UsageFailure):
        table.delete().where(table.hour < oldest).execute(connection)


def _add(connection: Connection, table: type[Model], subject: dict[str, Any], amounts: dict[str, Any]) -> None:
    """To what other processes, or this one, have counted of the same."""
    fields = table._meta.fields
    sums = {fields[name]: fields[name] + getattr(EXCLUDED, name) for name in amounts}
    target = [fields[name] for name in subject]
    table.insert(**subject, **amounts).on_conflict(conflict_target=target, update=sums).execute(connection)
