"""Patterns as JavaScript reads them, and those that would never end."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest

from gpt2giga.upstream.emulation import patterns
from gpt2giga.upstream.emulation.patterns import LONGEST_PATTERN, LONGEST_SEARCH, Patterns
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
ENDLESS = ("^(a|aa|a?)+0?$", "a" * 2000 + "!")
# Not understood, or without end.
UNCHECKED = [
    ("(", "a"),
    (r"\u{110000}", "a"),
    ("a{4000000000}", "a"),
    ("^(?:(?:[0-9]{4}){1000}){1000}$", "1"),
    ("a" * (LONGEST_PATTERN + 1), "a"),
    ("(" * 3000 + ")" * 3000, "a"),
    ("(((a{1,1000}){1,1000}){1,1000}){1,1000}b", "a" * 2000),
    ENDLESS,
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


def test_other_threads_do_not_use_up_the_time_of_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """They did: one search in some hundred came back late to the interpreter, and was said to take too long."""
    done = threading.Event()
    other = threading.Thread(target=lambda: [None for _ in iter(done.is_set, True)])
    other.start()
    clock = time.pthread_getcpuclockid(other.ident or 0)
    used: list[float] = []

    class Watched:
        def search(self, *asked: Any, **how: Any) -> Any:
            before = time.clock_gettime(clock)
            try:
                return found.search(*asked, **how)
            finally:
                used.append(time.clock_gettime(clock) - before)

    found = patterns._compile(ENDLESS[0])
    monkeypatch.setattr(patterns, "_compile", lambda _: Watched())
    try:
        assert Patterns().match(*ENDLESS, unknown=True)
    finally:
        done.set()
        other.join()
    assert used[0] < LONGEST_SEARCH / 4


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
