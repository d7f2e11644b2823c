"""The response formats of v2, and a text that fits a regular expression (contract 3.2.2, 5.19, 5.27)."""

from __future__ import annotations

import importlib
import re
import string
import sys
from collections.abc import Callable, Iterator
from typing import Any

from gpt2giga_sandbox.refusal import check_types, invalid, Refusal

# The parser of regular expressions has no public name; 3.11 moved it.
_parser = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
# What a class like \d holds; a name with NOT in it stands for the rest.
CATEGORIES: dict[str, Callable[[str], bool]] = {
    "CATEGORY_DIGIT": str.isdigit,
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_WORD": lambda character: character.isalnum() or character == "_",
}


def check_format(wanted: dict[str, Any], functions: list[Any]) -> dict[str, Any]:
    """The format itself; with `schema` or `regex` only where it is of this type."""
    check_types(wanted, {"type": str, "schema": dict, "strict": bool, "regex": str})
    kind = wanted.get("type", "")
    if kind == "text":
        return {"type": "text"}
    if kind not in ("json_schema", "regex"):
        raise Refusal(400, f'Unknown type "{kind}" in response_format')
    if kind == "json_schema" and not wanted.get("schema"):
        raise Refusal(400, "Empty schema with json format type is not supported")
    if functions:
        # As on v1, where reports name a 400 and broken JSON (contract 3.1.27).
        raise Refusal(400, "response_format with functions is not supported")
    if kind == "regex":
        _check_regex(wanted.get("regex", ""))
    return {name: wanted[name] for name in ("type", "schema" if kind == "json_schema" else "regex")}


def _check_regex(regex: str) -> None:
    try:
        re.compile(regex)
    except re.error:
        raise invalid("regex of response_format is wrong") from None
    if not regex:
        raise invalid("regex of response_format is empty")


def matching(regex: str) -> str:
    """A text that fits, as short as the expression lets it be; conditions and looks around are not looked at."""
    return _sequence(_parser.parse(regex))


def _sequence(parsed: Any) -> str:
    return "".join(_piece(str(operation), value) for operation, value in parsed)


def _piece(operation: str, value: Any) -> str:
    if operation == "LITERAL":
        return chr(value)
    if operation in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        times: int = value[0]
        return _sequence(value[2]) * times
    if operation == "SUBPATTERN":
        return _sequence(value[3])
    if operation == "ATOMIC_GROUP":
        return _sequence(value)
    if operation == "BRANCH":
        return _sequence(value[1][0])
    if operation in ("IN", "NOT_LITERAL", "ANY"):
        items = value if operation == "IN" else [("NEGATE", None), ("LITERAL", value)]
        return next((character for character in _characters() if _holds(items, character)), "")
    return ""


def _characters() -> Iterator[str]:
    """Digits and Latin letters first."""
    yield from string.printable
    yield from map(chr, range(sys.maxunicode))


def _holds(items: list[tuple[Any, Any]], character: str) -> bool:
    if str(items[0][0]) == "NEGATE":
        return not any(_is(str(operation), value, character) for operation, value in items[1:])
    return any(_is(str(operation), value, character) for operation, value in items)


def _is(operation: str, value: Any, character: str) -> bool:
    if operation == "RANGE":
        low, high = value
        return bool(low <= ord(character) <= high)
    if operation == "CATEGORY":
        plain = str(value).replace("_NOT_", "_")
        return CATEGORIES[plain](character) == (plain == str(value))
    return bool(ord(character) == value)
