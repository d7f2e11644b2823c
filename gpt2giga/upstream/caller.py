"""Who asks: what the way to GigaChat has to know of a request, and what it tells back."""

from __future__ import annotations

import enum
from typing import Protocol


class Priority(enum.IntEnum):
    """In the line for the account's slots the lower number goes first. BATCH goes after everybody else, however long it
    has waited, and nobody asks for it: it is that of batches."""

    HIGH = 0
    NORMAL = 1
    LOW = 2
    BATCH = 3


# What a client may ask for.
PRIORITIES = {priority.name.lower(): priority for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH)}


class Caller(Protocol):
    """priority: None where nobody has chosen one, and the kind of the request decides."""

    @property
    def priority(self) -> Priority | None: ...

    def may_use(self, model: str) -> bool:
        """The model, as GigaChat calls it, may answer this request."""

    def begin_wait(self) -> None:
        """It stands in the line for a slot from now on."""

    def add_wait(self, seconds: float) -> None:
        """So long it stood in the line; said when that is over, in vain or not."""

    def answered_by(self, account: str, model: str) -> None:
        """The account, by its name, and the model that answer; said again when others take over."""


class Anybody:
    """A Caller that wants nothing and listens to nothing."""

    priority: Priority | None = None

    def may_use(self, model: str) -> bool:
        return True

    def begin_wait(self) -> None:
        pass

    def add_wait(self, seconds: float) -> None:
        pass

    def answered_by(self, account: str, model: str) -> None:
        pass


ANYBODY = Anybody()
