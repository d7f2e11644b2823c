"""The refusals of a chat request as a whole (contract 3.0.2, 3.0.5, 3.0.7, 3.0.8, 3.2.2), and what passes."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2giga_sandbox.refusal import parse_json, Refusal
from gpt2giga_sandbox.rules import check_chat

from .bodies import CALL, declares, EMPTY, refusal, RESULT, says, SCHEMA, SYNTAX, USER
from .conftest import chat_body

NO_MODEL = (404, "No such model")
REQUEST = [
    ("no model", {"model": "GigaChat-2-Lite"}, NO_MODEL),
    ("an embedder", {"model": "Embeddings"}, NO_MODEL),
    ("model of wrong type", {"model": 1}, SYNTAX),
    ("messages of wrong type", {"messages": "Привет"}, SYNTAX),
    ("null field", {"temperature": None}, SYNTAX),
    ("text temperature", {"temperature": "1"}, SYNTAX),
    ("boolean temperature", {"temperature": True}, SYNTAX),
    ("fractional max_tokens", {"max_tokens": 1.5}, SYNTAX),
    ("text stream", {"stream": "true"}, SYNTAX),
    ("zero temperature", {"temperature": 0}, (422, "Invalid params: temperature must be in range (0, +inf)")),
    (
        "zero repetition_penalty",
        {"repetition_penalty": 0},
        (422, "Invalid params: repetition_penalty must be in range (0, +inf)"),
    ),
    ("large top_p", {"top_p": 1.1}, (422, "Invalid params: top_p must be in range [0, 1]")),
    ("zero max_tokens", {"max_tokens": 0}, (422, "Invalid params: max_tokens must be in range (0, 2147483647]")),
    (
        "unknown reasoning_effort",
        {"model": "GigaChat-3-Ultra", "reasoning_effort": "minimal"},
        (400, "Invalid params: reasoning_effort must be low, medium or high"),
    ),
    (
        "reasoning_effort on an older model",
        {"reasoning_effort": "low"},
        (400, "Invalid params: reasoning_effort is not supported by the model"),
    ),
    ("context window", says({"role": "user", "content": "ы" * 800_000}), (413, "Payload too large")),
    (
        "GigaChat-3's context window",
        {"model": "GigaChat-3-Pro", **says({"role": "user", "content": "ы" * 783_363})},
        (422, "CONTEXT_TOO_LONG: context too long 261121, maximum allowed context is 261120"),
    ),
]
FORMATS = [
    ("json_object", {"type": "json_object"}, (400, 'Unknown type "json_object" in response_format')),
    ("text", {"type": "text"}, (400, 'Unknown type "text" in response_format')),
    (
        "OpenAI's form",
        {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
        (400, "Empty schema with json format type is not supported"),
    ),
    ("text schema", {"type": "json_schema", "schema": "{}"}, SYNTAX),
]
TABLE = [*REQUEST, *((name, {"response_format": value}, told) for name, value, told in FORMATS)]


@pytest.mark.parametrize(("fields", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_refuses(fields: dict[str, Any], expected: tuple[int, str]) -> None:
    assert refusal(chat_body(**fields)) == expected


def test_refuses_functions_with_a_response_format() -> None:
    with pytest.raises(Refusal, match="response_format with functions is not supported"):
        check_chat(chat_body(functions=[EMPTY], response_format={"type": "json_schema", "schema": SCHEMA}))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="plain"),
        pytest.param({"model": "GigaChat:latest"}, id="latest"),
        pytest.param({"tools": [1], "seed": 5, "stop": None}, id="unknown fields are ignored"),
        pytest.param({"temperature": 0.001, "top_p": 0, "max_tokens": 1}, id="edges"),
        pytest.param({"model": "GigaChat-3-Ultra", "reasoning_effort": "high"}, id="reasoning"),
        pytest.param(says({"role": "system", "content": "a"}), id="lone system"),
        pytest.param(says({"role": "system", "content": "a"}, USER, USER), id="two users in a row"),
        pytest.param(says(USER, CALL, RESULT, CALL, RESULT, USER), id="calls unrolled"),
        pytest.param({**says(USER, CALL, RESULT), **declares()}, id="functions again after a result"),
        pytest.param(
            {**says(USER, {"role": "assistant", "content": "a"}), **declares()}, id="GigaChat-2 after assistant"
        ),
        pytest.param(says(USER, CALL, {**RESULT, "content": '"строка"'}), id="any JSON value is a result"),
        pytest.param(declares(name="f" * 64), id="64 characters"),
        pytest.param({**declares(), "function_call": "none"}, id="none"),
        pytest.param({**declares(), "function_call": {"name": "f"}}, id="forced"),
        pytest.param({"function_call": {"name": "text2image"}}, id="built-in"),
        pytest.param({"response_format": {"type": "json_schema", "schema": SCHEMA, "strict": True}}, id="schema"),
    ],
)
def test_accepts(fields: dict[str, Any]) -> None:
    check_chat(chat_body(**fields))


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"a":NaN}', b'"a"', b'{"a":"\xff"}'])
def test_refuses_what_is_not_a_json_object(raw: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        parse_json(raw)

    assert (caught.value.status, caught.value.message) == SYNTAX
