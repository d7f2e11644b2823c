"""Who works on batches in this process: nobody, as long as there are none."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable

from gpt2giga.batches.run import Place, Run
from gpt2giga.concurrency import background
from gpt2giga.concurrency.watch import Watch
from gpt2giga.store.database import Unusable
from gpt2giga.store.leases import Leases

# Seconds between two looks at batches that have not ended: another process may have died that had them.
LOOK_SECONDS = 15.0
# The same where none is known, in a database that other machines use too: one of them may be lost with all it had.
IDLE_SECONDS = 30.0
# Batches of a process, and of one tenant in it, that are worked on at the same time; others wait.
MOST_RUNS, MOST_OF_TENANT = 8, 2

log = logging.getLogger(__name__)


class Runner:
    """One a process. There is a thread as long as some batch has not ended, in whatever process. exists: whether there
    is a database to look into; nothing makes one just for that. is_shared: by machines, so that it is looked at for
    good."""

    def __init__(self, place: Place, leases: Leases, exists: Callable[[], bool], *, is_shared: bool) -> None:
        self._place, self._leases, self._exists, self._is_shared = place, leases, exists, is_shared
        self._runs: dict[str, tuple[Run, str]] = {}
        self._lock = threading.Lock()
        self._trouble = ""
        self._watch = Watch(self._look)
        self.wake = self._watch.wake

    @property
    def is_at_work(self) -> bool:
        return bool(self._runs)

    def close(self) -> None:
        """When the process is to end: no further line is begun."""
        self._watch.close()
        for run, _ in [*self._runs.values()]:
            run.close()

    def _look(self) -> float | None:
        trouble, is_needed = "", True
        try:
            is_needed = self._begin_some()
        except (Unusable, RuntimeError) as problem:  # the latter where no thread is to be had
            trouble = str(problem)
            if trouble != self._trouble:
                log.warning("Batches cannot be worked on at the moment: %s", problem)
        self._trouble = trouble
        return LOOK_SECONDS if is_needed else IDLE_SECONDS if self._is_shared else None

    def _begin_some(self) -> bool:
        """Whether there is any batch that has not ended. Raises Unusable, and RuntimeError where no thread is to be
        had."""
        unfinished = self._place.batches.unfinished() if self._exists() else []
        for batch_id, tenant, status in unfinished:
            if batch_id not in self._runs and self._may_begin(tenant, status) and self._leases.take(batch_id):
                try:
                    self._begin(batch_id, tenant)
                except (Unusable, RuntimeError):
                    self._end(batch_id)
                    raise
        return bool(unfinished)

    def _may_begin(self, tenant: str, status: str) -> bool:
        with self._lock:
            if status == "cancelling":  # which is soon over, and must not wait for those that take a night
                return len(self._runs) < MOST_RUNS + MOST_OF_TENANT
            of_tenant = Counter(tenant for _, tenant in self._runs.values())
            return len(self._runs) < MOST_RUNS and of_tenant[tenant] < MOST_OF_TENANT

    def _begin(self, batch_id: str, tenant: str) -> None:
        batch = self._place.batches.get(batch_id)
        if batch is None or batch.is_over:
            self._end(batch_id)
            return
        run = Run(self._place, batch)
        with self._lock:
            self._runs[batch_id] = run, tenant
        background.start_apart(self._work, run, batch_id)

    def _work(self, run: Run, batch_id: str) -> None:
        has_returned = False
        try:
            run.work()
            has_returned = True
        finally:
            if not has_returned:  # an error of ours must not come again at once and for ever
                self._watch.pause(LOOK_SECONDS)
            self._end(batch_id)
            self.wake()  # another one may begin

    def _end(self, batch_id: str) -> None:
        self._leases.release(batch_id)
        with self._lock:
            self._runs.pop(batch_id, None)
