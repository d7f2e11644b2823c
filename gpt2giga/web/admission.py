"""By which steps a request comes in: others as soon as the first key is made, and no more than are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Response

from gpt2giga.web.auth import key_checker
from gpt2giga.web.exchange import Exchange, OpeningStep
from gpt2giga.web.file_owners import FileOwners
from gpt2giga.web.key_limits import KeyLimits
from gpt2giga.web.keyring import Keyring

# In the WSGI environment: the process ends with its request, as a CGI script does.
RUNS_ONCE = "wsgi.run_once"


class Admission:
    """`steps` are an Opening of exchange.py. anybody: what is done where no key is asked for. further: the steps after
    those that look at keys; the first of them counts who is in work. limits: None where no key can have any. on_first:
    called at the first request of a process that will see more."""

    steps: Sequence[OpeningStep]

    def __init__(
        self,
        keyring: Keyring,
        limits: KeyLimits | None,
        owners: FileOwners,
        anybody: Callable[[Exchange], None],
        further: Sequence[OpeningStep],
    ) -> None:
        self._keyring, self._limits, self._owners = keyring, limits, owners
        self.on_first: Callable[[], None] = lambda: None
        admit, *rest = further
        counted = [limits.check] if limits else []
        self._with_key: Sequence[OpeningStep] = (key_checker(keyring), admit, *counted, *rest)
        self._open: Sequence[OpeningStep] = (anybody, *further)
        self.steps = (self._begin,)
        keyring.on_change = self._adapt

    def close(self) -> None:
        self._keyring.close()
        if self._limits:
            self._limits.close()

    def _begin(self, exchange: Exchange) -> Response | None:
        """The first request: nothing is asked of a database before there is one, nor in a process that only forks."""
        self._keyring.start()
        if not exchange.request.environ.get(RUNS_ONCE):
            self.on_first()
        for step in self.steps:
            if (response := step(exchange)) is not None:
                return response
        return None

    def _adapt(self) -> None:
        self._owners.keeps_apart = self._keyring.keeps_apart
        self.steps = self._with_key if self._keyring.asks_for_key else self._open
