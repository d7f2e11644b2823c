"""What the database knows of who has used how much, for the page and the command."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from gpt2giga.store.database import Database
from gpt2giga.store.orm import fn, Model, ModelSelect, SQL
from gpt2giga.store.tables import UsageFailure, UsageHour

MINUTES_PER_HOUR, MINUTES_PER_DAY, HOUR_SECONDS = 60, 1440, 3600
# What may be asked for at once; and no clock is further from UTC than so many minutes.
MOST_DAYS, MOST_OFFSET = 31, 14 * 60
SUMS = ("requests", "errors", "prompt", "completion", "cached", "seconds")


@dataclass(frozen=True, slots=True)
class Span:
    """The last so many days, today among them, as a clock shows them that is ahead of UTC by so many minutes."""

    days: int
    offset: int = 0

    @property
    def today(self) -> int:
        return (int(time.time()) // 60 + self.offset) // MINUTES_PER_DAY

    @property
    def first_hour(self) -> int:
        """Of Unix time. Zones that are not ahead by whole hours get the one in which their day begins."""
        return ((self.today - self.days + 1) * MINUTES_PER_DAY - self.offset) // MINUTES_PER_HOUR

    def start(self, row: dict[str, Any], bucket: str) -> int:
        """Unix time. Takes the bucket's number out of the row."""
        number = row.pop(bucket)
        return int(number * HOUR_SECONDS if bucket == "hour" else (number * MINUTES_PER_DAY - self.offset) * 60)

    def day(self, table: type[Model]) -> Any:
        """As an SQL expression: days since the beginning of Unix time, on that clock."""
        return (table._meta.fields["hour"] * MINUTES_PER_HOUR + self.offset) / MINUTES_PER_DAY


def usage(database: Database, span: Span, by: tuple[str, ...], key: str | None = None) -> list[dict[str, Any]]:
    """Sums for each combination of `by`: hour, day, key, account, model and route. key: only that one's. Raises
    Unusable."""
    sums = [fn.COALESCE(fn.SUM(UsageHour._meta.fields[name]), 0).alias(name) for name in SUMS]
    query = _grouped(UsageHour, span, by, key, sums).order_by(*_places(by))
    return database.do(lambda connection: [_plain(row) for row in query.dicts().execute(connection)])


def failures(database: Database, span: Span, by: tuple[str, ...], key: str | None = None) -> list[dict[str, Any]]:
    """The errors among them, most frequent first; `by` may also name the cause. Raises Unusable."""
    errors = fn.SUM(UsageFailure.errors)
    query = _grouped(UsageFailure, span, by, key, [errors.alias("errors")]).order_by(errors.desc())
    return database.do(lambda connection: [_plain(row) for row in query.dicts().execute(connection)])


def billed(database: Database, days: int) -> dict[tuple[str, str], int]:
    """Tokens of the last so many times 24 hours that were not cached (contract 4.8), by account and model. Raises
    Unusable."""
    first_hour = int(time.time()) // HOUR_SECONDS - days * 24
    tokens = fn.SUM(UsageHour.prompt - UsageHour.cached + UsageHour.completion).alias("tokens")
    query = UsageHour.select(UsageHour.account, UsageHour.model, tokens).where(UsageHour.hour > first_hour)
    query = query.group_by(UsageHour.account, UsageHour.model)
    rows = database.do(lambda connection: [*query.dicts().execute(connection)])
    return {(row["account"], row["model"]): int(row["tokens"]) for row in rows}


def report(database: Database, span: Span, key: str | None = None) -> dict[str, Any]:
    """For plots. `at` is the Unix time of a bucket's beginning: an hour of one day, else a day. Raises Unusable."""
    bucket = "hour" if span.days == 1 else "day"
    return {
        "days": span.days,
        "key": key,
        "buckets": [{"at": span.start(row, bucket), **row} for row in usage(database, span, (bucket,), key)],
        "models": usage(database, span, ("model",), key),
        "keys": usage(database, span, ("key",), key),
        # Whose they are is the operator's business.
        "accounts": [] if key is not None else usage(database, span, ("account",)),
        "causes": failures(database, span, ("cause",), key),
    }


def _grouped(table: type[Model], span: Span, by: tuple[str, ...], key: str | None, sums: list[Any]) -> ModelSelect:
    groups = [span.day(table).alias("day") if name == "day" else table._meta.fields[name] for name in by]
    query = table.select(*groups, *sums).where(table._meta.fields["hour"] >= span.first_hour)
    if key is not None:
        query = query.where(table._meta.fields["key"] == key)
    return query.group_by(*_places(by))


def _places(by: tuple[str, ...]) -> list[SQL]:
    """In the list of columns: with parameters in it PostgreSQL does not take two equal expressions for one."""
    return [SQL(str(place)) for place, _ in enumerate(by, 1)]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """PostgreSQL's sums are decimals."""
    return {
        name: value if isinstance(value, str) else round(float(value), 3) if name == "seconds" else int(value)
        for name, value in row.items()
    }
