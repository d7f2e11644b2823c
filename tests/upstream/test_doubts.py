"""Which belief about GigaChat a refusal would speak against."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpt2giga.chat import ChatRequest, Message, Text, ToolCall, ToolChoice, ToolResult
from gpt2giga.upstream.contract.doubts import Doubt, doubt, Refused
from gpt2giga.upstream.contract.facts import Facts

USER = Message("user", (Text("?"),))
PLAIN = ChatRequest("GigaChat-2-Max", (USER,))
CALL = Message("assistant", (ToolCall("1", "f", {}),))
RESULT = Message("user", (ToolResult("1", "f", (Text("5"),)),))
WITH_RESULT = ChatRequest("GigaChat-2-Max", (USER, CALL, RESULT))
REQUIRED = ChatRequest("GigaChat-2-Max", (USER,), tool_choice=ToolChoice("required"))
COLD = ChatRequest("GigaChat-2-Max", (USER,), temperature=0)
THOUGHTFUL = ChatRequest("GigaChat-2-Max", (USER,), reasoning_effort="high")
V2 = Facts(v2=True, any_call=True, hosted=frozenset({"web_search", "url_content_extraction"}))
NATIVE = frozenset({"unions", "const"})
LEARNED = Facts(schema_keywords=NATIVE, temperature_zero=True)
SYNTAX = "Your request contains invalid JSON syntax"


@pytest.mark.parametrize(
    "chat, facts, refused, values",
    [
        (PLAIN, LEARNED, Refused(422, "keyword anyOf is not supported", NATIVE), {"schema_keywords": {"const"}}),
        (PLAIN, LEARNED, Refused(422, "Field 'properties.a.type' is missing", NATIVE), {"schema_keywords": set()}),
        (COLD, LEARNED, Refused(422, "temperature must be in range (0, +inf)"), {"temperature_zero": False}),
        (THOUGHTFUL, LEARNED, Refused(400, "reasoning_effort is not supported"), {"effort": False}),
        (PLAIN, V2, Refused(422, "Tool web_search is unavailable"), {"hosted": {"url_content_extraction"}}),
        (PLAIN, V2, Refused(404, "Unknown tool web_search"), {"hosted": {"url_content_extraction"}}),
        (WITH_RESULT, V2, Refused(400, SYNTAX), {"result_role": "tool"}),
        (WITH_RESULT, Facts(v2=True, result_role="tool"), Refused(400, SYNTAX), {"result_role": "function"}),
        (
            WITH_RESULT,
            V2,
            Refused(400, "invalid function result for function f json string 5"),
            {"result_role": "tool"},
        ),
        (REQUIRED, V2, Refused(422, "unknown mode any"), {"any_call": False}),
        (PLAIN, V2, Refused(404, "Not Found"), {"v2": False}),
        (PLAIN, V2, Refused(403, "no explanation"), {"v2": False}),
    ],
)
def test_found(chat: ChatRequest, facts: Facts, refused: Refused, values: dict[str, Any]) -> None:
    assert doubt(chat, facts, refused) == Doubt(values)


def test_one_answer_that_cannot_be_read_proves_nothing() -> None:
    assert doubt(PLAIN, V2, Refused(None, "")) == Doubt({"v2": False}, lasts=False)


def test_a_tool_that_is_not_open_proves_nothing_of_v2() -> None:
    searching = replace(PLAIN, hosted=("web_search",))
    assert doubt(searching, V2, Refused(403, "no explanation")) == Doubt({"v2": False}, lasts=False)
    assert doubt(searching, Facts(v2=True), Refused(403, "no explanation")) == Doubt({"v2": False}), "it was not sent"


@pytest.mark.parametrize(
    "chat, facts, refused",
    [
        (PLAIN, Facts(), Refused(None, "")),
        (PLAIN, Facts(), Refused(404, "No such model")),
        (WITH_RESULT, Facts(), Refused(400, SYNTAX)),
        (PLAIN, LEARNED, Refused(422, "keyword anyOf in parameters is not supported")),
        (PLAIN, LEARNED, Refused(422, "CONTEXT_TOO_LONG: context too long 9, maximum allowed context is 5", NATIVE)),
        (PLAIN, LEARNED, Refused(429, "Too many requests", NATIVE)),
        (COLD, Facts(), Refused(422, "temperature must be in range (0, +inf)")),
        (PLAIN, V2, Refused(422, "Tool code_interpreter is unavailable")),
        (PLAIN, V2, Refused(429, "Too many requests")),
        (PLAIN, V2, Refused(500, "no explanation")),
        (PLAIN, V2, Refused(400, SYNTAX)),
        (WITH_RESULT, V2, Refused(422, "CONTEXT_TOO_LONG: context too long 9, maximum allowed context is 5")),
        (WITH_RESULT, V2, Refused(422, "Invalid params: top_p")),
    ],
)
def test_nothing_to_doubt(chat: ChatRequest, facts: Facts, refused: Refused) -> None:
    assert doubt(chat, facts, refused) is None
