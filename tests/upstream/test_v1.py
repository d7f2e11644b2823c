from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from gpt2giga.chat import ChatRequest, Done, Event, Message, ReasoningDelta, Text, TextDelta, Tool, ToolCall
from gpt2giga.errors import UpstreamCut, UpstreamError
from gpt2giga.upstream.contract import v1
from gpt2giga.upstream.contract.answers import Unreadable
from gpt2giga.upstream.contract.facts import default_facts, Facts
from gpt2giga.upstream.contract.functions import to_functions
from gpt2giga.upstream.contract.tool_names import ToolNames
from gpt2giga.upstream.contract.v1 import StreamedAnswer

CALL = {"name": "f", "arguments": {"a": 1}}
LEAK = "assistant function callf{"


def chunks(*deltas: dict[str, Any], finish: str | None = "stop") -> Iterator[dict[str, Any]]:
    for number, delta in enumerate(deltas, start=1):
        choice = {"index": 0, "delta": delta, "finish_reason": finish if number == len(deltas) else None}
        yield {"choices": [choice], "created": 1, "model": "GigaChat", "object": "chat.completion"}


def whole(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
        "created": 1,
        "model": "GigaChat",
        "object": "chat.completion",
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }


def read(*deltas: dict[str, Any], finish: str | None = "stop") -> list[Event]:
    return streamed(chunks(*deltas, finish=finish), ToolNames(["f"]))


def streamed(documents: Iterable[Any], names: ToolNames) -> list[Event]:
    answer = StreamedAnswer(names)
    events = [event for document in documents for event in answer.feed(frame(document))]
    if answer.failure:
        raise answer.failure
    return [*events, *answer.end()]


def frame(document: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(document, ensure_ascii=False).encode()


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def called(events: list[Event]) -> list[str]:
    return [event.name for event in events if isinstance(event, ToolCall)]


@pytest.mark.parametrize("size", [1, 2, 5, 9, 100])
def test_leaked_words_in_pieces(size: int) -> None:
    """Only what may still become the leaked words is held back."""
    said = "Смотрю: a assist. " + LEAK
    pieces = [{"content": said[at : at + size]} for at in range(0, len(said), size)]
    events = read(*pieces, {"content": "", "function_call": CALL}, finish="function_call")
    assert text(events) == "Смотрю: a assist. " and called(events) == ["f"]
    events = read(*pieces, {"content": "end"})
    assert text(events) == said + "end" and called(events) == []


def test_text_that_cannot_be_leaked_words_is_passed_on_at_once() -> None:
    answer = StreamedAnswer(ToolNames())
    frames = map(frame, chunks({"content": "a "}, {"content": "assistant"}, {"content": " of"}))
    assert [answer.feed(data) for data in frames] == [[TextDelta("a ")], [], [TextDelta("assistant of")]]
    assert answer.end() == [Done("stop", None)]


@pytest.mark.parametrize(
    "deltas",
    [
        [{"function_call": CALL}],
        [{"function_call": CALL}, {"content": ""}],
        [{"content": LEAK, "function_call": CALL}],
        [{"content": LEAK}, {"function_call": CALL}, {"content": ""}],
        [{"function_call": CALL}, {"function_call": CALL}],
    ],
    ids=["one frame", "two frames", "leak beside", "leak before", "twice"],
)
def test_all_forms_of_a_call_end_the_same_way(deltas: list[dict[str, Any]]) -> None:
    [call, done] = read(*deltas, finish="function_call")
    assert isinstance(call, ToolCall) and (call.name, call.arguments) == ("f", {"a": 1})
    assert done == Done("tool_calls", None)


def test_progress_of_built_in_functions_is_not_text() -> None:
    events = read({"role": "function_in_progress", "content": "Рисую 50%"}, {"content": "Готово."})
    assert events == [TextDelta("Готово."), Done("stop", None)]


def test_reasoning() -> None:
    assert read({"reasoning_content": "Так."}, {"content": "Да."})[:2] == [ReasoningDelta("Так."), TextDelta("Да.")]


@pytest.mark.parametrize(
    "finish, expected",
    [("stop", "stop"), ("length", "length"), ("blacklist", "content_filter"), ("function_call", "stop")],
)
def test_finish(finish: str, expected: str) -> None:
    assert read({"content": "Да."}, finish=finish)[-1] == Done(expected, None)


def test_finish_error() -> None:
    with pytest.raises(UpstreamError, match="invalid function call") as caught:
        read({"content": ""}, finish="error")
    assert caught.value.code == "upstream_model_error"
    with pytest.raises(UpstreamError):
        list(v1.from_completion(whole({"content": ""}, "error"), ToolNames()))


def test_an_answer_without_a_finish_was_cut() -> None:
    with pytest.raises(UpstreamCut, match="^Connection lost"):
        read({"content": "Да"}, finish=None)
    with pytest.raises(UpstreamCut):
        read()


def test_the_conversion_of_tools_is_remembered() -> None:
    tool = Tool("f", "", {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}})
    chat = ChatRequest("GigaChat", (Message("user", (Text("?"),)),), tools=(tool,))
    first, second = (to_functions(chat.tools, ToolNames(["f"]), 100) for _ in range(2))
    assert first[0]["parameters"] is second[0]["parameters"]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        {},
        {"status": 500, "message": "no"},
        {"choices": {}},
        {"choices": [1]},
        {"choices": [{"index": 0}]},
        {"choices": [{"delta": []}]},
        {"choices": [{"delta": {"content": 1}}]},
        {"choices": [{"delta": {"function_call": "f"}}]},
        {"choices": [{"delta": {"function_call": {"arguments": {}}}}]},
        {"choices": [{"delta": {"function_call": {"name": "f", "arguments": [1]}}}]},
        {"choices": [], "usage": {"prompt_tokens": "many"}},
    ],
    ids=repr,
)
def test_what_is_not_the_documented_form(document: Any) -> None:
    if not document:  # an empty frame says nothing
        assert StreamedAnswer(ToolNames()).feed(frame(document)) == []
    else:
        with pytest.raises(Unreadable):
            streamed([document], ToolNames())
    with pytest.raises(Unreadable):
        v1.from_completion(document, ToolNames())


