"""The refusals of message lists and attachments (contract 3.0.3, 3.0.4, 3.1.17, 3.1.19, 3.1.20, 3.3.2)."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2giga_sandbox.rules import check_chat
from gpt2giga_sandbox.storage import StoredFile

from .bodies import CALL, EMPTY, refusal, RESULT, says, SYNTAX, USER
from .conftest import chat_body

SYSTEM = (422, "Invalid params: system message must be the first message")
NO_RESULT = (422, "Invalid params: every assistant function call must have a result in history")
NO_CALL = (422, "Invalid params: every assistant function result must have an assistant function call in history")
AFTER_ASSISTANT = (
    422,
    "functions or thinking_functions should only appeal in user, function messages or random role messages",
)


def result(content: str) -> dict[str, Any]:
    return says(USER, CALL, {**RESULT, "content": content})


def result_fault(content: str, fault: str) -> tuple[int, str]:
    return 422, f"Invalid params: invalid function result json string ``{content}``, error: {fault}"


MESSAGES = [
    ("no messages", {"messages": []}, (422, "Invalid params: messages must not be empty")),
    ("message of wrong type", says("Привет"), SYNTAX),
    ("list content", says({"role": "user", "content": [{"type": "text", "text": "a"}]}), SYNTAX),
    ("null content", says({"role": "assistant", "content": None}), SYNTAX),
    ("no content", says({"role": "user"}), (422, "Invalid params: message content is required")),
    ("role tool", says({"role": "tool", "content": ""}), (422, "Invalid params: unknown message role tool")),
    (
        "role developer",
        says({"role": "developer", "content": ""}),
        (422, "Invalid params: unknown message role developer"),
    ),
    ("late system", says(USER, {"role": "system", "content": "a"}), SYSTEM),
    ("two systems", says({"role": "system", "content": "a"}, {"role": "system", "content": "b"}, USER), SYSTEM),
    ("text arguments", says(USER, {**CALL, "function_call": {"name": "f", "arguments": "{}"}}, RESULT), SYNTAX),
    ("no arguments", says(USER, {**CALL, "function_call": {"name": "f"}}, RESULT), SYNTAX),
    (
        "nameless call",
        says(USER, {**CALL, "function_call": {"arguments": {}}}, RESULT),
        (422, "Invalid params: function_call name is required"),
    ),
    (
        "call by the user",
        says({**CALL, "role": "user"}, RESULT),
        (422, "Invalid params: function_call is allowed only in assistant messages"),
    ),
    (
        "nameless result",
        says(USER, CALL, {"role": "function", "content": "{}"}),
        (422, "Invalid params: function message must have a name"),
    ),
    ("text result", result("солнечно"), result_fault("солнечно", "JSON parse error at line 1 column 1: Invalid value")),
    (
        "two results glued",
        result('{"a":1}\n{"b":2}'),
        result_fault(
            '{"a":1}\n{"b":2}',
            "JSON parse error at line 2 column 1: The document root must not be followed by other values.",
        ),
    ),
    ("empty result", result(""), result_fault("", "JSON parse error at line 1 column 1: The document is empty.")),
    ("NaN result", result("NaN"), result_fault("NaN", "JSON parse error at line 1 column 1: Invalid value")),
    ("call without result at the end", says(USER, CALL), NO_RESULT),
    ("call without result", says(USER, CALL, USER), NO_RESULT),
    ("two calls in a row", says(USER, CALL, CALL, RESULT, RESULT), NO_RESULT),
    ("state id without result", says(USER, {"role": "assistant", "content": "", "functions_state_id": "a"}), NO_RESULT),
    ("result without call", says(USER, RESULT), NO_CALL),
    ("second result of a call", says(USER, CALL, RESULT, RESULT), NO_CALL),
    ("result of another function", says(USER, CALL, {**RESULT, "name": "g"}), NO_CALL),
    (
        "functions after an assistant",
        {**says(USER, {"role": "assistant", "content": "a"}), "functions": [EMPTY], "model": "GigaChat-3-Pro"},
        AFTER_ASSISTANT,
    ),
]


@pytest.mark.parametrize(("fields", "expected"), [row[1:] for row in MESSAGES], ids=[row[0] for row in MESSAGES])
def test_refuses(fields: dict[str, Any], expected: tuple[int, str]) -> None:
    assert refusal(chat_body(**fields)) == expected


def file(mime: str, size: int = 3) -> StoredFile:
    return StoredFile("f", mime, b"a" * size)


FILES = {
    **{f"image{number}": file("image/png") for number in range(11)},
    **{f"big{number}": file("image/png", 15 * 1024 * 1024) for number in range(6)},
    "text": file("text/plain"),
    "text2": file("text/plain"),
    "audio": file("audio/mpeg"),
}


def attaches(*messages: list[str], **fields: Any) -> dict[str, Any]:
    told = [{"role": "user", "content": "Что здесь?", "attachments": files} for files in messages]
    return chat_body(**{"messages": told, **fields})


ATTACHMENTS = [
    ("unknown file", attaches(["absent"]), (404, "No such file")),
    ("id of wrong type", attaches([1]), SYNTAX),  # type: ignore[list-item]
    ("two images", attaches(["image0", "image1"]), (422, "Invalid params: only one image is allowed in a message")),
    (
        "eleven images",
        attaches(*([f"image{number}"] for number in range(11))),
        (422, "Invalid params: only 10 images are allowed in a request"),
    ),
    ("no vision", attaches(["image0"], model="GigaChat-2"), (422, "Model does not support image")),
    (
        "mixed",
        attaches(["image0"], ["text"]),
        (422, "Invalid params: files of different modalities in one request are not supported"),
    ),
    ("90 MB", attaches(*([f"big{number}"] for number in range(6))), (413, "Payload too large")),
]


@pytest.mark.parametrize(("body", "expected"), [row[1:] for row in ATTACHMENTS], ids=[row[0] for row in ATTACHMENTS])
def test_refuses_attachments(body: dict[str, Any], expected: tuple[int, str]) -> None:
    assert refusal(body, FILES) == expected


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(attaches(*([f"image{number}"] for number in range(10))), id="ten images"),
        pytest.param(attaches(["text", "text2"]), id="two texts"),
        pytest.param(attaches(["audio"], model="GigaChat-2"), id="audio"),
    ],
)
def test_accepts_attachments(body: dict[str, Any]) -> None:
    check_chat(body, FILES)
