"""Answers on v2. The recorded ones are in tests/cases/v2, their longer texts shortened (contract 0.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2giga.chat import Citation, Done, Event, HostedCall, Picture, ReasoningDelta, TextDelta, ToolCall, Usage
from gpt2giga.errors import UpstreamCut, UpstreamError
from gpt2giga.upstream.contract import citations, v2, v2_answer
from gpt2giga.upstream.contract.answers import Unreadable
from gpt2giga.upstream.contract.tool_names import ToolNames
from tests.golden import check_same

RECORDED = json.loads((Path(__file__).parent.parent / "cases" / "v2" / "recorded.json").read_text())
NAMES = ToolNames(["f", "g"])
ID, OTHER_ID = "3c1b6655-cba0-437d-973c-bd482b5ce421", "77d3fb14-457a-46ba-937e-8d856156d003"
SOURCES = {"1": {"url": "https://a.ru/1", "title": "A"}, "2": {"url": "https://b.ru", "title": "B"}}
SEARCHED = [HostedCall("", "web_search", "running"), HostedCall("", "web_search", "completed")]
USAGE = {"input_tokens": 9, "input_tokens_details": {"prompt_tokens": 9, "cached_tokens": 4}, "output_tokens": 2}


def whole(*parts: dict[str, Any], finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    messages = [{"role": "assistant", "content": [*parts], **message}]
    return {"model": "GigaChat", "created_at": 1, "messages": messages, "finish_reason": finish, "usage": USAGE}


def delta(*parts: dict[str, Any], role: str = "assistant", **rest: Any) -> dict[str, Any]:
    return {"model": "GigaChat", "created_at": 1, "messages": [{"role": role, "content": [*parts]}], **rest}


def done(finish: str = "stop", **rest: Any) -> dict[str, Any]:
    return {"model": "GigaChat", "created_at": 1, "finish_reason": finish, **rest}


def frame(document: Any, event: str = "response.message.delta") -> bytes:
    name = f"event: {event}\n".encode() if event else b""
    return b"%bdata: %b\n\n" % (name, json.dumps(document, ensure_ascii=False).encode())


def feed(stream: bytes, size: int = 0) -> list[Event]:
    answer = v2.StreamedAnswer(NAMES)
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)] if size else [stream]
    events = [event for piece in [*pieces, b"\n"] for event in answer.feed(piece)]
    if answer.failure:
        raise answer.failure
    return [*events, *answer.end()]


def read(*documents: Any) -> list[Event]:
    """Of a stream, joined."""
    return joined(feed(b"".join(map(frame, documents))))


def read_whole(document: Any) -> list[Event]:
    return joined(v2.from_completion(document, NAMES))


def joined(events: list[Event]) -> list[Event]:
    """Texts joined, citations after them; ids that are made up, left out."""
    found: list[Event] = []
    cited: list[Event] = []
    for event in events:
        last = found[-1] if found else None
        if isinstance(event, Citation):
            cited.append(event)
        elif isinstance(event, TextDelta) and isinstance(last, TextDelta):
            found[-1] = TextDelta(last.text + event.text)
        elif isinstance(event, ReasoningDelta) and isinstance(last, ReasoningDelta):
            found[-1] = ReasoningDelta(last.text + event.text)
        else:
            found += cited
            cited = []
            found.append(replace(event, id="") if isinstance(event, HostedCall) else event)
    return [*found, *cited]


def told(events: list[Event]) -> list[dict[str, Any]]:
    """As the recorded cases write them."""
    return [_told(event) for event in joined(events)]


def _told(event: Event) -> dict[str, Any]:
    fields = {"event": type(event).__name__, **asdict(event)}
    for name in ("stopped_by", "was_filtered", "content", *(["id"] if isinstance(event, HostedCall) else [])):
        fields.pop(name, None)
    if isinstance(event, Done) and event.usage:
        fields["usage"] = [event.usage.prompt, event.usage.completion, event.usage.cached]
    return fields


def as_stream(document: dict[str, Any]) -> Iterator[bytes]:
    """A whole answer as the public host would stream it (contract 5.16, 5.17, 5.22): calls in the last frame."""
    [message] = document["messages"]
    calls = [part for part in message["content"] if "function_call" in part]
    for part in message["content"]:
        if inline := part.get("inline_data"):
            yield frame(delta({"inline_data": inline}))
        if text := part.get("text"):
            yield from (frame(delta({"text": text[at : at + 7]})) for at in range(0, len(text), 7))
        elif "files" in part:
            yield frame(delta(part))
    last = {**message, "content": calls}
    yield frame({**document, "messages": [last]}, "response.message.done")


@pytest.mark.parametrize("case", RECORDED, ids=[case["why"] for case in RECORDED])
def test_recorded_answers(case: dict[str, Any]) -> None:
    if "stream" in case:
        check_same(case["why"], "events", told(feed(case["stream"].encode())), case["events"])
        return
    check_same(case["why"], "events", told(v2.from_completion(case["answer"], NAMES)), case["events"])
    check_same(case["why"], "events of a stream", told(feed(b"".join(as_stream(case["answer"])))), case["events"])


SEARCH = b"".join(
    [
        frame(delta({"tool_execution": {"id": "", "name": "web_search"}}), "response.tool.in_progress"),
        frame(
            delta({"tool_execution": {"id": "", "name": "web_search", "status": "success"}}), "response.tool.completed"
        ),
        frame(delta({"inline_data": {"images": [], "sources": SOURCES}})),
        frame(delta({"text": "Курс \u2028 вырос"})),
        frame(delta({"text": " [sources=[2, 1]], 😀"})),
        frame(delta({"function_call": {"name": "f", "arguments": {"a": 1}}}), ""),
        frame(done(usage=USAGE), "response.message.done"),
    ]
)


def test_bytes_in_pieces_of_any_size() -> None:
    """The last frame needs no line feed; a frame may have no name (contract 5.18)."""
    text = "Курс \u2028 вырос [2][1], 😀"
    at = text.index("[")
    expected = [
        *SEARCHED,
        TextDelta(text),
        Citation("https://b.ru", "B", at, at + 3),
        Citation("https://a.ru/1", "A", at + 3, at + 6),
        ToolCall("", "f", {"a": 1}),
        Done("tool_calls", Usage(9, 2, 4)),
    ]
    for size in range(1, len(SEARCH)):
        events = joined(feed(SEARCH.rstrip(), size))
        assert [replace(event, id="") if isinstance(event, ToolCall) else event for event in events] == expected


def test_a_stream_that_ends_anywhere() -> None:
    """It is whole with its last event, and cut without it."""
    for at in range(SEARCH.rindex(b"}")):
        with pytest.raises((UpstreamCut, Unreadable)):
            feed(SEARCH[:at])
    feed(SEARCH[: SEARCH.rindex(b"}") + 1])


def test_text_that_can_be_nothing_else_is_passed_on_at_once() -> None:
    answer = v2.StreamedAnswer(NAMES)
    texts = ["a ", "list[0] ", "[sour", "ce] ", "[sources=[1", "2]] ", "assistant", " of"]
    events = [answer.feed(frame(delta({"text": text}))) for text in texts]
    said = ["a ", "list[0] ", "", "[source] ", "", "[12] ", "", "assistant of"]
    assert events == [[TextDelta(text)] if text else [] for text in said]


@pytest.mark.parametrize(
    "text, written",
    [
        ("[sources=[1]]", "[1]"),
        ("a [sources=[1, 2,12]] b", "a [1][2][12] b"),
        ("[sources=[]] [sources=[a]] [sources=[1] [sources]", "[sources=[]] [sources=[a]] [sources=[1] [sources]"),
        ("[[sources=[1]]", "[[1]"),
        ("[sources=[sources=[1]]", "[sources=[1]"),
        ("[sources=[" + "1" * 300 + "]]", "[sources=[" + "1" * 300 + "]]"),
        ("[sources=[1", "[sources=[1"),
    ],
)
def test_markers(text: str, written: str) -> None:
    for size in range(1, len(text) + 1):
        pieces = [delta({"text": text[at : at + size]}) for at in range(0, len(text), size)]
        assert read(*pieces, done()) == [TextDelta(written), Done("stop", None)]


def test_sources_may_come_late_and_need_no_marker() -> None:
    sources = {**SOURCES, "3": {"url": "javascript:alert(1)"}, "4": 5, "5": {"url": None}}
    events = read(
        delta({"text": "Да [sources=[2]][sources=[3]]."}), delta({"inline_data": {"sources": sources}}), done()
    )
    assert events == [
        TextDelta("Да [2][3]."),
        *SEARCHED,
        Citation("https://b.ru", "B", 3, 6),
        Citation("https://a.ru/1", "A", 10, 10),
        Done("stop", None),
    ]


def test_positions_count_what_is_passed_on() -> None:
    part = {"text": "<think>Так [sources=[1]]</think>Да[sources=[1]]", "inline_data": {"sources": SOURCES}}
    *_, thought, text, one, two, _ = read_whole(whole(part))
    assert (thought, text) == (ReasoningDelta("Так [sources=[1]]"), TextDelta("Да[1]"))
    assert (one, two) == (Citation("https://a.ru/1", "A", 2, 5), Citation("https://b.ru", "B", 5, 5))


@pytest.mark.parametrize(
    "document",
    [
        delta({"text": "Так."}, role="reasoning"),
        delta({"reasoning_content": "Так."}),
        delta({"reasoning": {"text": "Так."}}),
        {"messages": [{"role": "assistant", "reasoning_content": "Так."}]},
        delta({"text": "<think>Так.</think>"}),
    ],
    ids=["role", "part", "object", "message", "tag"],
)
def test_reasoning(document: dict[str, Any]) -> None:
    """Contract 5.20, 4.7; the others are what langchain-gigachat reads."""
    assert read(document, delta({"text": "Да."}), done())[:2] == [ReasoningDelta("Так."), TextDelta("Да.")]


def test_a_thought_beside_the_text_comes_before_it() -> None:
    assert read_whole(whole({"text": "Да."}, reasoning_content="Так."))[:2] == [
        ReasoningDelta("Так."),
        TextDelta("Да."),
    ]


CALL, CALL_G = {"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": '{"b": 2}'}


@pytest.mark.parametrize("ids", [("", ""), (ID, OTHER_ID), (ID, ID), ("x", "x")])
def test_several_calls(ids: tuple[str, str]) -> None:
    """Each has an id of its own; what GigaChat gave them is in it."""
    calls = [{**call, "id": id} if id else call for call, id in zip((CALL, CALL_G), ids, strict=True)]
    parts = [{"function_call": call} for call in calls]
    for events in (read(*map(delta, parts), done("function_call")), read_whole(whole(*parts, finish="function_call"))):
        [one, two, end] = events
        assert isinstance(one, ToolCall) and isinstance(two, ToolCall) and isinstance(end, Done)
        assert [(call.name, call.arguments) for call in (one, two)] == [("f", {"a": 1}), ("g", {"b": 2})]
        assert one.id != two.id and end.finish == "tool_calls"
        if ids == (ID, OTHER_ID):
            assert [one.id, two.id] == [f"call{id.replace('-', '')}" for id in ids]


def test_the_state_is_kept_in_the_first_id() -> None:
    parts = [{"function_call": {**CALL, "id": ID}}, {"function_call": {**CALL_G, "id": ID}}]
    one, two, _ = read_whole(whole(*parts, tool_state_id=OTHER_ID))
    assert isinstance(one, ToolCall) and one.id == f"call{OTHER_ID.replace('-', '')}"
    assert isinstance(two, ToolCall) and two.id == f"call{ID.replace('-', '')}"


@pytest.mark.parametrize("id", ["", ID])
def test_a_call_that_comes_again_in_the_last_event_counts_once(id: str) -> None:
    call = {"function_call": {**CALL, "id": id} if id else CALL}
    same = [call, call] if not id else [call]
    events = read(delta(*same), {**done("function_call"), **delta(*same, {"function_call": CALL_G})})
    assert [event.name for event in events if isinstance(event, ToolCall)] == ["f"] * len(same) + ["g"]


def test_a_call_after_leaked_words() -> None:
    events = read(delta({"text": "Смотрю. assistant function callf{"}), delta({"function_call": CALL}), done())
    assert [type(event) for event in events] == [TextDelta, ToolCall, Done] and events[0] == TextDelta("Смотрю. ")


def executed(event: str = "", name: str = "web_search", **fields: Any) -> bytes:
    return frame(delta({"tool_execution": {"name": name, **fields}}), event and f"response.tool.{event}")


RUNNING, COMPLETED, FAILED = SEARCHED[0], SEARCHED[1], HostedCall("", "web_search", "failed")
MIRRORED = {"name": "web_search", "status": "success"}


@pytest.mark.parametrize(
    "frames, expected",
    [
        ([executed("started"), executed("in_progress", seconds_left=2), executed("completed")], [RUNNING, COMPLETED]),
        ([executed(), executed(status="success")], [RUNNING, COMPLETED]),
        ([executed("in_progress"), executed("failed")], [RUNNING, FAILED]),
        ([executed(status="fail")], [RUNNING, FAILED]),
        ([executed("in_progress")], [RUNNING, COMPLETED]),
        ([executed("completed")] * 2, [RUNNING, COMPLETED]),
        ([executed("in_progress"), executed("completed")] * 2, [RUNNING, COMPLETED] * 2),
        ([frame({**delta({"tool_execution": MIRRORED}), "tool_execution": MIRRORED})], [RUNNING, COMPLETED]),
        ([executed("in_progress", "code_interpreter"), executed("completed", "code_interpreter")], []),
        ([frame({"tool": "web_search"}, "response.tool.delta")], []),
    ],
)
def test_hosted_tools(frames: list[bytes], expected: list[HostedCall]) -> None:
    stream = b"".join([*frames, frame(done())])
    assert joined(feed(stream)) == [*expected, Done("stop", None)]
    ids = [event.id for event in feed(stream) if isinstance(event, HostedCall)]
    assert ids[::2] == ids[1::2] and len({*ids}) == len(ids) / 2


def test_pictures_only() -> None:
    files = [{"id": "1", "mime": "image/png", "target": "image"}, {"id": "2", "target": "3dmodel"}, {"id": "3"}]
    files += [{"id": "1", "mime": "image/png", "target": "image"}, {"id": "4", "target": "image"}]
    drawn = [HostedCall("", "image_generate", "running"), HostedCall("", "image_generate", "completed")]
    found = read(delta({"files": files}), done())
    assert found[:-1] == [*drawn, Picture("1", "image/png"), Picture("4", "image/jpeg")]
    running = executed("in_progress", "image_generate")
    told = joined(feed(running + frame(delta({"files": files[:1]})) + frame(done())))
    assert told[:-1] == [drawn[0], Picture("1", "image/png"), drawn[1]]


@pytest.mark.parametrize(
    "finish, expected",
    [
        *(("stop", "stop"), ("function_call", "stop"), ("length", "length"), ("request_whitelist", "stop")),
        *((name, "content_filter") for name in ("blacklist", "request_blacklist", "response_blacklist")),
        *(("request_filter", "content_filter"), ("another", "stop")),
    ],
)
def test_finish(finish: str, expected: str) -> None:
    assert read(delta({"text": "Да."}), done(finish))[-1] == Done(expected, None)  # type: ignore[arg-type]
    assert read({"messages": [{"role": "assistant", "content": [], "finish_reason": finish}]}) == [
        Done(expected, None)  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize("finish", ["error", "function_call_error"])
def test_finish_error(finish: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        read(done(finish))
    assert caught.value.code == "upstream_model_error"
    censored = frame(delta({"tool_execution": {"name": "image_generate", "status": "success", "censored": True}}))
    assert feed(censored + frame(done(finish)))[-1] == Done("content_filter", None)


@pytest.mark.parametrize(
    "data, event",
    [
        ({"error_details": {"message": "слово. "}}, ""),
        ({**whole({"text": "Да"}), "error_details": {"message": "слово"}}, ""),
        ({"error_details": "слово"}, "response.message.done"),
        ({"message": "слово", "model": "GigaChat"}, "response.error"),
        ({"message": "слово"}, "response.error"),
        ({"message": "слово"}, "response.error\nid: 1\nretry: 5\n: comment"),
    ],
)
def test_errors(data: Any, event: str) -> None:
    with pytest.raises(UpstreamError, match=r"слово\.$"):
        feed(frame(data, event))
    with pytest.raises(UpstreamError) as caught:
        feed(frame({"error_details": {"message": "long" * 1000}}))
    assert len(caught.value.message) < 600


def test_an_error_with_a_status_counts_as_that() -> None:
    with pytest.raises(Unreadable):
        feed(frame({"status": 429, "message": "Too many requests"}, "response.error"))


def test_what_came_before_an_error_counts() -> None:
    answer = v2.StreamedAnswer(NAMES)
    assert answer.feed(frame(delta({"text": "Да"})) + frame({"a": 1})) == [TextDelta("Да")]
    assert isinstance(answer.failure, Unreadable)


def test_cached_tokens_are_never_more_than_all() -> None:
    """Contract 5.30."""
    usage = {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 12}, "output_tokens": 2}
    assert read(done(usage=usage)) == [Done("stop", Usage(9, 2, 9))]


def test_nothing_but_messages_and_the_end_is_needed() -> None:
    for rest in ({}, {"usage": USAGE}):
        document = {"messages": [{"role": "assistant", "content": [{"text": "Да"}]}], "finish_reason": "length", **rest}
        assert (
            read_whole(document)
            == read(document)
            == [TextDelta("Да"), Done("length", Usage(9, 2, 4) if rest else None)]
        )


@pytest.mark.parametrize("missing", [{}, {"usage": None}, {"usage": {}}])
def test_usage_may_be_missing(missing: dict[str, Any]) -> None:
    assert read({**done(), **missing}) == [Done("stop", None)]


@pytest.mark.parametrize("halves", [("\ud83d", "\ude00"), ("a\ud83d", "\ude00b"), ("\ud83d", "b")])
def test_halves_of_a_surrogate_pair(halves: tuple[str, str]) -> None:
    frames = [b"data: %b\n\n" % json.dumps(delta({"text": text})).encode() for text in halves]
    text = "".join(halves).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert joined(feed(b"".join([*frames, frame(done())])))[0] == TextDelta(text)


WORDS = st.sampled_from(
    [
        "Да",
        " ",
        "assistant",
        " function call",
        "<think>",
        "</think>",
        "[",
        "sources=[1]]",
        "[sources=[2, 1]]",
        "`",
        "😀",
    ]
)
TEXT_PARTS = st.lists(WORDS, min_size=1).map(lambda words: {"text": "".join(words)})
OTHER_PARTS = st.sampled_from(
    [
        {"text": "Итог [sources=[1]]", "inline_data": {"sources": SOURCES}},
        {"files": [{"id": "1", "mime": "image/png", "target": "image"}]},
    ]
)
CALL_PARTS = st.sampled_from([{"function_call": CALL}, {"function_call": {**CALL_G, "id": ID}}])


@given(st.lists(TEXT_PARTS | OTHER_PARTS, max_size=4), st.lists(CALL_PARTS, max_size=2), st.integers(1, 99))
@settings(max_examples=150, deadline=None, database=None, derandomize=True)
def test_a_stream_says_what_the_whole_answer_says(parts: list[Any], calls: list[Any], size: int) -> None:
    document = whole(*parts, *calls, tool_state_id=OTHER_ID)
    assert apart(v2.from_completion(document, NAMES)) == apart(feed(b"".join(as_stream(document)), size))


def apart(events: list[Event]) -> tuple[list[Event], ...]:
    """Of a whole answer the sources are known from the beginning, and so what follows from them comes sooner."""
    said = [replace(event, id="") if isinstance(event, ToolCall) else event for event in events]
    tools = [event for event in said if isinstance(event, HostedCall)]
    return (
        joined([event for event in said if not isinstance(event, Citation | HostedCall)]),
        [event for event in said if isinstance(event, Citation)],
        joined([*sorted(tools, key=lambda event: event.tool)]),
    )


ODD: list[Any] = [
    *(None, [], "text", {}, 5, {"status": 500, "message": "no"}, {"messages": {"a": 1}}, {"messages": [1]}),
    *({"messages": 5}, {"messages": [{"content": "text"}]}, {"messages": [{"content": [1]}]}),
    *({"messages": [{"content": [{"text": 1}]}]}, whole({"text": ["a"]}), whole({"function_call": "f"})),
    *(whole({"function_call": {"arguments": {}}}), whole({"function_call": {"name": "f", "arguments": [1]}})),
    *(whole({"tool_execution": "web_search"}), whole({"files": [{"id": 1}]}), whole({"files": ["a"]})),
    *(whole({"inline_data": [1]}), done(usage={"input_tokens": "many"}), done(usage=[1]), {"finish_reason": 5}),
]


@pytest.mark.parametrize("document", ODD, ids=repr)
def test_what_is_not_the_documented_form(document: Any) -> None:
    if document:  # an empty frame says nothing
        with pytest.raises(Unreadable):
            feed(frame(document))
    with pytest.raises(Unreadable):
        v2.from_completion(document, NAMES)


ENDLESS = {
    "calls": [{"function_call": {"name": "f", "arguments": {}}}],
    "pictures": [{"files": [{"id": "#", "target": "image"}]}],
    "searches": [{"tool_execution": {"name": "web_search", "status": status}} for status in ("running", "success")],
}


@pytest.mark.parametrize("what", ENDLESS)
def test_an_answer_that_goes_on_and_on(what: str) -> None:
    parts = [
        json.loads(json.dumps(part).replace("#", str(n))) for n in range(v2_answer.MOST_ITEMS) for part in ENDLESS[what]
    ]
    last = json.loads(json.dumps(ENDLESS[what]).replace("#", "last"))
    # A picture tells of its tool, which counts too.
    if what == "pictures":
        parts = parts[1:]
    assert v2.from_completion(whole(*parts), NAMES)
    for documents in ([whole(*parts, *last)], [delta(*parts), delta(*parts, *last), done()]):
        with pytest.raises(UpstreamError, match="more than 1000 calls"):
            feed(b"".join(map(frame, documents)))


def test_sources_and_markers_without_end() -> None:
    pages = {str(n): {"url": f"https://a.ru/{n}"} for n in range(citations.MOST_PAGES + 2)}
    events = read(
        delta({"text": "[sources=[1]]" * (citations.MOST_MARKS + 2), "inline_data": {"sources": pages}}), done()
    )
    [said] = [event.text for event in events if isinstance(event, TextDelta)]
    assert said == "[1]" * citations.MOST_MARKS + "[sources=[1]]" * 2
    cited = [event for event in events if isinstance(event, Citation)]
    assert sum(mark.start < mark.end for mark in cited) == citations.MOST_MARKS
    assert len({mark.url for mark in cited}) == citations.MOST_PAGES


def test_an_answer_that_says_no_more_than_it_must() -> None:
    message = {"role": "assistant", "content": [{"text": "Да"}]}
    wanted = [TextDelta("Да"), Done("stop", None)]
    assert read_whole({"messages": [message], "finish_reason": "stop"}) == wanted
    assert read({"messages": [message]}, {"finish_reason": "stop"}) == wanted
