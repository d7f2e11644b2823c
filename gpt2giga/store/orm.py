"""peewee, without PostgreSQL's driver until there is need of it: whoever uses peewee here has it from this file.

By itself peewee imports psycopg wherever that is installed, which takes each process a tenth of a second and 8 MB,
while nearly all services keep a SQLite file.
"""

from __future__ import annotations

import sys
from typing import TypeAlias

DRIVER = "psycopg"

is_hidden = sys.modules.setdefault(DRIVER, None) is None  # type: ignore[arg-type]  # so that an import of it fails
try:
    import peewee as peewee
finally:
    if is_hidden:
        del sys.modules[DRIVER]

from peewee import *  # noqa: E402 F403 only now
from peewee import ModelSelect as ModelSelect  # noqa: E402 which the star leaves out

Connection: TypeAlias = peewee.Database


def use_driver() -> None:
    """As if it had been there when peewee was imported: the names that peewee would have set then. psycopg2, where
    somebody has only that, peewee finds by itself."""
    if vars(peewee)[DRIVER] is not None:
        return
    try:
        import psycopg
        from psycopg.pq import TransactionStatus
        from psycopg.types.json import Json, Jsonb
    except ImportError:
        return
    vars(peewee).update(psycopg=psycopg, TransactionStatus=TransactionStatus, Json_pg3=Json, Jsonb_pg3=Jsonb)
    adapter = peewee.PostgresqlDatabase.psycopg3_adapter
    adapter.txn_idle, adapter.txn_inerror = TransactionStatus.IDLE, TransactionStatus.INERROR
    adapter.txn_unknown = TransactionStatus.UNKNOWN
