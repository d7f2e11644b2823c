"""Payloads of v2: the cases are in tests/cases/v2/requests.json, as clients of OpenAI's API ask."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from gpt2giga.chat import ChatRequest, File, Image, Message, Text, ToolCall, ToolChoice, ToolResult
from gpt2giga.dialects.openai.request import from_chat_request
from gpt2giga.upstream.contract import v1, v2
from gpt2giga.upstream.contract.call_ids import call_id
from gpt2giga.upstream.contract.facts import Facts
from gpt2giga.upstream.contract.functions import to_functions
from gpt2giga.upstream.contract.tool_names import ToolNames
from tests.golden import check_same

MODEL = "GigaChat-3-Ultra"
CASES = json.loads((Path(__file__).parent.parent / "cases" / "v2" / "requests.json").read_text())
STATE_ID = "77d3fb14-457a-46ba-937e-8d856156d003"


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_payload(case: dict[str, Any]) -> None:
    chat, _ = from_chat_request(case["request"], ignore_hosted=False)
    chat = replace(chat, hosted=tuple(case.get("hosted", ())), several_calls=case.get("several_calls", True))
    if "forced" in case:
        chat = replace(chat, tool_choice=ToolChoice("hosted", case["forced"]))
    payload = to_payload(chat, Facts(**case.get("facts", {})))
    check_same(case["why"], "payload", orjson.loads(orjson.dumps(payload)), case["payload"])


def to_payload(chat: ChatRequest, facts: Facts) -> dict[str, Any]:
    names = v1.tool_names(chat)
    functions = to_functions(chat.tools, names, 10_000)
    return v2.to_payload(chat, MODEL, names, {}, functions, facts, send_state_id=False)


def user(*parts: Any) -> Message:
    return Message("user", parts)


A, B, DOCUMENT = Image("data:a"), Image("data:b"), File("data:c", "c.txt")
FILES: dict[Image | File, str] = {A: "a", B: "b"}


def test_files_stand_in_their_place() -> None:
    """One in a message (contract 3.3.2); what is not at GigaChat is mentioned."""
    messages = v2.V2History(
        [user(Text("Это"), A, Text("и"), DOCUMENT, Text("и это"), B), user(Text("?"))], ToolNames(), FILES, Facts()
    ).write()
    assert [message["content"] for message in messages] == [
        [{"text": "Это"}, {"files": [{"id": "a"}]}],
        [{"text": "и\n\n[earlier file: c.txt]\n\nи это"}, {"files": [{"id": "b"}]}, {"text": "?"}],
    ]


def test_files_of_results_are_shown_by_the_user() -> None:
    said = Message("assistant", (ToolCall("1", "f", {}), ToolCall("2", "f", {})))
    results = user(ToolResult("1", "f", (Text("{}"), A)), ToolResult("2", "f", (A,)))
    *_, last = v2.V2History([user(Text("?")), said, results], ToolNames(["f"]), FILES, Facts()).write()
    remark = "[Image from the result of the tool f]"
    shown = {"text": f"{remark[:-1]}, shown before]"}
    assert last == {"role": "user", "content": [{"text": remark}, {"files": [{"id": "a"}]}, shown]}


def test_a_file_that_was_sent_too_often_is_mentioned() -> None:
    messages = v2.V2History([user(A) for _ in range(12)], ToolNames(), FILES, Facts()).write()
    mentioned, shown = [{"text": "[earlier file: shown again below]"}], [{"files": [{"id": "a"}]}]
    assert [message["content"] for message in messages] == [shown] * 9 + [mentioned] * 2 + [shown]


@pytest.mark.parametrize("send", [True, False])
def test_state_ids_on_demand(send: bool) -> None:
    said = Message("assistant", (ToolCall(call_id(STATE_ID), "f", {}), ToolCall("b", "f", {})))
    written = v2.V2History([user(Text("?")), said], ToolNames(["f"]), {}, Facts(), send_state_id=send).write()
    assert [message.get("functions_state_id") for message in written] == [None, STATE_ID if send else None, None, None]


@pytest.mark.parametrize(
    "own, moved",
    [
        ({}, {}),
        ({"profanity_check": True, "flags": ["a"]}, {"disable_filter": False, "flags": ["a"]}),
        ({"top_logprobs": 2, "function_ranker": {}}, {"model_options": {"top_logprobs": 2}, "ranker_options": {}}),
    ],
)
def test_parameters_of_v1(own: dict[str, Any], moved: dict[str, Any]) -> None:
    assert v2.to_v2_parameters(own) == moved
