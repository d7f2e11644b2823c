"""The events of a stream, against the official client's own types and against the whole answer."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from gpt2giga.chat import Done, Event, ReasoningDelta, RefusalDelta, TextDelta, ToolCall, Usage
from gpt2giga.dialects.responses import response
from gpt2giga.dialects.responses.response import ResponseHead, to_echo
from gpt2giga.dialects.responses.stream import ResponseStream
from gpt2giga.dialects.responses.tools import from_tools
from gpt2giga.errors import ContextTooLong, ProxyError, RateLimited, UpstreamCut

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
TOOLS = [
    {"type": "custom", "name": "patch"},
    {"type": "namespace", "name": "n", "description": "", "tools": [{"type": "function", "name": "f"}]},
]
BODY = {"tools": TOOLS, "instructions": "Кратко.", "metadata": {"a": "b"}, "temperature": 0.5}
USAGE = Usage(prompt=10, completion=5, cached=4)


def head() -> ResponseHead:
    return ResponseHead("GigaChat", to_echo(BODY), from_tools({"tools": TOOLS}, ignore_hosted=True))


def to_response(events: list[Event], of: ResponseHead) -> dict[str, Any]:
    return response.to_response([events], of)


def keep(_: dict[str, Any]) -> None:
    """Nothing is kept here."""


def sent(events: Iterable[Event], of: ResponseHead) -> list[dict[str, Any]]:
    stream = ResponseStream(of, keep)
    return [item for event in events for item in stream.feed([event], 0)]


ANSWERS: dict[str, list[Event]] = {
    "text": [TextDelta("Раз "), TextDelta("два"), Done("stop", USAGE)],
    "nothing": [Done("stop", USAGE)],
    "no usage": [TextDelta("а"), Done("stop", None)],
    "cut": [TextDelta("Раз"), Done("length", USAGE)],
    "cut before anything": [Done("length", USAGE)],
    "filtered": [TextDelta("Нет."), Done("content_filter", USAGE)],
    "refusal": [RefusalDelta("Не "), RefusalDelta("буду"), Done("stop", USAGE)],
    "text, then refusal": [TextDelta("{"), RefusalDelta("Нет"), Done("stop", USAGE)],
    "reasoning": [ReasoningDelta("Ду"), ReasoningDelta("маю"), TextDelta("Да"), Done("stop", USAGE)],
    "reasoning alone": [ReasoningDelta("Думаю"), Done("length", USAGE)],
    "call": [ToolCall("c1", "g", {"a": "б"}), Done("tool_calls", USAGE)],
    "text and calls": [
        TextDelta("Сейчас."),
        ToolCall("c1", "patch", {"input": "+1"}),
        ToolCall("c2", "n__f", {}),
        Done("tool_calls", USAGE),
    ],
    "text, call, text": [TextDelta("а"), ToolCall("c1", "g", {}), TextDelta("б"), Done("stop", USAGE)],
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_the_stream_is_well_formed_and_adds_up_to_the_whole_answer(answer: list[Event]) -> None:
    one = head()
    events = sent(answer, one)
    for number, event in enumerate(events):
        assert event["sequence_number"] == number
        EVENT.validate_python(event)
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    whole = to_response(answer, one)
    Response.model_validate(whole)
    assert events[-1]["response"] == {**whole, "completed_at": events[-1]["response"]["completed_at"]}
    assert events[-1]["type"] == f"response.{whole['status']}"
    assert accumulated(events[2:-1]) == whole["output"]


def accumulated(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The output as a client adds it up that believes only what it was told first; fails on any event out of place."""
    output: list[dict[str, Any]] = []
    for event in events:
        kind, _, what = event["type"].removeprefix("response.").rpartition(".")
        if kind == "output_item":
            if what == "added":
                assert event["output_index"] == len(output)
                output.append({**event["item"]})
            else:
                assert event["item"]["id"] == output[event["output_index"]]["id"]
                closed = {**output[event["output_index"]], "status": event["item"].get("status")}
                if closed["type"] == "reasoning":
                    del closed["status"]
                if closed["type"] == "image_generation_call":
                    closed |= {
                        name: event["item"][name] for name in ("result", "output_format") if event["item"].get(name)
                    }
                assert closed == event["item"]
                output[event["output_index"]] = closed
            continue
        item = output[event["output_index"]]
        assert item["id"] == event["item_id"]
        if kind in ("content_part", "reasoning_summary_part"):
            at = "content" if kind == "content_part" else "summary"
            index = event["content_index" if kind == "content_part" else "summary_index"]
            if what == "added":
                assert index == len(item[at])
                item[at] = [*item[at], deepcopy(event["part"])]
            else:
                assert item[at][index] == event["part"]
        elif kind == "output_text.annotation":
            added = item["content"][event["content_index"]]["annotations"]
            assert event["annotation_index"] == len(added)
            added.append(event["annotation"])
        elif kind not in ("web_search_call", "image_generation_call"):
            add_text(item, event, kind, what)
    return output


