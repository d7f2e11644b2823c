"""The vocabulary: what can be written is never lost on the way, and what cannot be written never gets far."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from gpt2giga.chat import ToolCall


def nested(levels: int) -> dict[str, Any]:
    return orjson.loads('{"a":' * levels + "1" + "}" * levels)  # type: ignore[no-any-return]


@pytest.mark.parametrize("arguments", [{}, {"n": 2**64 - 1, "m": -(2**63)}, {"a": [None, "б"]}, nested(200)])
def test_arguments_that_can_be_written_stay_as_they_are(arguments: dict[str, Any]) -> None:
    assert ToolCall("c", "f", arguments).arguments is arguments


def test_integers_above_64_bits_become_floats() -> None:
    assert ToolCall("c", "f", {"n": 2**70, "list": [-(10**30), 1]}).arguments == {"n": 2.0**70, "list": [-1e30, 1]}


def test_arguments_nested_too_deeply_become_their_text() -> None:
    """Both what orjson cannot write, and what it could not write inside of an answer."""
    for levels in (201, 255, 500):
        assert ToolCall("c", "f", nested(levels)).arguments == {"text": json.dumps(nested(levels))}
