"""All keys that open the service, as this process knows them: those of GPT2GIGA_API_KEY, and those of `gpt2giga keys`,
which change while it runs."""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone

from gpt2giga.config.parsers import ClientKey
from gpt2giga.errors import NotAuthenticated, Unavailable
from gpt2giga.store.database import Unusable
from gpt2giga.store.key_store import KeyStore
from gpt2giga.store.keys import hash_of, StoredKey
from gpt2giga.upstream.caller import Priority
from gpt2giga.web.exchange import Exchange, tenant_of
from gpt2giga.web.on_behalf import OnBehalf

# Between two looks at the store, and the least between two that keys which nobody knows cause.
LOOK_SECONDS, LEAST_LOOK_SECONDS = 2.0, 1.0
RETRY_AFTER = 5.0

log = logging.getLogger(__name__)


class Keyring:
    """All keys of the store are held in memory, by the hashes of their secrets: no request waits for the database, and
    while it is away those that are known go on working. One thread looks for changes; `start` starts it, which is to be
    done in the process that serves.

    on_change: called when keys have changed, and at the start. store: None where only `own` keys open.
    asks_for_key: before the store was seen it does, for nobody knows yet that it need not.
    """

    def __init__(self, own: tuple[ClientKey, ...], store: KeyStore | None) -> None:
        self._own, self._store = own, store
        self._keys: dict[str, StoredKey] = {}
        self._edition: int | None = None
        self._problem = "" if store is None else "it was not looked at yet"
        self._may_hold = store is not None
        self._looked_at = 0.0
        self._looking = threading.Lock()
        self._closed = threading.Event()
        self._is_started = False
        self.on_change: Callable[[], None] = lambda: None

    @property
    def asks_for_key(self) -> bool:
        return bool(self._own) or self._may_hold

    @property
    def keeps_apart(self) -> bool:
        """Whether what a key makes is to be seen by that key only: one alone sees all."""
        return self._may_hold or len({key.key for key in self._own}) > 1

    def start(self) -> None:
        """Returns when the store was seen, or could not be."""
        with self._looking:
            if self._is_started:
                return
            self._look()
            self.on_change()
            self._is_started = True
            if self._store is not None:
                threading.Thread(target=self._watch, daemon=True, name="keys").start()

    def close(self) -> None:
        self._closed.set()

    def admit(self, exchange: Exchange) -> None:
        """Says whose the key is that the exchange shows. Raises NotAuthenticated, Unavailable."""
        shown = exchange.key
        for own in self._own:
            if _is_same(shown, own.key):
                exchange.key_name = own.name
                return
            if own.whole and _is_same(shown, own.whole):
                exchange.key_name = own.whole_name
                return
        # No comparison of a hash tells how much of a secret was right.
        wanted = hash_of(shown)
        key = self._find(lambda: self._keys.get(wanted)) if self._store and shown else None
        if key is None:
            raise self._unknown(shown)
        _check(key, wanted)
        _open_with(key, exchange)

    def admit_again(self, exchange: Exchange, asker: OnBehalf) -> None:
        """Who has shown the key before. Raises as `admit`."""
        if not asker.key_id:
            exchange.key_name = self._own_name(asker.tenant)
            return
        key = self._find(lambda: next((key for key in [*self._keys.values()] if key.id == asker.key_id), None))
        if key is None:
            raise self._away or NotAuthenticated("The API key that this was asked with does not exist any more.")
        _check(key, key.hash)
        _open_with(key, exchange)

    def _own_name(self, tenant: str) -> str:
        for own in self._own:
            if tenant == tenant_of(own.key):
                return own.name
            if own.whole and tenant == tenant_of(own.whole):
                return own.whole_name
        raise NotAuthenticated(
            "The API key that this was asked with is none of this service's any more (GPT2GIGA_API_KEY)."
        )

    def _find(self, look: Callable[[], StoredKey | None]) -> StoredKey | None:
        """A key may have been made just now, but a flood of those that nobody made must not reach the store."""
        if (found := look()) is None and time.monotonic() - self._looked_at > LEAST_LOOK_SECONDS:
            with self._looking:
                if time.monotonic() - self._looked_at > LEAST_LOOK_SECONDS:
                    self._look()
            found = look()
        return found

    @property
    def _away(self) -> Unavailable | None:
        if not (self._may_hold and self._problem):
            return None
        return Unavailable(
            "The keys of this service cannot be looked up at the moment; its log says why.",
            code="store_unavailable",
            retry_after=RETRY_AFTER,
        )

    def _unknown(self, shown: str) -> NotAuthenticated | Unavailable:
        if (away := self._away) and (shown or self._edition is None):
            return away
        if not shown:
            return NotAuthenticated("No API key provided. Send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.")
        if self._may_hold:
            return NotAuthenticated("Incorrect API key provided. Whoever runs this service makes one: gpt2giga keys.")
        return NotAuthenticated(
            "Incorrect API key provided. This service wants the key that its GPT2GIGA_API_KEY holds."
        )

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            with self._looking:
                self._look()

    def _look(self) -> None:
        if self._store is None:
            return
        try:
            found = self._store.look(self._edition)
        except Unusable as unusable:
            if str(unusable) != self._problem:
                log.error("Keys that are known go on working, others are refused: %s", unusable)
            self._problem = str(unusable)
            return
        finally:
            self._looked_at = time.monotonic()
        if self._problem and self._edition is not None:
            log.info("The database holds the keys again")
        before = (self._may_hold, self._edition)
        self._problem, self._edition, self._may_hold = "", found.edition, found.edition is not None
        if found.keys is not None:
            self._keys = {
                secret: key for key in found.keys for secret in (key.former_hash, key.hash) if secret is not None
            }
        if before != (self._may_hold, self._edition):
            self.on_change()


def _open_with(key: StoredKey, exchange: Exchange) -> None:
    exchange.stored_key, exchange.key_name = key, key.name
    if key.rights.priority:
        exchange.priority = Priority[key.rights.priority.upper()]


def _check(key: StoredKey, shown: str) -> None:
    """Whoever shows a secret that once was good may know what became of it. Raises NotAuthenticated."""
    now = time.time()
    if key.revoked is not None:
        raise NotAuthenticated("This API key was revoked.")
    if shown != key.hash and now >= (key.former_until or 0):
        raise NotAuthenticated("This API key was replaced by another one.")
    if key.rights.until is not None and now >= key.rights.until:
        raise NotAuthenticated(f"This API key was good until {moment(key.rights.until)}.")


def moment(seconds: float) -> str:
    """Of Unix time, for people."""
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def _is_same(shown: str, key: str) -> bool:
    """In constant time, so that the time taken says nothing about the key."""
    return hmac.compare_digest(shown.encode(), key.encode())
