"""Which accounts are not asked for now, and for which model: each process finds out for itself."""

from __future__ import annotations

import logging
import threading
import time

from gpt2giga.errors import NotFound, PermissionDenied, ProxyError, QuotaExceeded, RateLimited
from gpt2giga.upstream.transport.failures import KeyRejected

log = logging.getLogger(__name__)

# Seconds. Somebody may buy tokens, open the model or renew the key meanwhile, and one failed try finds out.
REFUSED, BUSY = 600.0, 60.0
TOO_MANY_REQUESTS = 429
ALL_MODELS = ""
# Accounts times models, and clients make up models.
MOST_REMEMBERED = 10_000


class SetAside:
    """By account and model, until when on the monotonic clock; a rejected key is none for any model."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def note(self, account: str, model: str, error: ProxyError) -> bool:
        """False for what another account would answer in the same way."""
        seconds = _seconds(error)
        if not seconds:
            return False
        about = ALL_MODELS if isinstance(error, KeyRejected) else model
        if about == ALL_MODELS and not isinstance(error, KeyRejected):  # it may chat, but not list models
            return True
        until = time.monotonic() + seconds
        with self._lock:
            self._make_room()
            is_new = self._until.get((account, about), 0.0) < time.monotonic()
            self._until[account, about] = until
        if is_new:
            log.warning(
                "Account %s is set aside for %.0f s (%s): %s", account, seconds, about or "all models", error.message
            )
        return True

    def until(self, account: str, model: str) -> float:
        """When it may be asked again, in seconds from now; 0: now."""
        ends = max(self._until.get((account, ALL_MODELS), 0.0), self._until.get((account, model), 0.0))
        return max(0.0, ends - time.monotonic())

    def is_rejected(self, account: str) -> bool:
        return self._until.get((account, ALL_MODELS), 0.0) > time.monotonic()

    def end(self, account: str, model: str) -> None:
        """It has answered."""
        with self._lock:
            for about in (ALL_MODELS, model):
                self._until.pop((account, about), None)

    def forget(self, account: str) -> None:
        """It has another key, or is gone."""
        with self._lock:
            self._until = {key: until for key, until in self._until.items() if key[0] != account}

    def _make_room(self) -> None:
        if len(self._until) >= MOST_REMEMBERED:
            now = time.monotonic()
            self._until = {key: until for key, until in self._until.items() if until > now}
        if len(self._until) >= MOST_REMEMBERED:
            self._until.clear()


def _seconds(error: ProxyError) -> float:
    """For which the account is of no use, after all repetitions; 0 for errors that are not the account's."""
    if isinstance(error, RateLimited):  # not for our own line
        return max(BUSY, min(error.retry_after or 0.0, REFUSED)) if error.upstream_status == TOO_MANY_REQUESTS else 0.0
    is_closed = isinstance(error, NotFound) and error.code == "model_not_found"
    return REFUSED if is_closed or isinstance(error, KeyRejected | QuotaExceeded | PermissionDenied) else 0.0
