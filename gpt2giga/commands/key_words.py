"""Keys as `gpt2giga keys` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from gpt2giga.language import _, N_, number
from gpt2giga.store import spending
from gpt2giga.store.keys import StoredKey
from gpt2giga.store.spending import Account, DAY, MONTH

VALID, REVOKED, EXPIRED = N_("valid"), N_("revoked"), N_("expired")
TITLES = {
    "name": N_("name"),
    "prefix": N_("begins with"),
    "state": N_("state"),
    "created": N_("made"),
    "until": N_("good until"),
    "former_until": N_("former secret good until"),
    "requests_per_minute": N_("requests a minute"),
    "tokens_per_day": N_("tokens a day"),
    "spent_today": N_("spent today"),
    "tokens_per_month": N_("tokens a month"),
    "spent_this_month": N_("spent this month"),
    "models": N_("models"),
    "priority": N_("priority"),
}
LIMITS = ("requests_per_minute", "spent_today", "tokens_per_day", "spent_this_month", "tokens_per_month")
OF_LIST = ("name", "prefix", "state", *LIMITS, "until")


def told(key: StoredKey, spent: Mapping[Account, int], now: float) -> dict[str, Any]:
    """As JSON has it; moments with the zone of whoever asks. What is not counted for a key is null."""
    rights, spans = key.rights, spending.spans(now)
    is_over = rights.until is not None and rights.until <= now
    former = key.former_until if key.former_until and key.former_until > now else None
    counts = rights.tokens_per_day is not None or rights.tokens_per_month is not None
    of_day, of_month = (
        spent.get(Account(key.id, name, spans[name].start), 0) if counts else None for name in (DAY, MONTH)
    )
    return {
        "name": key.name,
        "prefix": key.prefix,
        "state": REVOKED if key.revoked is not None else EXPIRED if is_over else VALID,
        "created": _moment(key.created),
        "until": _moment(rights.until),
        "former_until": _moment(former),
        "requests_per_minute": rights.requests_per_minute,
        "tokens_per_day": rights.tokens_per_day,
        "spent_today": of_day,
        "tokens_per_month": rights.tokens_per_month,
        "spent_this_month": of_month,
        "models": list(rights.models),
        "priority": rights.priority or None,
    }


def write_table(rows: list[dict[str, Any]]) -> None:
    lines = [[_(TITLES[column]) for column in OF_LIST]]
    lines += [[_shown(column, row[column]) for column in OF_LIST] for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(OF_LIST))]
    for line in lines:
        cells = [
            cell.rjust(width) if column in LIMITS else cell.ljust(width)
            for column, cell, width in zip(OF_LIST, line, widths, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def write_key(row: dict[str, Any]) -> None:
    width = max(len(_(title)) for title in TITLES.values())
    for column, title in TITLES.items():
        if column == "name" or row[column] not in (None, []):
            click.echo(f"{_(title):{width}}  {_shown(column, row[column])}")


def _shown(column: str, value: Any) -> str:
    if value in (None, []):
        return "-"
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, int):
        return number(value)
    if column in ("created", "until", "former_until"):
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M}"
    return _(value) if column == "state" else str(value)


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")