def add_text(item: dict[str, Any], event: dict[str, Any], kind: str, what: str) -> None:
    if kind == "function_call_arguments":
        holder, key = item, "arguments"
    elif kind == "custom_tool_call_input":
        holder, key = item, "input"
    elif kind == "reasoning_summary_text":
        holder, key = item["summary"][event["summary_index"]], "text"
    else:
        holder, key = item["content"][event["content_index"]], "refusal" if kind == "refusal" else "text"
    if what == "delta":
        assert event["delta"]
        holder[key] += event["delta"]
    else:
        assert holder[key] == event[key]


def test_incomplete() -> None:
    cut = to_response(ANSWERS["cut"], head())
    assert (cut["status"], cut["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert cut["output"][0]["status"] == "incomplete"
    assert to_response(ANSWERS["filtered"], head())["incomplete_details"] == {"reason": "content_filter"}
    assert to_response([TextDelta("Нет."), Done("stop", USAGE, was_filtered=True)], head())["status"] == "completed"


def test_calls_have_the_clients_names() -> None:
    _, custom, function = to_response(ANSWERS["text and calls"], head())["output"]
    assert (custom["type"], custom["name"], custom["input"]) == ("custom_tool_call", "patch", "+1")
    assert (function["type"], function["namespace"], function["name"]) == ("function_call", "n", "f")


def test_what_is_kept_is_kept_before_a_client_can_know_of_it() -> None:
    kept: list[dict[str, Any]] = []
    stream = ResponseStream(head(), kept.append)
    stream.feed([TextDelta("а")], 0)
    assert not kept
    last = stream.feed([Done("stop", USAGE)], 0)[-1]
    assert [last["response"]] == kept


def test_a_failure_in_the_middle() -> None:
    stream = ResponseStream(head(), keep)
    events = stream.feed([TextDelta("Раз"), ToolCall("c1", "g", {}), TextDelta("два")], 0)
    events += stream.fail(UpstreamCut("Cut."))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    for event in events:
        EVENT.validate_python(event)
    response = events[-1]["response"]
    assert (response["status"], response["error"]) == ("failed", {"code": "server_error", "message": "Cut."})
    assert [item["type"] for item in response["output"]] == ["message", "function_call"], "what was whole"


@pytest.mark.parametrize(
    "error, code, message",
    [
        (RateLimited("Busy.", retry_after=5), "rate_limit_exceeded", "Busy. Please try again in 5s."),
        (ContextTooLong("Too long."), "context_length_exceeded", "Too long."),
        (UpstreamCut("Cut."), "server_error", "Cut."),
    ],
)
def test_codes_that_codex_understands(error: ProxyError, code: str, message: str) -> None:
    [failed] = ResponseStream(head(), keep).fail(error)
    assert failed["response"]["error"] == {"code": code, "message": message}


def test_signs_of_life_before_and_between() -> None:
    """Whichever event is sent first, it is response.created, and it is the only one."""
    stream = ResponseStream(head(), keep)
    events = [*stream.heartbeat(0), *stream.heartbeat(0), *stream.feed([TextDelta("а")], 0), *stream.heartbeat(0)]
    events += stream.feed([Done("stop", None)], 0)
    types = [event["type"] for event in events]
    assert types[0] == "response.created" and types.count("response.created") == 1
    assert types[:4] == ["response.created", *["response.in_progress"] * 3] and types[7] == "response.in_progress"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
