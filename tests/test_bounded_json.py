"""How many values JSON may have, whatever they are."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt2giga import bounded_json
from gpt2giga.bounded_json import parse, TooManyValues

MOST = 1000
MANY: dict[str, bytes] = {
    "lists": b"[" + b"[]," * MOST + b"[]]",
    "objects": b"[" + b'{"a":1},' * MOST + b"{}]",
    "texts": b"[" + b'"",' * MOST + b'""]',
    "numbers": b"[" + b"1," * MOST + b"1]",
    "texts that end in a backslash": b"[" + rb'"\\",' * MOST + b'""]',
    "texts with marks in them": b"[" + rb'"[\"",' * MOST + b'""]',
    "keys": orjson.dumps({str(number): number for number in range(MOST + 2)}),
}
FEW: dict[str, Any] = {
    "a table in a text": {"a": "1,2,3\n" * MOST},
    "braces and quotes in a text": {"a": '{"b": [1]}' * MOST},
    "backslashes": {"a": "\\" * MOST, "b": '\\"' * MOST + ","},
    "as many as allowed": [1] * (MOST - 1),
}


@pytest.mark.parametrize("content", MANY.values(), ids=MANY)
def test_too_many(content: bytes) -> None:
    orjson.loads(content)
    with pytest.raises(TooManyValues):
        bounded_json.parse(content, MOST)


@pytest.mark.parametrize("value", FEW.values(), ids=FEW)
def test_what_only_looks_like_many(value: Any) -> None:
    assert bounded_json.parse(orjson.dumps(value), MOST) == value


def test_a_text_of_nothing_but_marks_is_no_table() -> None:
    with pytest.raises(TooManyValues):
        bounded_json.parse(orjson.dumps({"a": "[]," * 10 * MOST}), MOST)


@given(
    st.lists(st.sampled_from(["a", r"\\", r"\ud83d", r"\ude00", r"\n", r"\u0041", "ж"]), max_size=40),
    st.integers(1, 30),
)
def test_cut_letters_are_found_in_steps_of_any_size(words: list[str], step: int) -> None:
    """Also where a step ends inside of a pair."""
    content = ('"' + "".join(words) + '"').encode()
    with patch.object(bounded_json, "STEP", step):
        mended = parse(content, 10, mend=True)
    pairs = "".join(words).replace(r"\\", "\0").replace(r"\ud83d\ude00", "\1")
    alone = pairs.replace(r"\ud83d", r"\ufffd").replace(r"\ude00", r"\ufffd")
    assert mended == orjson.loads('"' + alone.replace("\1", r"\ud83d\ude00").replace("\0", r"\\") + '"')
