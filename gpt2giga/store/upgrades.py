"""The steps from the form of one version of the database to that of the next.

They name no model, for models change with later versions: each step is SQL that SQLite and PostgreSQL read alike.
"""

from __future__ import annotations

from collections.abc import Callable

from gpt2giga.store.orm import Database

Upgrade = Callable[[Database], None]

USAGE = """
CREATE TABLE usage (
    hour INTEGER NOT NULL, key TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL, route TEXT NOT NULL,
    requests BIGINT NOT NULL, errors BIGINT NOT NULL, prompt BIGINT NOT NULL, completion BIGINT NOT NULL,
    cached BIGINT NOT NULL, seconds DOUBLE PRECISION NOT NULL, PRIMARY KEY (hour, key, account, model, route)
)
"""
USAGE_FAILURES = """
CREATE TABLE usage_failures (
    hour INTEGER NOT NULL, key TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL, route TEXT NOT NULL,
    cause TEXT NOT NULL, errors BIGINT NOT NULL, PRIMARY KEY (hour, key, account, model, route, cause)
)
"""
AMOUNTS = "requests, errors, prompt, completion, cached, seconds"


def run(database: Database, statement: str) -> None:
    database.execute_sql(statement)  # type: ignore[no-untyped-call]


def count_accounts_apart(database: Database) -> None:
    """1 -> 2. Nobody knows any more whose account it was; SQLite cannot change a primary key."""
    for table, definition, rest in (("usage", USAGE, AMOUNTS), ("usage_failures", USAGE_FAILURES, "cause, errors")):
        if not database.table_exists(table):  # it can be missing: whoever took it away gets an empty one
            continue
        run(database, f"ALTER TABLE {table} RENAME TO former_{table}")
        run(database, definition)
        columns = f"hour, key, model, route, {rest}"
        run(database, f"INSERT INTO {table} (account, {columns}) SELECT '', {columns} FROM former_{table}")
        run(database, f"DROP TABLE former_{table}")


# From version 1 to 2, from 2 to 3 and so on; a step is never changed once it was released.
UPGRADES: tuple[Upgrade, ...] = (count_accounts_apart,)
