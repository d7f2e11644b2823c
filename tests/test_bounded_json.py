"""How many values JSON may have, whatever they are."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gpt2giga import bounded_json
from gpt2giga.bounded_json import TooManyValues

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
