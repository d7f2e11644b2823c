"""What `gpt2giga keys` is told of a key."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from gpt2giga.commands.command_line import Failure
from gpt2giga.language import _

# What is as good in a line of the log as in a label of a metric, and looks like no option.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
MODEL = re.compile(r"[\w./:-]{1,128}")
MOST = 10**15
NONE = "none"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST_GRACE = 365 * 86400


class Name(click.ParamType[Any]):
    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not NAME.fullmatch(value):
            raise Failure(
                _("{name!r} is no name for a key: up to 64 letters, digits and _.- of the Latin alphabet", name=value)
            )
        return str(value)


class Amount(click.ParamType[Any]):
    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value == NONE:
            return None
        if not re.fullmatch(r"[1-9]\d*", value) or int(value) > MOST:
            self.fail(_("{value!r} is not a whole number from 1, or none", value=value), param, ctx)
        return int(value)


class Models(click.ParamType[Any]):
    name = "models"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        names = tuple(name.strip() for name in value.split(",") if name.strip())
        if not names or not all(map(MODEL.fullmatch, names)):
            self.fail(_("{value!r} is not a list such as GigaChat-2,EmbeddingsGigaR, or none", value=value), param, ctx)
        return () if names == (NONE,) else names


class Until(click.ParamType[Any]):
    """A day counts as a whole, on the clock of whoever says it."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        if value == NONE:
            return None
        try:
            found = datetime.fromisoformat(value)
            moment = found.replace(hour=23, minute=59, second=59) if len(value) <= len("2026-12-31") else found
            seconds = moment.timestamp()
        except (ValueError, OverflowError, OSError):
            self.fail(_("{value!r} is not a date such as 2026-12-31, or none", value=value), param, ctx)
        if seconds <= time.time():
            self.fail(_("{value} is over", value=value), param, ctx)
        return seconds


class Grace(click.ParamType[Any]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d{1,9})([smhd])", value)
        seconds = int(found[1]) * UNITS[found[2]] if found else LONGEST_GRACE + 1
        if value != "0" and seconds > LONGEST_GRACE:
            self.fail(_("{value!r} is not a time such as 30m, 24h or 7d, a year at most", value=value), param, ctx)
        return 0 if value == "0" else seconds


Function = TypeVar("Function", bound=Callable[..., Any])
OPTIONS = (
    click.option("--tokens-per-day", type=Amount(), help="Tokens that GigaChat bills, each day of UTC."),
    click.option("--tokens-per-month", type=Amount(), help="Tokens that GigaChat bills, each month of UTC."),
    click.option("--requests-per-minute", type=Amount(), help="Requests in each minute of the clock."),
    click.option("--models", type=Models(), help="The only models, separated by commas."),
    click.option(
        "--priority",
        type=click.Choice(["low", "normal", "high", NONE]),
        help="The place in line, and the best to ask for.",
    ),
    click.option("--until", type=Until(), help="The last day, such as 2026-12-31, or a moment."),
)
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def limits(function: Function) -> Function:
    for option in reversed(OPTIONS):
        function = option(function)
    return function
