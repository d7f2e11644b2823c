"""One setting: a field of its group that knows its variable, its meaning and how its text is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from gpt2giga.config.parsers import text

MIB = 1024 * 1024


def setting(
    default: Any,
    doc: str,
    parse: Callable[[str], Any] = text,
    *,
    variable: str = "",
    also: str = "",
    secret: bool = False,
    below: str = "",
) -> Any:
    """`variable` is named only where it is not the group's prefix and the field's name in capitals.

    `also` is a second variable that is read when the first is not set.
    `below` is the variable whose row this one and those after it follow in the table, when it is not the one above.
    """
    metadata = {"variable": variable, "doc": doc, "parse": parse, "also": also, "secret": secret, "below": below}
    return dataclasses.field(default=default, metadata=metadata)
