"""What keys have spent of their limits, in spans that all processes share: minutes, days and months of UTC."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import NamedTuple

from gpt2giga.store.orm import Connection, EXCLUDED
from gpt2giga.store.tables import KeySpending

MINUTE, DAY, MONTH = "minute", "day", "month"
MINUTE_SECONDS, DAY_SECONDS = 60, 86400
# As long as each may be of interest; the longest month is over by then.
KEPT_SECONDS = {MINUTE: 3600, DAY: 3 * DAY_SECONDS, MONTH: 70 * DAY_SECONDS}


class Span(NamedTuple):
    """`start` and `end` are Unix time."""

    name: str
    start: int
    end: int


class Account(NamedTuple):
    """What is added up in one row. key: its id."""

    key: str
    span: str
    start: int


def span(name: str, now: float) -> Span:
    """The one that `now` is in."""
    if name == MONTH:
        first = datetime.fromtimestamp(now, timezone.utc).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
        return Span(name, int(first.timestamp()), int(following.timestamp()))
    seconds = MINUTE_SECONDS if name == MINUTE else DAY_SECONDS
    start = int(now) // seconds * seconds
    return Span(name, start, start + seconds)


def spans(now: float) -> dict[str, Span]:
    return {name: span(name, now) for name in (MINUTE, DAY, MONTH)}


def spend(connection: Connection, amounts: Mapping[Account, int]) -> None:
    """In one order everywhere: two that wait for each other's rows would wait for ever."""
    target = [KeySpending.key, KeySpending.span, KeySpending.start]
    more = {KeySpending.spent: KeySpending.spent + EXCLUDED.spent}
    for account, amount in sorted(amounts.items()):
        row = KeySpending.insert(**account._asdict(), spent=amount)
        row.on_conflict(conflict_target=target, update=more).execute(connection)


def spent(connection: Connection, now: float, key: str | None = None) -> dict[Account, int]:
    """In the spans that `now` is in. key: only of this one."""
    wanted = {name: found.start for name, found in spans(now).items()}
    query = KeySpending.select().where(KeySpending.start.in_([*wanted.values()]))
    if key is not None:
        query = query.where(KeySpending.key == key)
    rows = query.dicts().execute(connection)
    return {
        Account(row["key"], row["span"], row["start"]): row["spent"]
        for row in rows
        if wanted.get(row["span"]) == row["start"]
    }


def forget(connection: Connection) -> None:
    """What no limit asks for any more."""
    for name, seconds in KEPT_SECONDS.items():
        old = (KeySpending.span == name) & (KeySpending.start < int(time.time()) - seconds)
        KeySpending.delete().where(old).execute(connection)
