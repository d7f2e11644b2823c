"""One batch, from its first line to its last, in one process. It may be taken up again at any moment, here or
elsewhere."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpt2giga.batches.lines import Lines, NumberedLine
from gpt2giga.batches.pauses import Pauses
from gpt2giga.batches.validation import validate
from gpt2giga.chat import Usage
from gpt2giga.concurrency import background
from gpt2giga.concurrency.waiting import give_way
from gpt2giga.dialects.openai import batches as dialect
from gpt2giga.dialects.openai.batches import CANCELLED, EXPIRED, from_line
from gpt2giga.store.batches import Batch, Batches, Result
from gpt2giga.store.database import Unusable
from gpt2giga.store.files import LocalFiles, NoRoom
from gpt2giga.store.leases import LeaseLost
from gpt2giga.web.on_behalf import Answer, OnBehalf, OwnRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# Between two looks whether the batch was cancelled.
LOOK_SECONDS = 2.0
# A line that fails so often while others are answered fails by itself. Of so many it is known how often they failed.
MOST_TRIES, MOST_FAILING = 5, 1000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """What all runs of a process share. at_once: lines of a batch that are asked at the same time."""

    app: WSGIApplication
    batches: Batches
    files: LocalFiles
    most_values: int
    at_once: Callable[[], int]


class _Worker:
    """Asks one line after the other. request: the one that it waits for."""

    request: OwnRequest | None = None
    stop: Callable[[], object] = background.nothing

    @property
    def is_in_line(self) -> bool:
        return bool(self.request and self.request.exchange and self.request.exchange.is_in_line)


class Run:
    """Whoever makes one holds the lease of the batch."""

    def __init__(self, place: Place, batch: Batch) -> None:
        self._place, self._batch = place, batch
        self._asker = OnBehalf.from_json(batch.asker)
        self._lines = Lines(self._read)
        self._pauses = Pauses()
        self._halt = threading.Event()  # nothing more is asked
        self._closed = threading.Event()
        self._refusal = ""  # why nobody may ask any more on behalf of whoever has asked
        self._answered = 0
        self._tries: dict[int, tuple[int, int]] = {}  # how often a line failed, and what was answered before
        self._troubles: set[str] = set()  # that were told since the last result was written

    def close(self) -> None:
        """The process ends: what is in work may end too, and nothing is begun."""
        self._closed.set()
        self._halt.set()

    def _look(self) -> None:
        """Something may have been changed from outside. Raises Unusable."""
        if found := self._place.batches.get(self._batch.id):
            self._batch = found

    def work(self) -> None:
        """Returns when the batch is over, another process has it, or this one ends."""
        pauses = Pauses()
        while not self._closed.is_set():
            try:
                self._work()
                return
            except LeaseLost:
                return
            except Unusable as problem:
                self._tell(problem)
                pauses.fail()
                self._closed.wait(pauses.left)

    def _work(self) -> None:
        self._look()
        if self._batch.status == "validating":
            read, most = self._place.files.step, self._place.most_values
            found = validate(lambda after: read(self._batch.input_file, after), self._batch.endpoint, most)
            if found.errors:
                self._place.batches.set_status(self._batch, "failed", found.errors)
                return
            self._batch = self._place.batches.begin(self._batch, found.total, found.model)
        if self._batch.output_file:
            self._ask()
        if not self._closed.is_set():
            self._finish()

    def _finish(self) -> None:
        self._look()
        batches, errors = self._place.batches, []
        if self._batch.status == "cancelling":
            self._miss_rest(CANCELLED)
            status = "cancelled"
        elif self._batch.completed + self._batch.failed >= self._batch.total:
            self._batch = batches.set_status(self._batch, "finalizing")
            status = "completed"
        elif self._refusal:
            errors = [{"code": "invalid_api_key", "message": self._refusal, "param": None, "line": None}]
            status = "failed"
        elif self._is_too_late():
            self._miss_rest(EXPIRED)
            status = "expired"
        else:  # whoever looks next takes it up again
            return
        found = self._batch = batches.set_status(self._batch, status, errors)
        log.info("Batch %s is %s: %d answered, %d failed", found.id, found.status, found.completed, found.failed)

    def _miss_rest(self, code: str) -> None:
        after = 0
        while self._batch.output_file and (lines := self._place.batches.undone(self._batch, after)):
            after = lines[-1][0]
            missed = [
                Result(number, dialect.to_missed(self._line(content).custom_id, code), True)
                for number, content in lines
                if content.strip()
            ]
            self._batch = self._place.batches.save(self._batch, missed)
            give_way()

    def _read(self, after: int) -> list[NumberedLine]:
        return self._place.batches.undone(self._batch, after)

    def _line(self, content: bytes) -> dialect.Line:
        """It was found to be in order when the batch began; a limit may have been lowered since."""
        return from_line(content, self._batch.endpoint, len(content), give_way)

    def _ask(self) -> None:
        """Returns when each line has its result, or nothing more is asked."""
        while not self._has_to_end():
            self._ask_together()
            if self._halt.is_set():
                return
            left = self._lines.take()
            if left is None:
                return
            self._lines.leave(left[0])  # whoever had it has died, and so may the next one
            self._pauses.fail()

    def _ask_together(self) -> None:
        ended: queue.SimpleQueue[None] = queue.SimpleQueue()
        workers = [_Worker() for _ in range(self._place.at_once())]
        for worker in workers:
            worker.stop = background.start_apart(self._ask_one_by_one, worker, ended)
        running = len(workers)
        while running:
            with suppress(queue.Empty):
                ended.get(timeout=LOOK_SECONDS)
                running -= 1
                continue
            with suppress(Unusable):
                self._look()
            if self._has_to_end():
                self._halt.set()
                for worker in workers:
                    if worker.is_in_line:  # who is asked already is let finish, for it is paid for
                        worker.stop()

    def _has_to_end(self) -> bool:
        is_cancelled = self._batch.status == "cancelling" or self._batch.is_over
        return self._halt.is_set() or is_cancelled or self._is_too_late()

    def _is_too_late(self) -> bool:
        return time.time() >= self._batch.expires

    def _ask_one_by_one(self, worker: _Worker, ended: queue.SimpleQueue[None]) -> None:
        try:
            while not self._halt.wait(max(0.0, self._pauses.left)) and not self._has_to_end():
                if self._pauses.left > 0:  # longer by now
                    continue
                try:
                    self._place.batches.check_room()
                    line = self._lines.take()
                except (Unusable, NoRoom) as problem:
                    self._tell(problem)
                    self._pauses.fail()
                    continue
                if line is None:
                    return
                try:
                    self._answer(worker, *line)
                finally:
                    self._lines.leave(line[0])
        finally:
            ended.put(None)

    def _answer(self, worker: _Worker, number: int, content: bytes) -> None:
        line = self._line(content)
        request = worker.request = OwnRequest(self._asker)
        try:
            answer, body = request.send(self._place.app, self._batch.endpoint, line.body)
        finally:
            worker.request = None
        if refusal := dialect.key_is_gone(answer.status, body):
            self._refusal = refusal
            self._halt.set()
        elif self._comes_again(number, answer):
            self._pauses.fail(_retry_after(answer))
        else:
            self._pauses.end()
            self._answered += 1
            self._tries.pop(number, None)
            result = dialect.to_result(line.custom_id, answer.status, answer.request_id, body)
            usage = (request.exchange and request.exchange.usage) or Usage()
            tokens = (usage.prompt, usage.cached, usage.completion, usage.reasoning)
            self._save(Result(number, result, answer.status >= 400, *tokens))

    def _comes_again(self, number: int, answer: Answer) -> bool:
        if not dialect.passes(answer.status, is_final=answer.headers.get("x-should-retry") == "false"):
            return False
        if answer.status not in dialect.DOUBTFUL:
            return True
        times, answered = self._tries.get(number, (0, self._answered))
        if len(self._tries) >= MOST_FAILING:
            self._tries.clear()
        self._tries[number] = (times + 1, answered)
        return times + 1 < MOST_TRIES or answered == self._answered

    def _save(self, result: Result) -> None:
        """What was answered is kept in memory for as long as it cannot be written."""
        pauses = Pauses()
        while True:
            try:
                self._batch = self._place.batches.save(self._batch, [result])
                if self._troubles:
                    log.info("Batch %s goes on", self._batch.id)
                    self._troubles.clear()
                return
            except LeaseLost:
                self._halt.set()
                return
            except Unusable as problem:
                self._tell(problem)
                pauses.fail()
                if self._closed.wait(min(pauses.left, 30.0)):
                    return

    def _tell(self, problem: Unusable | NoRoom) -> None:
        """Once for each."""
        is_full = isinstance(problem, NoRoom)
        words = "there is no room for results (GPT2GIGA_BATCH_FILES_SIZE)" if is_full else str(problem)
        if words not in self._troubles:
            log.warning("Batch %s waits: %s", self._batch.id, words)
            self._troubles.add(words)


def _retry_after(answer: Answer) -> float:
    """Seconds, as errors of this service have them."""
    return float(answer.headers.get("retry-after", "0"))
