"""`gpt2giga usage`: who has used how much, from the service's database."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, TYPE_CHECKING

import click
import orjson

from gpt2giga.commands.command_line import CommandLine, Failure, no_database
from gpt2giga.config.store import StoreSettings
from gpt2giga.language import _, N_, number

if TYPE_CHECKING:
    from gpt2giga.store.database import Database
    from gpt2giga.telemetry.usage_report import Span

GROUPS = ("day", "key", "model", "account", "route")
MOST_DAYS = 400
EPOCH = date(1970, 1, 1).toordinal()
COLUMNS = ("requests", "errors", "prompt", "cached", "completion", "seconds")
ERROR_COLUMNS = ("cause", "errors")
TITLES = {
    "day": N_("day"),
    "key": N_("key"),
    "model": N_("model"),
    "account": N_("account"),
    "route": N_("route"),
    "requests": N_("requests"),
    "errors": N_("errors"),
    "cause": N_("cause"),
    "prompt": N_("tokens in"),
    "cached": N_("cached"),
    "completion": N_("tokens out"),
    "seconds": N_("seconds"),
    "roubles": N_("roubles"),
}


@click.command()
@click.option("--since", default="30d", help="First day: a date such as 2026-11-01, or so many days with today, 30d.")
@click.option(
    "--by", type=click.Choice(GROUPS), multiple=True, default=["model"], help="What to count apart; may be repeated."
)
@click.option("--errors", is_flag=True, help="Only errors, with their causes.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values.")
@click.option("--json", "as_json", is_flag=True, help="A list of JSON objects.")
@click.pass_obj
def usage(
    command_line: CommandLine, since: str, by: tuple[str, ...], errors: bool, as_csv: bool, as_json: bool
) -> None:
    """Requests and tokens by day, key, model, account or route, and with GPT2GIGA_PRICES what they cost."""
    from gpt2giga.store.database import Unusable

    by = tuple(dict.fromkeys(by))
    store = command_line.unchecked_settings().store
    try:
        if errors:
            rows, columns = _errors(store, _days(since), by), [*by, *ERROR_COLUMNS]
        else:
            rows, columns = _used(store, _days(since), by), [*by, *COLUMNS, *(["roubles"] if store.prices else [])]
    except Unusable as unusable:
        raise Failure(_("the database cannot be read: {why}", why=str(unusable))) from None
    if as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        nothing = _("There were no errors in this time.") if errors else _("Nothing was used in this time.")
        _print_table(rows, columns, nothing)


def _used(store: StoreSettings, days: int, by: tuple[str, ...]) -> list[dict[str, Any]]:
    """Raises Failure, Unusable."""
    from gpt2giga.telemetry import usage_report

    prices = dict(store.prices)
    # A price is a model's, so models are added up only when each has its own.
    groups = tuple(dict.fromkeys((*by, *(["model"] if prices else []))))
    return _added_up(usage_report.usage(_database(store), _span(days), groups), by, prices)


def _errors(store: StoreSettings, days: int, by: tuple[str, ...]) -> list[dict[str, Any]]:
    """Raises Failure, Unusable."""
    from gpt2giga.telemetry import usage_report

    rows = usage_report.failures(_database(store), _span(days), (*by, "cause"))
    for row in rows:
        if "day" in by:
            row["day"] = _date(row["day"])
    return sorted(rows, key=lambda row: row["day"]) if "day" in by else rows


def _database(store: StoreSettings) -> Database:
    from gpt2giga.store.choice import existing_database

    database = existing_database(store)
    if database is None:
        raise Failure(no_database(store))
    return database


def _span(days: int) -> Span:
    from gpt2giga.telemetry.usage_report import Span

    offset = datetime.now().astimezone().utcoffset() or timedelta()
    return Span(days, int(offset.total_seconds() // 60))


def _days(since: str) -> int:
    """With today."""
    try:
        days = int(since[:-1]) if since.endswith("d") else (date.today() - date.fromisoformat(since)).days + 1
    except ValueError:
        days = 0
    if not 0 < days <= MOST_DAYS:
        expected = _("a date such as 2026-11-01 or a number of days such as 30d, {most} at most", most=MOST_DAYS)
        raise Failure(
            _("{variable}: {value} is not {allowed}", variable="--since", value=repr(since), allowed=expected)
        )
    return days


def _added_up(parts: list[dict[str, Any]], by: tuple[str, ...], prices: Mapping[str, float]) -> list[dict[str, Any]]:
    """Largest first; days in their order. Cached tokens cost nothing (contract 4.8)."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for part in parts:
        group = tuple(_date(part[name]) if name == "day" else part[name] for name in by)
        row = rows.setdefault(group, {**dict(zip(by, group, strict=True)), **dict.fromkeys(COLUMNS, 0)})
        for column in COLUMNS:
            row[column] = round(row[column] + part[column], 3)
        if prices:
            billed = part["prompt"] - part["cached"] + part["completion"]
            cost = billed * prices.get(part["model"], 0.0) / 1_000_000
            row["roubles"] = round(row.get("roubles", 0.0) + cost, 2)
    if "day" in by:
        return sorted(rows.values(), key=lambda row: [row[name] for name in by])
    return sorted(rows.values(), key=lambda row: (-row["prompt"] - row["completion"], -row["requests"]))


def _date(day: int) -> str:
    return date.fromordinal(EPOCH + day).isoformat()


def _print_table(rows: list[dict[str, Any]], columns: list[str], nothing: str) -> None:
    """nothing: what is said without rows."""
    if not rows:
        click.echo(nothing)
        return
    lines = [[_(TITLES[column]) for column in columns]]
    lines += [[_shown(row[column]) for column in columns] for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        cells = [
            cell.ljust(width) if isinstance(rows[0][column], str) else cell.rjust(width)
            for column, cell, width in zip(columns, line, widths, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value or "-"
    return number(value) if isinstance(value, int) else f"{value:.2f}"
