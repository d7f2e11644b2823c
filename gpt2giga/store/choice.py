"""Which database the settings name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from gpt2giga.config.settings import SettingsError
from gpt2giga.config.store import StoreSettings
from gpt2giga.language import _
from gpt2giga.store.database import Database
from gpt2giga.store.key_store import KeyStore
from gpt2giga.store.postgresql import PostgreSQL
from gpt2giga.store.sqlite import FILE, SQLiteFile


def database_of(store: StoreSettings) -> Database | None:
    """None where there is no folder for it either. Raises SettingsError without the extra that it needs."""
    if store.database_url:
        if find_spec("psycopg") is None and find_spec("psycopg2") is None:
            raise SettingsError(
                _("GPT2GIGA_DATABASE_URL needs a package that is not installed: pip install 'psycopg[binary]'")
            )
        return Database(PostgreSQL(store.database_url))
    return Database(SQLiteFile(Path(store.state_dir) / FILE)) if store.state_dir else None


def existing_database(store: StoreSettings) -> Database | None:
    """For whoever only reads: None where no service has made one, of which PostgreSQL tells by itself."""
    return database_of(store) if exists(store) else None


def exists(store: StoreSettings) -> bool:
    """A file has been made; a server is taken to be there."""
    return bool(store.database_url or (store.state_dir and (Path(store.state_dir) / FILE).exists()))


def key_store_of(store: StoreSettings, database: Database | None) -> KeyStore | None:
    return KeyStore(database, store.keys_mark) if database else None
