"""Chat requests and their refusals, for the tables of the tests beside."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2giga_sandbox.refusal import Refusal
from gpt2giga_sandbox.rules import check_chat

SYNTAX = (400, "Your request contains invalid JSON syntax.")
USER = {"role": "user", "content": "Привет"}
CALL = {"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": {}}}
RESULT = {"role": "function", "name": "f", "content": "{}"}
EMPTY = {"name": "f", "parameters": {"type": "object", "properties": {}}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def says(*messages: Any) -> dict[str, Any]:
    return {"messages": list(messages)}


def declares(**fields: Any) -> dict[str, Any]:
    return {"functions": [{**EMPTY, **fields}]}


def refusal(body: dict[str, Any], files: Any = None) -> tuple[int, str]:
    """What check_chat refuses `body` with."""
    with pytest.raises(Refusal) as caught:
        check_chat(body, files)
    return caught.value.status, caught.value.message
