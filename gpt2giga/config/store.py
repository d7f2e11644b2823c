"""The settings of what is kept."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gpt2giga.config.parsers import postgresql_url, prices, size, size_or_none, whole_number
from gpt2giga.config.setting import MIB, setting

# Stands beside the database's file as soon as a key was made: without that file nobody could tell any more.
KEYS_MARK = "keys-were-made"


@dataclass(frozen=True)
class StoreSettings:
    """Where the database is, and how much of responses that are kept for previous_response_id."""

    PREFIX = "GPT2GIGA_STORE_"

    state_dir: str | None = setting(
        None,
        "Folder for the database (stored responses, batches, usage, keys, accounts, owners of files) and for what is "
        "known about GigaChat's models (default: gpt2giga in ~/.local/state)",
        variable="GPT2GIGA_STATE_DIR",
        also="STATE_DIRECTORY",
        below="GPT2GIGA_PASS_TOKEN",
    )
    database_url: str | None = setting(
        None,
        "Database of several machines, postgresql://user:password@host/name (extra: postgres); without it there is a "
        "file in GPT2GIGA_STATE_DIR",
        postgresql_url,
        variable="GPT2GIGA_DATABASE_URL",
        secret=True,
    )
    batch_files_size: int = setting(
        1024 * MIB,
        "Bytes that all files of batches may take, requests and results; when they are taken, no further file is "
        "accepted. Each is kept for 30 days",
        size,
        variable="GPT2GIGA_BATCH_FILES_SIZE",
    )
    days: int = setting(
        30, "Days to keep a response, or a conversation after its last turn; 0: keep none", whole_number(0, 36500)
    )
    size: int = setting(
        256 * MIB,
        "Bytes that all stored responses and conversations may take; what was not used for the longest time goes first",
        size,
    )
    embeddings_size: int = setting(
        64 * MIB,
        "Bytes that embeddings may take which are remembered for 30 days, so that the same text is not paid for twice; "
        "0: none. No text is stored",
        size_or_none,
        variable="GPT2GIGA_EMBEDDINGS_CACHE_SIZE",
    )
    prices: tuple[tuple[str, float], ...] = setting(
        (),
        "What a million tokens of a model costs, in roubles, for `gpt2giga usage`: GigaChat-2-Max=650,...",
        prices,
        variable="GPT2GIGA_PRICES",
    )

    @property
    def keys_mark(self) -> Path | None:
        """None where the database is elsewhere, or nowhere."""
        return Path(self.state_dir) / KEYS_MARK if self.state_dir and not self.database_url else None

    @property
    def may_hold_keys(self) -> bool:
        """False when it is certain that `gpt2giga keys` has made none: a server is not asked for that."""
        return bool(self.database_url) or (self.keys_mark is not None and os.path.lexists(self.keys_mark))
