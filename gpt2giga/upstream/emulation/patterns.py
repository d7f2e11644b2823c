"""Patterns of JSON Schemas, which are JavaScript's (ECMA-262), by an engine that a time limit can stop."""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from gpt2giga.concurrency.waiting import give_way

log = logging.getLogger(__name__)

# Seconds of one search, and of all patterns for one document: `^(a+)+$` takes more than there are.
LONGEST_SEARCH = 0.1
LONGEST_SEARCHES = 1.0
LONGEST_PATTERN = 4000
MOST_REPETITIONS = 10_000
_COUNTS = re.compile(r"\{([0-9]{1,20})[,}]")
# What JavaScript writes in its own way; a class is told apart, for its escapes become ranges there.
_TOKENS = re.compile(
    r"""\\u\{(?P<point>[0-9A-Fa-f]{1,6})\} | \\k<(?P<name>\w+)> | \\c(?P<control>[A-Za-z])
    | \\(?P<escape>.) | (?P<any>\[\^\]) | (?P<bracket>[\[\]]) | (?P<end>\$)""",
    re.VERBOSE | re.DOTALL,
)
_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_"}


class Patterns:
    """For one document. A pattern that is not understood, or takes too long, is left out of the check."""

    def __init__(self) -> None:
        self._left = LONGEST_SEARCHES
        self._unchecked: set[str] = set()

    def match(self, pattern: str, text: str, *, unknown: bool) -> bool:
        """Is the pattern somewhere in the text? `unknown` is the answer where it cannot be said."""
        if pattern in self._unchecked:
            return unknown
        give_way()
        began = time.monotonic()
        try:
            if self._left <= 0 or len(pattern) > LONGEST_PATTERN:
                raise TimeoutError
            limit = min(LONGEST_SEARCH, self._left)
            # The engine's limit is of the whole process's CPU, so no other thread may use that up. Where there are
            # some, they stand still for as long: it is the price of a limit that holds.
            return _compile(pattern).search(text, timeout=limit, concurrent=False) is not None
        except (ValueError, TimeoutError, RecursionError, MemoryError) as error:
            self._unchecked.add(pattern)
            log.info("A schema's pattern is not checked (%s): %.200r", type(error).__name__, pattern)
            return unknown
        finally:
            self._left -= time.monotonic() - began


def pattern_keywords(keywords: dict[str, Any], get_patterns: Callable[[], Patterns]) -> dict[str, Any]:
    """jsonschema's keywords that hold patterns, for Python's own engine cannot be stopped."""
    from jsonschema import ValidationError

    def pattern(validator: Any, wanted: str, document: Any, schema: Any) -> Iterator[Any]:
        if isinstance(document, str) and not get_patterns().match(wanted, document, unknown=True):
            yield ValidationError(f"{document!r} does not match {wanted!r}")

    def pattern_properties(validator: Any, wanted: dict[str, Any], document: Any, schema: Any) -> Iterator[Any]:
        for each, inner in wanted.items() if isinstance(document, dict) else ():
            for key, value in document.items():
                if get_patterns().match(each, key, unknown=False):
                    yield from validator.descend(value, inner, path=key, schema_path=each)

    def additional_properties(validator: Any, wanted: Any, document: Any, schema: Any) -> Any:
        if isinstance(document, dict) and (named := schema.get("patternProperties")):
            schema = {**schema, "patternProperties": {}}
            document = {
                key: value
                for key, value in document.items()
                if not any(get_patterns().match(each, key, unknown=True) for each in named)
            }
        return keywords["additionalProperties"](validator, wanted, document, schema)

    return {"pattern": pattern, "patternProperties": pattern_properties, "additionalProperties": additional_properties}


@lru_cache(maxsize=64)
def _compile(pattern: str) -> Any:
    """Raises ValueError. The engine writes out what is repeated so many times, before any time limit begins."""
    import regex  # like jsonschema, which most processes never need

    if math.prod(max(1, int(count)) for count in _COUNTS.findall(pattern)) > MOST_REPETITIONS:
        raise ValueError("too many repetitions")
    try:
        return regex.compile(_from_javascript(pattern))
    except regex.error as error:
        raise ValueError from error


def _from_javascript(pattern: str) -> str:
    written: list[str] = []
    at, in_class = 0, False
    for token in _TOKENS.finditer(pattern):
        written += (pattern[at : token.start()], _translate(token, in_class))
        at = token.end()
        if token["bracket"]:
            in_class = token["bracket"] == "["
    return "".join([*written, pattern[at:]])


def _translate(token: re.Match[str], in_class: bool) -> str:
    if token["point"]:
        return f"\\U{int(token['point'], 16):08x}"
    if token["name"]:
        return f"(?P={token['name']})"
    if token["control"]:
        return f"\\x{ord(token['control']) % 32:02x}"
    if token["any"]:
        return r"[\s\S]"
    if token["end"]:
        return "$" if in_class else r"\Z"
    if token["bracket"] == "[" and in_class:
        return r"\["
    characters = _CLASSES.get(token["escape"] or "", "")
    if characters and in_class:
        return characters
    if characters:
        return f"[{characters}]"
    if not in_class and (characters := _CLASSES.get((token["escape"] or "").lower(), "")):
        return f"[^{characters}]"
    return token[0]
