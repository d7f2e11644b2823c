"""Embeddings that are remembered: the same text is not paid for twice, as when an agent indexes its memory anew."""

from __future__ import annotations

import hashlib
import logging
import sys
import time
from array import array
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from gpt2giga.store.database import Database, Unusable
from gpt2giga.store.orm import peewee
from gpt2giga.store.room import MOST_PARAMETERS, Room
from gpt2giga.store.tables import KeptEmbedding
from gpt2giga.upstream.embeddings import Embedding

T = TypeVar("T")

DAYS = 30

log = logging.getLogger(__name__)


class EmbeddingStore:
    """scope: what else than model and text a vector depends on."""

    def __init__(self, database: Database | None, most_bytes: int, *scope: str) -> None:
        self._database = database if most_bytes else None
        self._room = Room(DAYS, most_bytes, KeptEmbedding)
        self._scope = scope
        self._warned = False

    def embed(
        self, texts: list[str], model: str, tenant: str, ask: Callable[[list[str]], list[Embedding]]
    ) -> list[Embedding]:
        """In the order of `texts`. Those that nobody was asked for have no tokens. A database that is away costs no
        more than what it would have saved.

        tenant: whoever asks: that it costs nothing would tell others what was embedded.
        """
        if self._database is None:
            return ask(texts)
        ids = [self._id(model, tenant, text) for text in texts]
        found = self._read(set(ids))
        missing = {row_id: text for row_id, text in zip(ids, texts, strict=True) if row_id not in found}
        fresh = dict(zip(missing, ask([*missing.values()]) if missing else (), strict=True))
        self._keep(fresh)
        embeddings = []
        for row_id in ids:  # a text that stands twice has been asked for once
            embeddings.append(fresh.pop(row_id) if row_id in fresh else found[row_id])
            found[row_id] = replace(embeddings[-1], tokens=0)
        return embeddings

    def _id(self, model: str, tenant: str, text: str) -> str:
        parts = (*self._scope, model, tenant, text)
        digest = hashlib.sha256()
        for part in parts:
            encoded = part.encode(errors="surrogatepass")
            digest.update(b"%d:" % len(encoded))
            digest.update(encoded)
        return digest.hexdigest()

    def _read(self, ids: set[str]) -> dict[str, Embedding]:
        def select(database: peewee.Database) -> list[tuple[str, bytes, bool]]:
            rows: list[tuple[str, bytes, bool]] = []
            table, all_ids = KeptEmbedding, [*ids]
            for start in range(0, len(all_ids), MOST_PARAMETERS):
                wanted = table.id.in_(all_ids[start : start + MOST_PARAMETERS])
                query = table.select(table.id, table.body, table.averaged)
                rows += query.where(wanted, table.created > self._room.oldest()).tuples().execute(database)
            return rows

        return {row_id: Embedding(_to_vector(body), 0, averaged) for row_id, body, averaged in self._do(select) or ()}

    def _keep(self, fresh: dict[str, Embedding]) -> None:
        now = time.time()

        def insert(database: peewee.Database) -> None:
            added = 0
            for row_id, embedding in sorted(fresh.items()):  # in one order everywhere, see spending.spend
                body = _to_bytes(embedding.vector)
                if not self._room.takes(len(body)):
                    continue
                row = {"created": now, "size": len(body), "body": body, "averaged": embedding.averaged}
                # Another worker may have asked for the same, and one that is too old is not gone yet.
                query = KeptEmbedding.insert(id=row_id, **row)
                query.on_conflict(conflict_target=[KeptEmbedding.id], update=row).execute(database)
                added += len(body)
            self._room.make(database, added)

        if fresh:
            self._do(insert)

    def _do(self, work: Callable[[peewee.Database], T]) -> T | None:
        """None where that is not possible."""
        if self._database is None:
            return None
        try:
            done = self._database.do(work)
            self._warned = False
            return done
        except Unusable as unusable:
            if not self._warned:
                log.warning("Embeddings are not remembered until the database is back: %s", unusable)
            self._warned = True
            return None


def _to_bytes(vector: list[float]) -> bytes:
    return _swapped(array("d", vector)).tobytes()


def _to_vector(body: bytes) -> list[float]:
    return _swapped(array("d", bytes(body))).tolist()


def _swapped(numbers: array[float]) -> array[float]:
    """Machines of both kinds may share a database."""
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
