"""The GigaChat accounts that `gpt2giga accounts` keeps."""

from __future__ import annotations

import logging
import time

from gpt2giga.config.parsers import AccountKey
from gpt2giga.config.store import StoreSettings
from gpt2giga.store.choice import existing_database, exists
from gpt2giga.store.database import Database, Unusable
from gpt2giga.store.orm import Connection
from gpt2giga.store.tables import StoredAccount

log = logging.getLogger(__name__)


class StoredAccounts:
    """What a running service asks every few seconds."""

    def __init__(self, store: StoreSettings, database: Database) -> None:
        self._store, self._database = store, database
        self._warned = False

    def __call__(self) -> tuple[AccountKey, ...] | None:
        """None while the database is away."""
        if not exists(self._store):
            return None
        try:
            found = read_accounts(self._database)
        except Unusable as unusable:
            if not self._warned:
                log.warning("Accounts cannot be read from the store, and stay as they are: %s", unusable)
            self._warned = True
            return None
        self._warned = False
        return found


def stored_accounts(store: StoreSettings) -> tuple[AccountKey, ...]:
    """For whoever asks once; none where the database cannot be read."""
    database = existing_database(store)
    if database is None:
        return ()
    try:
        return read_accounts(database)
    except Unusable:
        return ()
    finally:
        database.close()


def read_accounts(database: Database) -> tuple[AccountKey, ...]:
    """In the order of their names. Raises Unusable."""

    def read(connection: Connection) -> tuple[AccountKey, ...]:
        rows = StoredAccount.select().order_by(StoredAccount.name).execute(connection)
        return tuple(AccountKey(row.name, row.key, row.scope) for row in rows)

    return database.do(read)


def add_account(database: Database, account: AccountKey) -> bool:
    """False where the name is taken. Raises Unusable."""

    def add(connection: Connection) -> bool:
        values = {"name": account.name, "key": account.key, "scope": account.scope, "created": time.time()}
        return bool(StoredAccount.insert(**values).on_conflict_ignore().as_rowcount().execute(connection))

    return database.do(add)


def remove_account(database: Database, name: str) -> bool:
    """False where there is none of the name. Raises Unusable."""
    return database.do(
        lambda connection: bool(StoredAccount.delete().where(StoredAccount.name == name).execute(connection))
    )
