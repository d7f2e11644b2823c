"""Thoughts in a text: told from it however the text comes in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2giga.chat import Event, ReasoningDelta, TextDelta
from gpt2giga.upstream.contract import v1
from gpt2giga.upstream.contract.thoughts import LONGEST_INSERTION
from tests.upstream.test_v1 import CALL, called, LEAK, read, whole

ROWS = {
    "first": ("<think>Надо подумать.</think>Ответ: 42", "Надо подумать.", "Ответ: 42"),
    "on lines of its own": ("<think>\nНадо\nподумать.\n</think>\n\nОтвет", "Надо\nподумать.", "Ответ"),
    "empty": ("<think>\n\n</think>\n\nОтвет", "", "Ответ"),
    "after blanks": ("\n <think>Так.</think>Да", "Так.", "\n Да"),
    "two": ("<think>Раз.</think>\n<think>Два.</think>Три", "Раз.Два.", "Три"),
    "in between": ("Сначала <think>раз</think> потом", "раз", "Сначала потом"),
    "cut": ("<think>Надо поду", "Надо поду", ""),
    "only a thought": ("<think>Так.</think>", "Так.", ""),
    "a text about the tag": ("Тег <think> открывает мысль.", "", "Тег <think> открывает мысль."),
    "code": ("Пишут `<think>a</think>`.", "", "Пишут `<think>a</think>`."),
    "a block of code": ("```\n<think>a</think>\n```\nи", "", "```\n<think>a</think>\n```\nи"),
    "after code": ("`a`<think>b</think>", "b", "`a`"),
    "no tag": ("a < b, <b>c</b>, <thi", "", "a < b, <b>c</b>, <thi"),
    "a lone end": ("a</think>b", "", "a</think>b"),
    "only <": ("<", "", "<"),
}


def told(events: list[Event]) -> tuple[str, str]:
    thoughts = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    return thoughts, "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("text, thought, said", ROWS.values(), ids=ROWS)
def test_rows(text: str, thought: str, said: str, size: int) -> None:
    pieces = [{"content": text[at : at + size]} for at in range(0, len(text), size)]
    assert told(read(*pieces)) == (thought, said)
    assert told(v1.from_completion(whole({"content": text}), v1.NO_NAMES)) == (thought, said)


PIECE = st.sampled_from(["<think>", "</think>", "<", "think>", "</thi", "nk>", "`", " ", "\n", "a", "да"])


@settings(deadline=None)
@given(pieces=st.lists(PIECE, max_size=12))
def test_any_pieces(pieces: list[str]) -> None:
    """The tags are all that may get lost, and blanks beside them; what comes in pieces equals the whole."""
    text = "".join(pieces)
    found = told(read(*({"content": piece} for piece in pieces), {"content": ""}))
    assert found == told(v1.from_completion(whole({"content": text}), v1.NO_NAMES))
    kept = "".join(found)
    for word in ("a", "да", "`"):
        assert kept.count(word) == text.count(word)
    if "<think>" not in text:
        assert found == ("", text)


def test_a_thought_flows() -> None:
    events = read({"content": "<think>Раз"}, {"content": " два"}, {"content": "</think>Три"})
    assert events[:3] == [ReasoningDelta("Раз"), ReasoningDelta(" два"), TextDelta("Три")]


def test_a_call_after_a_thought() -> None:
    for deltas in (
        [{"content": "<think>Так.</think>"}, {"content": "", "function_call": CALL}],
        [{"content": "<think>Так."}, {"content": "", "function_call": CALL}],
        [{"content": "<think>Так.</think>"}, {"content": LEAK}, {"content": "", "function_call": CALL}],
    ):
        events = read(*deltas, finish="function_call")
        assert told(events) == ("Так.", "") and called(events) == ["f"]
        assert isinstance(events[0], ReasoningDelta)


def test_a_tag_in_a_text_is_not_waited_for_without_end() -> None:
    rest = "я" * LONGEST_INSERTION
    events = read({"content": "Тег <think>"}, {"content": rest}, {"content": "б</think>"}, {"content": "."})
    assert told(events) == ("", f"Тег <think>{rest}б</think>.")
    assert len(events) > 3
