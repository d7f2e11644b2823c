"""Work that goes on without its client is held by one process at a time. One that dies loses what it held as soon as
the lease has run out, and another one takes it over."""

from __future__ import annotations

import atexit
import logging
import secrets
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

from gpt2giga.concurrency import background
from gpt2giga.store.database import Database, Unusable
from gpt2giga.store.orm import Connection
from gpt2giga.store.tables import Lease

# A process that hangs for longer than a lease loses what it holds.
LEASE_SECONDS, RENEWAL_SECONDS = 30.0, 10.0
# So long after its end a lease is of work that nobody will ever take again.
FORGOTTEN_SECONDS = 3600.0

log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another process holds the work now, or nobody."""


class Leases:
    """One a process, whatever kinds of work it has. A thread renews what it holds, and there is none while it holds
    nothing. The names of works are their ids: `batch_...`, `resp_...`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holder = ""  # made when it is needed, for a process may fork before
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self._is_kept = False
        self._closed = threading.Event()

    def take(self, work: str) -> bool:
        """False where another process holds it, or this one already, or nobody could renew it. Raises Unusable."""
        with self._lock:
            if work in self._held:
                return False
            if not self._holder:
                self._holder = secrets.token_hex(16)
                atexit.register(self.close)
        if not self._database.do(lambda connection: _take(connection, work, self._holder)):
            return False
        with self._lock:
            self._held.add(work)
            if self._is_kept:
                return True
            with suppress(RuntimeError):
                background.start_apart(self._keep)
                self._is_kept = True
                return True
        self.release(work)  # no thread to be had
        return False

    def check(self, connection: Connection, work: str) -> None:
        """To be called in the transaction that writes what was worked out: so nothing is written twice. Raises
        LeaseLost."""
        mine = (Lease.work == work) & (Lease.holder == self._holder)
        # It writes, so that in PostgreSQL nobody can take it before this transaction is over.
        renewed = Lease.update(until=time.time() + LEASE_SECONDS).where(mine)
        if work not in self._held or not renewed.execute(connection):
            self._held.discard(work)
            raise LeaseLost(work)

    def release(self, work: str) -> None:
        """Never raises: a lease that cannot be given back runs out."""
        with self._lock:
            self._held.discard(work)
        self._give_back([work])

    def close(self) -> None:
        """When the process ends. Others need not wait then."""
        atexit.unregister(self.close)
        self._closed.set()
        with self._lock:
            held, self._held = self._held, set()
        if held:
            self._give_back(held)

    def _give_back(self, works: Iterable[str]) -> None:
        mine = Lease.work.in_([*works]) & (Lease.holder == self._holder)
        try:
            self._database.do(lambda connection: Lease.delete().where(mine).execute(connection))
        except Unusable as unusable:
            log.warning("A lease cannot be given back, and runs out by itself: %s", unusable)

    def _keep(self) -> None:
        while not self._closed.wait(RENEWAL_SECONDS):
            with self._lock:
                if not self._held:
                    self._is_kept = False
                    return
                held = {*self._held}
            try:
                kept = self._database.do(self._renew)
            except Unusable:  # whoever writes next will see whether another process has taken it
                continue
            with self._lock:
                self._held -= held - kept

    def _renew(self, connection: Connection) -> set[str]:
        """Those that are still held."""
        mine = Lease.holder == self._holder
        Lease.update(until=time.time() + LEASE_SECONDS).where(mine).execute(connection)
        return {work for (work,) in Lease.select(Lease.work).where(mine).tuples().execute(connection)}


def _take(connection: Connection, work: str, holder: str) -> bool:
    now = time.time()
    forgotten = Lease.until < now - FORGOTTEN_SECONDS
    Lease.delete().where(((Lease.work == work) & (Lease.until < now)) | forgotten).execute(connection)
    insert = Lease.insert(work=work, holder=holder, until=now + LEASE_SECONDS).on_conflict_ignore()
    return bool(insert.as_rowcount().execute(connection))


def held(connection: Connection, works: Iterable[str]) -> set[str]:
    """Those among the works that some process holds."""
    query = Lease.select(Lease.work).where(Lease.work.in_([*works]), Lease.until >= time.time())
    return {work for (work,) in query.tuples().execute(connection)}
