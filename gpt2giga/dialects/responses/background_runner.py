"""Works on responses that nobody waits for, also on those of processes that have died.

Each is asked for by this service itself, on behalf of whoever wanted it, as a stream; what the stream tells is written
down until it ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any, TYPE_CHECKING

import orjson

from gpt2giga.concurrency import background
from gpt2giga.concurrency.watch import Watch
from gpt2giga.dialects.responses.background_rows_store import Work
from gpt2giga.dialects.responses.background_store import BackgroundStore
from gpt2giga.dialects.responses.hosted_items import JsonObject
from gpt2giga.errors import BadRequest, ProxyError, Unavailable
from gpt2giga.store.database import Unusable
from gpt2giga.store.leases import Leases
from gpt2giga.web import sse
from gpt2giga.web.exchange import Outcome
from gpt2giga.web.on_behalf import Answer, OnBehalf, OwnRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

PATH = "/v1/responses"
# Seconds between two looks at what is unfinished, and while the database is away.
LOOK_SECONDS, AWAY_SECONDS = 1.0, 15.0
# The same where nothing is, in a database that other machines use too: one of them may be lost with all it had.
IDLE_SECONDS = 30.0
MOST_AT_ONCE = 100  # in a process
# A request that ends its process each time must not do so for ever.
MOST_ATTEMPTS = 5
# Between two batches of events.
TELLING_SECONDS = 0.25
# After which something is tried again that failed by no fault of its own.
PAUSE_SECONDS = 5.0
LAST_EVENTS = ("response.completed", "response.incomplete", "response.failed")


class BackgroundRunner:
    """One a process. There is a thread as long as some response is unfinished, in whatever process. exists: whether
    there is a database to look into; nothing makes one just for that. is_shared: by machines, so that it is looked at
    for good."""

    def __init__(
        self,
        app: WSGIApplication,
        store: BackgroundStore,
        leases: Leases,
        exists: Callable[[], bool],
        *,
        is_shared: bool,
    ) -> None:
        self._app, self._store, self._leases, self._exists = app, store, leases, exists
        self._idle_seconds = IDLE_SECONDS if is_shared else None
        self._running: dict[str, tuple[_Telling, Callable[[], Any]]] = {}
        self._watch = Watch(self._look)
        self.wake = self._watch.wake

    @property
    def is_closed(self) -> bool:
        return self._watch.is_closed

    def stop(self, response_id: str) -> None:
        """If it is worked on here: at once, or where that is a thread, at the next event or sign of life."""
        if running := self._running.get(response_id):
            telling, stop = running
            telling.is_stopped = True
            if telling.is_at_work:  # what was killed before it began would never end
                stop()

    def close(self) -> None:
        """When the process ends. Others go on with what was in work."""
        self._watch.close()
        for response_id in [*self._running]:
            self.stop(response_id)

    def _look(self) -> float | None:
        try:
            return LOOK_SECONDS if self._begin_some() else self._idle_seconds
        except (BadRequest, Unavailable, RuntimeError):  # the last where no thread is to be had
            return AWAY_SECONDS

    def _begin_some(self) -> bool:
        """Whether there is work anywhere. Raises Unavailable, and RuntimeError where no thread is to be had."""
        if not self._exists():
            return False
        for telling, _ in [*self._running.values()]:
            telling.flush()
        for response_id in self._store.ended([*self._running]):
            self.stop(response_id)
        self._store.drop_old()
        unfinished, free = self._store.unfinished(MOST_AT_ONCE)
        for response_id in free[: MOST_AT_ONCE - len(self._running)]:
            if self._take(response_id):
                self._begin(response_id)
        return bool(unfinished or self._running)

    def _begin(self, response_id: str) -> None:
        telling = _Telling(self._store, response_id)
        self._running[response_id] = telling, background.nothing
        try:
            stop = background.start_apart(self._run, response_id, telling)
        except RuntimeError:
            del self._running[response_id]
            self._leases.release(response_id)
            raise
        if stop is not background.nothing:  # a thread may have ended by now
            self._running[response_id] = telling, stop

    def _take(self, response_id: str) -> bool:
        try:
            return self._leases.take(response_id)
        except Unusable:
            return False

    def _run(self, response_id: str, telling: _Telling) -> None:
        telling.is_at_work = is_to_blame = True
        try:
            if not telling.is_stopped and (work := self._store.begin(response_id)):
                telling.begin(work)
                self._attempt(work, telling)
        except (BadRequest, Unavailable):  # it stays unfinished, and somebody will look at it again
            is_to_blame = False
            time.sleep(PAUSE_SECONDS)
        finally:  # apart, for whoever stops this may do so once more
            is_to_blame = is_to_blame and not self.is_closed
            background.start_apart(self._leave, response_id, telling, is_to_blame)

    def _leave(self, response_id: str, telling: _Telling, is_to_blame: bool) -> None:
        if telling.has_begun and not telling.is_over and not is_to_blame:
            with suppress(BadRequest, Unavailable):
                self._store.give_back(response_id)
        self._running.pop(response_id, None)
        self._leases.release(response_id)
        self.wake()

    def _attempt(self, work: Work, telling: _Telling) -> None:
        """Raises Unavailable."""
        if work.attempt > MOST_ATTEMPTS:
            telling.fail("server_error", f"The service has tried {MOST_ATTEMPTS} times, and could not finish it.")
            return
        try:
            request = OwnRequest(OnBehalf.from_json(work.asker))
        except (ValueError, TypeError, LookupError):
            telling.fail("server_error", "What was kept of the request was damaged.")
            return
        self._work(request, work, telling)

    def _work(self, request: OwnRequest, work: Work, telling: _Telling) -> None:
        answer = request.open(self._app, PATH, work.body)
        with closing(answer.pieces):  # type: ignore[type-var]
            if answer.status != 200:
                _refused(answer, telling)
                return
            for piece in answer.pieces:
                events = [orjson.loads(data) for data in sse.decode(piece)]
                if request.exchange and request.exchange.outcome is Outcome.RESTARTING:
                    return
                if not telling.add(events):
                    return
        if not telling.is_over:
            telling.fail("server_error", "The answer ended before it was whole.")


def _refused(answer: Answer, telling: _Telling) -> None:
    """A service that has too much to do, or is about to stop, may answer another time."""
    error = orjson.loads(b"".join(answer.pieces))["error"]
    if answer.status == Unavailable.status and error["code"] in ("overloaded", "restarting", "store_unavailable"):
        raise Unavailable(error["message"])
    telling.fail(error["code"] or error["type"], error["message"])


class _Telling:
    """Writes down what is told of a response, in batches."""

    def __init__(self, store: BackgroundStore, response_id: str) -> None:
        self._store, self._id, self._left = store, response_id, store.largest
        self._work: Work | None = None
        self._number, self._told_at = 0, 0.0
        self._waiting: list[JsonObject] = []
        self._lock = threading.Lock()
        self._is_ending = False
        self.is_at_work = self.is_over = self.is_stopped = False

    @property
    def has_begun(self) -> bool:
        return self._work is not None

    def begin(self, work: Work) -> None:
        self._work, self._number = work, work.number

    def add(self, events: list[JsonObject]) -> bool:
        """False where nothing more is wanted."""
        events = [self._dated(event) for event in events]
        last = next((event for event in events if event["type"] in LAST_EVENTS), None)
        with self._lock:
            for event in events:
                if event is last or self._is_wanted(event):
                    self._waiting.append({**event, "sequence_number": self._number})
                    self._number += 1
            self._is_ending = last is not None
        if last:
            self._finish(last["response"])
        if last or self.is_stopped:
            return self.is_over
        return time.monotonic() - self._told_at < TELLING_SECONDS or self.flush()

    def _finish(self, response: JsonObject) -> None:
        """Waits for a database that is away: all of it would have to be asked for, and paid for, once more."""
        while not self.is_over:
            try:
                self._store.finish(self._id, response, self._waiting)
                self.is_over = True
            except Unavailable:
                if self.is_stopped:
                    return
                time.sleep(PAUSE_SECONDS)

    def fail(self, code: str, message: str) -> None:
        assert self._work
        error = {"code": code, "message": message}
        failed = {**self._work.turn.response, "status": "failed", "error": error}
        self.add([{"type": "response.failed", "response": failed}])

    def flush(self) -> bool:
        """False where nothing more is wanted."""
        with self._lock:
            self._told_at = time.monotonic()
            if not self._waiting or self._is_ending:
                return True
            try:
                is_wanted = self._store.tell(self._id, self._waiting)
            except ProxyError:
                self._told_at += PAUSE_SECONDS
                return True
            self._waiting = []
            return is_wanted

    def _dated(self, event: JsonObject) -> JsonObject:
        """It was created when it was asked for."""
        assert self._work
        if "response" not in event:
            return event
        created = self._work.turn.response["created_at"]
        return {**event, "response": {**event["response"], "created_at": created}}

    def _is_wanted(self, event: JsonObject) -> bool:
        """The last event has all that was said, so that the others are no loss where they are too much. The client has
        had the first one at once; one that comes later says that all begins anew."""
        assert self._work
        if not self._work.streams or (event["type"] == "response.created" and not self._work.is_anew):
            return False
        self._left -= len(orjson.dumps(event))
        return self._left >= 0
