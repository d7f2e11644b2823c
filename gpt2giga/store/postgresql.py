"""The database on a PostgreSQL server: for several machines."""

from __future__ import annotations

import logging
import time
import zlib
from functools import partial

from gpt2giga.store.database import FAILURES
from gpt2giga.store.orm import peewee, use_driver
from gpt2giga.store.tables import TABLES, upgrade
from gpt2giga.store.upgrades import run

log = logging.getLogger(__name__)

# Answers wait for it.
CONNECT_SECONDS = 2  # libpq takes no shorter time
STATEMENT_MS = 5000
# Without an answer to a packet: a machine that is gone, or behind a cable that is cut.
SILENT_MS = 5000
# After it could not be reached nobody waits for it for so long.
REST_SECONDS = 5.0
# One at a time makes or upgrades the tables. A number that nobody else is likely to use.
UPGRADE_LOCK = zlib.crc32(b"gpt2giga")


class PostgreSQL:
    """A Place. url: as libpq reads it, with the password."""

    setting = "GPT2GIGA_DATABASE_URL"

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: peewee.PostgresqlDatabase | None = None
        self._rests_until = 0.0
        self._failure = ""

    def connect(self, *, is_patient: bool) -> peewee.Database:
        if time.monotonic() < self._rests_until:
            raise peewee.OperationalError(self._failure)
        use_driver()
        database = self._connection = peewee.PostgresqlDatabase(
            self._url,
            prefer_psycopg3=True,
            thread_safe=False,
            connect_timeout=CONNECT_SECONDS,
            options=f"-c statement_timeout={STATEMENT_MS} -c lock_timeout={STATEMENT_MS}",
            application_name="gpt2giga",
            tcp_user_timeout=SILENT_MS,
        )
        try:
            database.connect()
            with database.atomic():
                peewee.Select(columns=[peewee.fn.pg_advisory_xact_lock(UPGRADE_LOCK)]).execute(database)
                upgrade(database, partial(_keep_copy, database))
        except FAILURES as error:
            database.close()
            self._rests_until, self._failure = time.monotonic() + REST_SECONDS, str(error)
            raise
        return database

    def is_in_place(self) -> bool:
        """Also after a restart: a connection that was closed there fails once, and the work is done with a new one."""
        return self._connection is not None

    def is_locked(self, error: Exception) -> bool:
        """Once a server was waited for, it is not waited for again in the same request."""
        return time.monotonic() < self._rests_until

    def set_aside(self, error: peewee.DatabaseError) -> None:
        """What is wrong with a server, its administrator mends."""

    def problem(self) -> str:
        """Nobody is asked before there is need: a service starts without its database too."""
        return ""


def _keep_copy(database: peewee.Database, version: int) -> None:
    """Of each table, under a name of its own: only pg_dump makes better ones, and it need not be here. It may take long
    for once, as the upgrade itself."""
    run(database, "SET LOCAL statement_timeout = 0")
    for table in (model._meta.table_name for model in TABLES):
        copy = f"{table}_version_{version}"
        if database.table_exists(table) and not database.table_exists(copy):
            run(database, f'CREATE TABLE "{copy}" AS TABLE "{table}"')
    log.warning(
        "The database takes a new form; as version %d had it, it is kept in tables *_version_%d", version, version
    )