def test_what_came_before_a_frame_that_cannot_be_read_counts() -> None:
    answer = StreamedAnswer(ToolNames())
    piece = b"".join(map(frame, [*chunks({"content": "Да."}, finish=None), {"a": 1}]))
    assert answer.feed(piece) == [TextDelta("Да.")] and isinstance(answer.failure, Unreadable)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_bytes_in_pieces_of_any_size(size: int) -> None:
    """Frames, lines and letters are cut anywhere; the last frame has no line feed."""
    said = "Привет, \u2028мир\x85 и a\tb"
    stream = b": comment\r\n\r\n" + b"".join(map(frame, chunks({"content": said}, {"content": "!"}))).rstrip()
    answer = StreamedAnswer(ToolNames())
    events = [event for at in range(0, len(stream), size) for event in answer.feed(stream[at : at + size])]
    assert text([*events, *answer.feed(b"\n"), *answer.end()]) == said + "!"


def test_arguments_as_text_are_understood() -> None:
    """GigaChat writes an object; its relatives behind the same gateway may not."""
    events = read({"function_call": {"name": "f", "arguments": '{"a": 1}'}}, finish="function_call")
    assert [event.arguments for event in events if isinstance(event, ToolCall)] == [{"a": 1}]


@pytest.mark.parametrize(
    "model, sent",
    [
        ("GigaChat", False),
        ("GigaChat-2-Max", False),
        ("GigaChat-2-Reasoning", True),
        ("GigaChat-2-Reasoning:2.0.1", True),
        ("GigaChat-3.5-Ultra-Reasoning", True),
    ],
)
def test_effort_of_reasoning(model: str, sent: bool) -> None:
    """The sandbox has no GigaChat-2-Reasoning."""
    chat = ChatRequest(model, (Message("user", (Text("?"),)),), reasoning_effort="high")
    payload = v1.to_payload(chat, model, ToolNames(), {}, [], default_facts(model), send_state_id=False)
    assert ("reasoning_effort" in payload) == sent


@pytest.mark.parametrize("zero, sent", [(False, v1.LOWEST_TEMPERATURE), (True, 0)])
def test_temperature_zero(zero: bool, sent: float) -> None:
    chat = ChatRequest("GigaChat", (Message("user", (Text("?"),)),), temperature=0)
    facts = Facts(temperature_zero=zero)
    payload = v1.to_payload(chat, "GigaChat", ToolNames(), {}, [], facts, send_state_id=False)
    assert payload["temperature"] == sent
