"""Patterns as JavaScript reads them, and those that would never end."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from gpt2giga.upstream.emulation.patterns import LONGEST_PATTERN, Patterns
from gpt2giga.upstream.emulation.validator import validator

PLACE = "response_format"

MEANT = [
    (r"^\p{L}+$", "Иван", True),
    (r"\p{Script=Cyrillic}", "я", True),
    (r"^\d+$", "12", True),
    (r"^\d+$", "٣", False),
    (r"^[\d\-]+$", "1-2", True),
    (r"^\w+$", "я", False),
    (r"^\D\W$", "a-", True),
    (r"^\D$", "1", False),
    (r"^[^\d]$", "1", False),
    (r"(?<year>\d{4})-\k<year>", "2020-2020", True),
    (r"(?<year>\d{4})-\k<year>", "2020-2021", False),
    (r"^\u{1F600}$", "\U0001f600", True),
    (r"^\u0041$", "A", True),
    (r"^[^]+$", "x\n", True),
    (r"^a\/b$", "a/b", True),
    (r"^\cA$", "\x01", True),
    (r"^[[a]$", "[", True),
    (r"^\[a\]$", "[a]", True),
    (r"^a$", "a\n", False),
    (r"^[$]$", "$", True),
    (r"^\\d$", "\\d", True),
    (r"^(a+)+$", "a" * 40 + "!", False),
]
# Not understood, or without end.
UNCHECKED = [
    ("(", "a"),
    (r"\u{110000}", "a"),
    ("a{4000000000}", "a"),
    ("^(?:(?:[0-9]{4}){1000}){1000}$", "1"),
    ("a" * (LONGEST_PATTERN + 1), "a"),
    ("(" * 3000 + ")" * 3000, "a"),
    ("(((a{1,1000}){1,1000}){1,1000}){1,1000}b", "a" * 2000),
]


@pytest.mark.parametrize(("pattern", "text", "found"), MEANT)
def test_what_a_pattern_means(pattern: str, text: str, found: bool) -> None:
    assert Patterns().match(pattern, text, unknown=not found) == found


@pytest.mark.parametrize(("pattern", "text"), UNCHECKED)
def test_what_cannot_be_said_is_left_out(pattern: str, text: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        patterns = Patterns()
        assert patterns.match(pattern, text, unknown=True)
        assert not patterns.match(pattern, text, unknown=False)
    assert caplog.text.count("is not checked") == 1


def test_other_threads_do_not_use_up_the_time_of_a_search() -> None:
    """They did: one search in some hundred came back late to the interpreter, and was said to take too long."""
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            pass

    busy = [threading.Thread(target=work) for _ in range(8)]
    for thread in busy:
        thread.start()
    try:
        assert all(Patterns().match(r"^[\d\-]+$", "1-2", unknown=False) for _ in range(500))
    finally:
        done.set()
        for thread in busy:
            thread.join()


@pytest.mark.parametrize(
    "name", [None, "http://json-schema.org/draft-07/schema#", "http://json-schema.org/draft-03/schema#"]
)
def test_patterns_of_keys(name: str | None) -> None:
    schema: dict[str, Any] = {"patternProperties": {r"^\p{Lu}": {"type": "integer"}}, "additionalProperties": False}
    check = validator(schema | ({"$schema": name} if name else {}), PLACE)
    assert not check({"Я": 1})
    assert check({"Я": "one"})
    assert check({"я": 1})


def test_keys_that_were_not_looked_at() -> None:
    """jsonschema would look for the patterns with Python's own engine."""
    check = validator({"patternProperties": {r"^\p{Lu}": {}}, "unevaluatedProperties": False}, PLACE)
    assert not check({"Я": 1}) and not check({"я": 1})


def test_one_key_pattern_that_is_not_understood_lets_all_keys_pass() -> None:
    check = validator({"patternProperties": {"(": {}, "^a": {"type": "integer"}}, "additionalProperties": False}, PLACE)
    assert not check({"b": 1})
    assert check({"a": "one"})
