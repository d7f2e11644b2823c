"""What `gpt2giga doctor` finds of the keys that `gpt2giga keys` has made."""

from __future__ import annotations

import time
from contextlib import closing

from gpt2giga.commands.command_line import CommandLine
from gpt2giga.commands.report import CheckFailed, Report
from gpt2giga.config.settings import SettingsError
from gpt2giga.config.store import StoreSettings
from gpt2giga.language import _


def check_keys(report: Report, command_line: CommandLine) -> None:
    """Nothing where none can have been made. What is wrong with the settings has a line of its own."""
    try:
        settings = command_line.unchecked_settings()
    except SettingsError:
        return
    if settings.store.may_hold_keys and not settings.server.pass_token:
        report.run("keys", lambda: _count(settings.store))


def _count(store: StoreSettings) -> str:
    """Raises CheckFailed, SettingsError."""
    from gpt2giga.store.choice import existing_database, key_store_of
    from gpt2giga.store.database import Unusable

    database = existing_database(store)
    book = key_store_of(store, database)
    if database is None or book is None:
        raise CheckFailed(
            _(
                "keys were made and their database is gone, so the service lets nobody in with one: restore a backup, "
                "or give them up with gpt2giga keys clear"
            )
        )
    with closing(database):
        try:
            found = book.look(None).keys or []
        except Unusable as unusable:
            raise CheckFailed(_("the keys cannot be read: {why}", why=str(unusable))) from None
    now = time.time()
    valid = [key for key in found if key.revoked is None and (key.rights.until is None or key.rights.until > now)]
    return _(
        "of gpt2giga keys: {valid} valid, {limited} of them limited, {other} revoked or expired",
        valid=len(valid),
        limited=sum(key.rights.is_counted for key in valid),
        other=len(found) - len(valid),
    )
