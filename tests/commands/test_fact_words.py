"""Facts in plain words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpt2giga.commands.fact_words import effects, HOSTED, LABELS, RULES, SWITCHES, value_in_words
from gpt2giga.upstream.contract.facts import Facts, NAMES, SCHEMA_KEYWORDS
from gpt2giga.upstream.learning.plan import OF_CHAT_MODELS, OF_EMBEDDERS


def test_every_fact_has_a_name() -> None:
    assert set(LABELS) == NAMES
    promised = {name for topic in (*OF_CHAT_MODELS, *OF_EMBEDDERS) for name in topic.facts} | {"result_role"}
    # How many frames there are changes nothing; slots have words of their own, for they count for the account.
    assert promised - {"call_frames"} == {*SWITCHES, *RULES}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, []),
        ({"call_frames": 2}, []),
        ({"v2": True}, ["chats go over GigaChat's newer interface, v2"]),
        ({"text_beside_call": False}, ["what a model says beside a call goes into a message of its own"]),
        ({"window": 131072}, ["clients are told of 131,072 tokens instead of 261,120"]),
        ({"schema_keywords": frozenset(SCHEMA_KEYWORDS)}, ["schemas of tools go up as they were written"]),
        (
            {"schema_keywords": frozenset({"unions", "const"})},
            ["schemas of tools go up as they were written where they need no more than const, unions"],
        ),
        ({"hosted": frozenset(HOSTED)}, [HOSTED[tool] for tool in sorted(HOSTED)]),
        ({"result_role": "tool"}, ["results of calls go up in the role tool"]),
    ],
)
def test_what_changes(change: dict[str, Any], words: list[str]) -> None:
    assert [*effects(Facts(), replace(Facts(), **change))] == words


def test_what_changes_back() -> None:
    before = replace(Facts(), hosted=frozenset({"web_search"}), schema_keywords=frozenset({"const"}))
    gone = "no longer: GigaChat's web search for clients that ask for it"
    rewritten = "schemas of tools are rewritten to what every model takes"
    assert {*effects(before, Facts())} == {gone, rewritten}


def test_values() -> None:
    assert [value_in_words(value) for value in (True, 261120, frozenset({"b", "a"}), frozenset(), "tool")] == [
        "yes",
        "261,120",
        "a, b",
        "nothing more",
        "tool",
    ]
    assert (value_in_words(0, "call_frames"), value_in_words(0)) == ("not known", "0")
