from __future__ import annotations

import time
from typing import Any

import orjson
import pytest

from gpt2giga.chat import Done, Event, Picture, ReasoningDelta, RefusalDelta, TextDelta, ToolCall, Usage
from gpt2giga.dialects.ollama.stream import LineHead, LineStream, to_answer
from gpt2giga.errors import UpstreamCut
from tests.lines import accumulate, TIMES, without_times

USAGE = Usage(prompt=10, completion=4, cached=3)
CALL = ToolCall("call1", "weather", {"city": "Москва", "days": 2})
TOLD = {"id": "call1", "function": {"index": 0, "name": "weather", "arguments": {"city": "Москва", "days": 2}}}
PICTURE = Picture("1", "image/png", b"a")

ANSWERS: list[tuple[str, list[Event], dict[str, Any]]] = [
    ("nothing", [], {"content": ""}),
    ("text", [TextDelta("При"), TextDelta("вет!")], {"content": "Привет!"}),
    ("thoughts", [ReasoningDelta("Так."), TextDelta("Да.")], {"content": "Да.", "thinking": "Так."}),
    ("call", [CALL], {"content": "", "tool_calls": [TOLD]}),
    ("text and call", [TextDelta("Вот."), CALL], {"content": "Вот.", "tool_calls": [TOLD]}),
    ("refusal", [RefusalDelta("Нет.")], {"content": "Нет."}),
    ("picture", [TextDelta("a"), PICTURE], {"content": "a![](data:image/png;base64,YQ==)"}),
]
ROWS = pytest.mark.parametrize("events, said", [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])


def streamed(events: list[Event], head: LineHead) -> list[dict[str, Any]]:
    stream = LineStream(head)
    items = [*(item for event in events for item in stream.feed([event], 0)), *stream.finish()]
    return [orjson.loads(item if isinstance(item, bytes) else orjson.dumps(item)) for item in items]


@ROWS
def test_chat(events: list[Event], said: dict[str, Any]) -> None:
    head, ended = LineHead("giga", is_chat=True), [*events, Done("tool_calls" if CALL in events else "stop", USAGE)]
    whole = to_answer([ended], head)
    assert without_times(whole) == {
        "model": "giga",
        "message": {"role": "assistant", **said},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 10,
        "eval_count": 4,
    }
    assert accumulate(streamed(ended, head)) == without_times(whole)


def test_several_calls_are_numbered() -> None:
    whole = to_answer([[CALL, CALL, Done("tool_calls", None)]], LineHead("giga", is_chat=True))
    assert [call["function"]["index"] for call in whole["message"]["tool_calls"]] == [0, 1]


@pytest.mark.parametrize("events", [[TextDelta("Да.")], [ReasoningDelta("Так."), TextDelta("Да.")]])
def test_generate(events: list[Event]) -> None:
    head, ended = LineHead("giga", is_chat=False, shows_thoughts=False), [*events, Done("length", None)]
    whole = to_answer([ended], head)
    assert without_times(whole) == {"model": "giga", "response": "Да.", "done": True, "done_reason": "length"}
    assert accumulate(streamed(ended, head)) == without_times(whole)


@pytest.mark.parametrize("finish", ["stop", "content_filter"])
def test_what_the_filter_stopped(finish: Any) -> None:
    head = LineHead("giga", is_chat=True)
    assert to_answer([[Done(finish, None, was_filtered=True)]], head)["done_reason"] == finish


def test_times_are_nanoseconds_that_add_up() -> None:
    """Clients divide the tokens by the time that they took."""
    ended: list[Event] = [Done("stop", USAGE)]
    for whole in (to_answer([ended], LineHead("giga", True)), streamed(ended, LineHead("giga", True))[-1]):
        assert set(TIMES) < whole.keys() and whole["eval_duration"] > 0
        assert whole["prompt_eval_duration"] + whole["eval_duration"] <= whole["total_duration"] + 1
        assert whole["created_at"].endswith("Z") and whole["created_at"][10] == "T"


@pytest.mark.parametrize(
    "batches",
    [
        [[TextDelta("{}"), Done("stop", USAGE)]],
        [[ReasoningDelta("Так."), TextDelta("{}"), PICTURE], [Done("stop", USAGE)]],
        [[], [CALL], [CALL], [Done("tool_calls", USAGE)]],
        [[TextDelta("Раз: ")], [TextDelta("["), Done("stop", USAGE)]],
    ],
    ids=["a checked document", "one frame of text", "calls", "a text of which some was held"],
)
def test_what_came_at_once_took_the_time_before(batches: list[list[Event]]) -> None:
    """Programs show the tokens of a second, which would be millions."""
    head = LineHead("giga", is_chat=True, started=time.monotonic_ns() - 10**9)
    stream = LineStream(head)
    *_, end = [item for events in batches for item in stream.feed(events, 0)]
    assert isinstance(end, dict) and end["eval_duration"] == end["total_duration"] >= 10**9
    assert end["prompt_eval_duration"] == 0


def test_what_grew_is_timed_from_its_beginning() -> None:
    stream = LineStream(LineHead("giga", is_chat=True, started=time.monotonic_ns() - 10**9))
    events: list[Event] = [TextDelta("a"), TextDelta("b"), TextDelta("c"), Done("stop", USAGE)]
    *_, end = [item for event in events for item in stream.feed([event], 0)]
    assert isinstance(end, dict) and end["prompt_eval_duration"] >= 10**9 > end["eval_duration"]


def test_signs_of_life_change_nothing() -> None:
    stream = LineStream(LineHead("giga", is_chat=True))
    (beat,) = stream.heartbeat(0)
    assert beat["message"] == {"role": "assistant", "content": ""} and beat["done"] is False


def test_a_break_is_the_last_line() -> None:
    assert LineStream(LineHead("giga", is_chat=True)).fail(UpstreamCut("Обрыв.")) == [{"error": "Обрыв."}]


@pytest.mark.parametrize("text", ['"', "\\", "\n", "</script>", "\u2028", "ы" * 3])
def test_any_text_is_written_as_json(text: str) -> None:
    """Most of a line is written once, and the text is put into it."""
    for is_chat in (True, False):
        line, end = streamed([TextDelta(text), Done("stop", None)], LineHead(text, is_chat=is_chat))
        assert line.get("message", {}).get("content", line.get("response")) == text == line["model"]
