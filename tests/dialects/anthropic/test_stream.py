from __future__ import annotations

from typing import Any

import pytest

from gpt2giga.chat import Done, Event, ReasoningDelta, RefusalDelta, TextDelta, ToolCall, Usage
from gpt2giga.dialects.anthropic import response
from gpt2giga.dialects.anthropic.stream import MessageHead, MessageStream, SIGNATURE
from gpt2giga.errors import UpstreamCut
from tests.message_events import accumulate

USAGE = Usage(prompt=10, completion=4, cached=3)
WIRE_USAGE = {"input_tokens": 7, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3, "output_tokens": 4}
HI = {"type": "text", "text": "Привет!"}
THOUGHT = {"type": "thinking", "thinking": "Так. Да.", "signature": SIGNATURE}
CALL = ToolCall("call1", "weather", {"city": "Москва", "days": 2})
USE = {"type": "tool_use", "id": "call1", "name": "weather", "input": {"city": "Москва", "days": 2}}


def head(**changes: Any) -> MessageHead:
    given: dict[str, Any] = {"thoughts": "shown", "prompt": 5, **changes}
    return MessageHead("claude-x", **given)


def to_message(events: list[Event], opening: MessageHead) -> dict[str, Any]:
    return response.to_message([events], opening)


def to_stream_events(events: list[Event], opening: MessageHead) -> list[dict[str, Any]]:
    stream = MessageStream(opening, "request")
    return [*(item for event in events for item in stream.feed([event], 0)), *stream.finish()]


ANSWERS: list[tuple[str, list[Event], list[Any], str]] = [
    ("nothing", [], [], "end_turn"),
    ("text", [TextDelta("При"), TextDelta("вет!")], [HI], "end_turn"),
    ("thoughts", [ReasoningDelta("Так. "), ReasoningDelta("Да."), TextDelta("Привет!")], [THOUGHT, HI], "end_turn"),
    ("call", [CALL], [USE], "tool_use"),
    ("text and call", [TextDelta("Привет!"), CALL], [HI, USE], "tool_use"),
    ("calls", [CALL, CALL], [USE, USE], "tool_use"),
    ("text after a call", [CALL, TextDelta("Привет!")], [USE, HI], "tool_use"),
    ("refusal", [RefusalDelta("Привет!")], [HI], "refusal"),
]


@pytest.mark.parametrize("events, content, reason", [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_whole_and_streamed(events: list[Event], content: list[Any], reason: str) -> None:
    ended = [*events, Done("tool_calls" if CALL in events else "stop", USAGE)]
    opening = head()
    message = to_message(ended, opening)
    assert message == {
        "id": opening.id,
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": WIRE_USAGE,
    }
    assert accumulate(to_stream_events(ended, opening)) == message


@pytest.mark.parametrize(
    "done, expected",
    [
        (Done("stop", USAGE), ("end_turn", None)),
        (Done("stop", USAGE, "###"), ("stop_sequence", "###")),
        (Done("length", USAGE), ("max_tokens", None)),
        (Done("stop", USAGE, was_filtered=True), ("end_turn", None)),
        (Done("content_filter", USAGE), ("refusal", None)),
    ],
)
def test_stop_reasons(done: Done, expected: tuple[str, str | None]) -> None:
    message = to_message([TextDelta("a"), done], head())
    assert (message["stop_reason"], message["stop_sequence"]) == expected
    assert message["content"] == [{"type": "text", "text": "a"}], "what was said is kept"


@pytest.mark.parametrize(
    "thoughts, content", [("none", [HI]), ("omitted", [{**THOUGHT, "thinking": ""}, HI]), ("shown", [THOUGHT, HI])]
)
def test_thoughts_are_shown_to_who_asked(thoughts: str, content: list[Any]) -> None:
    events = [ReasoningDelta("Так. Да."), TextDelta("Привет!"), Done("stop", USAGE)]
    opening = head(thoughts=thoughts)
    message = to_message(events, opening)
    assert message["content"] == content
    assert accumulate(to_stream_events(events, opening)) == message


def test_usage_is_an_estimate_until_gigachat_tells() -> None:
    first, *_, delta, _ = to_stream_events([TextDelta("a"), Done("stop", USAGE)], head())
    assert first["message"]["usage"]["input_tokens"] == 5
    assert delta["usage"] == WIRE_USAGE


def test_usage_of_a_text_that_was_cut() -> None:
    message = to_message([TextDelta("Привет!"), Done("stop", None, "#")], head())
    assert (message["usage"]["input_tokens"], message["usage"]["output_tokens"]) == (5, 3)


def test_a_stream_in_full() -> None:
    events = [ReasoningDelta("Так."), TextDelta("Да."), CALL, Done("tool_calls", USAGE)]
    first, *rest = to_stream_events(events, head())
    assert first["type"] == "message_start" and first["message"]["content"] == []
    assert rest == [
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""},
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Так."}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": SIGNATURE}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Да."}},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": {**USE, "input": {}}},
        {
            "type": "content_block_delta",
            "index": 2,
            "delta": {"type": "input_json_delta", "partial_json": '{"city":"Москва","days":2}'},
        },
        {"type": "content_block_stop", "index": 2},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": WIRE_USAGE},
        {"type": "message_stop"},
    ]


def test_numbers_that_json_writers_do_not_take() -> None:
    events = [ToolCall("c", "f", {"n": 2**70}), Done("tool_calls", USAGE)]
    opening = head()
    message = to_message(events, opening)
    assert message["content"][0]["input"] == {"n": float(2**70)}
    assert accumulate(to_stream_events(events, opening)) == message


def test_a_failure_is_the_last_event() -> None:
    stream = MessageStream(head(), "request")
    stream.feed([TextDelta("а")], 0)
    [failed] = stream.fail(UpstreamCut("Cut."))
    assert failed["type"] == "error" and failed["request_id"] == "request"
