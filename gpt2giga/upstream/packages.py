"""What is left of an account's packages: GET /balance (contract 2.13, 2.18)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from gpt2giga.upstream.contract.packages import Package
from gpt2giga.upstream.transport.http import StatusError
from gpt2giga.upstream.transport.sdk import GigaChatClient

# Seconds between two looks; the shorter time for as long after a 402: somebody may be buying more just now.
EVERY, AFTER_402 = 600.0, 60.0


class Packages:
    """Of one account. identity: what tells it from others; secret. explaining: raises a ProxyError for whatever the
    client raises."""

    def __init__(
        self, client: GigaChatClient, explaining: Callable[[], AbstractContextManager[None]], identity: str
    ) -> None:
        self._client, self._explaining = client, explaining
        # Under which it can be kept: the account's name may be another's tomorrow.
        self.digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
        self._read_at: float | None = None

    @property
    def are_due(self) -> bool:
        """GigaChat may be asked again."""
        if self._read_at is None:
            return True
        now, refused_at = time.monotonic(), self._client.used_up_at
        is_dry = refused_at is not None and now - refused_at < EVERY
        return now - self._read_at >= (AFTER_402 if is_dry else EVERY)

    def read(self) -> list[Package] | None:
        """None: the account has none, and pays as it goes. Raises ProxyError."""
        self._read_at = time.monotonic()
        with self._explaining():
            try:
                found = self._client.get_balance().balance
            except StatusError as error:
                if error.status_code != 403:
                    raise
                return None
        return [Package(entry.usage, max(0, round(entry.value))) for entry in found]
