"""What the questions make of answers that the sandbox does not give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gpt2giga.upstream.contract.facts import default_facts, SCHEMA_KEYWORDS
from gpt2giga.upstream.contract.schema.native import used_keywords
from gpt2giga.upstream.learning.account_topics import BATCH, slots_topic, TEXT_LENGTH
from gpt2giga.upstream.learning.plan import OF_CHAT_MODELS, OF_EMBEDDERS
from gpt2giga.upstream.learning.reading import to_frames
from gpt2giga.upstream.learning.schemas import PROBES, SCHEMAS
from gpt2giga.upstream.learning.shapes import shape, shapes_of
from gpt2giga.upstream.learning.topic import Answer, Request, Topic, Unclear
from gpt2giga.upstream.learning.v1_topics import BESIDE_CALL, CALL_FRAMES, EFFORT, TEMPERATURE, WINDOW
from gpt2giga.upstream.learning.v2_topics import ANY_CALL, HOSTED, PARALLEL_CALLS, V2

SAID = Answer(200, document={"choices": [{"message": {"content": "да", "role": "assistant"}, "finish_reason": "stop"}]})
WORDS_ON_V2 = {"role": "assistant", "content": [{"text": "да"}]}
SAID_ON_V2 = Answer(200, document={"messages": [WORDS_ON_V2], "finish_reason": "stop"})
REFUSED, FAILED, SILENT = Answer(422, "Invalid params"), Answer(500, "Internal Server Error"), Answer(None, "timed out")
CALL_ON_V2 = {"function_call": {"name": "weather", "arguments": {}}}


def asked(topic: Topic, *answers: Answer) -> tuple[dict[str, Any], list[Request]]:
    """What comes of it, and what was asked; every answer must be wanted."""
    asking, requests, left = topic.ask("GigaChat-2", default_facts("GigaChat-2")), [], [*answers]
    try:
        requests.append(next(asking))
        while True:
            requests.append(asking.send(left.pop(0)))
    except StopIteration as end:
        assert left == []
        return end.value, requests


def of_v1(arguments: dict[str, Any] | None, finish: str = "function_call") -> Answer:
    call = {} if arguments is None else {"function_call": {"name": "order", "arguments": arguments}}
    return Answer(200, document={"choices": [{"message": {"content": "", **call}, "finish_reason": finish}]})


def streamed(*deltas: dict[str, Any], finish: Sequence[str] = ()) -> Answer:
    reasons = dict(zip(range(len(deltas) - len(finish), len(deltas)), finish, strict=True))
    frames = [
        ("", {"choices": [{"delta": delta, **({"finish_reason": reasons[number]} if number in reasons else {})}]})
        for number, delta in enumerate(deltas)
    ]
    return Answer(200, frames=tuple(frames))


def test_a_refusal_counts_where_the_same_without_it_is_taken() -> None:
    assert asked(TEMPERATURE, SAID)[0] == {"temperature_zero": True}
    assert asked(TEMPERATURE, REFUSED, SAID)[0] == {"temperature_zero": False}
    for answers in ([REFUSED, REFUSED], [REFUSED, FAILED], [FAILED], [SILENT], [Answer(429)]):
        with pytest.raises(Unclear):
            asked(TEMPERATURE, *answers)


def test_a_500_for_words_beside_a_call_counts_when_it_comes_twice() -> None:
    """So it is reported (contract 3.1.16)."""
    assert asked(BESIDE_CALL, SAID, FAILED, FAILED)[0] == {"text_beside_call": False}
    assert asked(BESIDE_CALL, SAID, FAILED, SAID)[0] == {"text_beside_call": True}
    for answers in ([FAILED], [REFUSED], [SAID, SILENT], [SAID, FAILED, SILENT], [SAID, Answer(503)]):
        with pytest.raises(Unclear):
            asked(BESIDE_CALL, *answers)


def test_the_frames_of_a_call() -> None:
    call = {"content": "", "function_call": {"name": "weather", "arguments": {}}}
    assert asked(CALL_FRAMES, streamed({"content": "Так"}, call, finish=["function_call"]))[0] == {"call_frames": 1}
    assert asked(CALL_FRAMES, streamed(call, {"content": ""}, finish=["function_call"]))[0] == {"call_frames": 2}
    for answer in (streamed({"content": "Тепло"}, finish=["stop"]), streamed(call), REFUSED, SILENT):
        with pytest.raises(Unclear):
            asked(CALL_FRAMES, answer)


def test_thoughts_come_in_three_ways() -> None:
    for delta in ({"reasoning_content": "17*23"}, {"content": "<think>17*23"}):
        assert asked(EFFORT, streamed(delta, finish=["stop"]))[0] == {"effort": True, "reasoning": True}
    thinks_anyway = streamed({"reasoning_content": "17*23"}, finish=["stop"])
    assert asked(EFFORT, REFUSED, thinks_anyway)[0] == {"effort": False, "reasoning": True}
    assert asked(EFFORT, streamed({"content": "391"}))[0] == {"effort": True, "reasoning": False}


def test_each_probe_needs_its_keyword_and_no_other() -> None:
    _, requests = asked(SCHEMAS, REFUSED, of_v1({"name": "Анна"}), *[REFUSED] * len(SCHEMA_KEYWORDS))
    schemas = [request.payload["functions"][0]["parameters"] for request in requests]
    used = [used_keywords(schema) for schema in schemas]
    assert used == [frozenset(SCHEMA_KEYWORDS), frozenset(), *({keyword} for keyword in SCHEMA_KEYWORDS)]
    assert set(PROBES) == set(SCHEMA_KEYWORDS)


def test_a_keyword_is_understood_where_the_argument_makes_sense() -> None:
    good = {
        "name": "Анна",
        "size": 30,
        "address": {"street": "Мира"},
        "floor": 4,
        "slices": 8,
        "dish": "pizza",
        "link": "https://example.com/pizza",
        "sauces": {"пицца": "острый"},
        "notes": {},
    }
    assert asked(SCHEMAS, of_v1(good))[0] == {"schema_keywords": frozenset(SCHEMA_KEYWORDS)}
    plain, poor = of_v1({"name": "Анна"}), of_v1({**good, "address": "Мира", "dish": "пицца"})
    # What came out of all at once is not asked again.
    assert asked(SCHEMAS, poor, plain, of_v1(good), poor)[0] == {
        "schema_keywords": frozenset(SCHEMA_KEYWORDS) - {"const"}
    }
    none: dict[str, Any] = {"schema_keywords": frozenset()}
    for answer in (REFUSED, of_v1(None), of_v1({}), of_v1(good, finish="error")):
        assert asked(SCHEMAS, answer, plain, *[answer] * len(SCHEMA_KEYWORDS))[0] == none
    for answers in ([FAILED], [REFUSED, of_v1(None)], [REFUSED, plain, SILENT]):
        with pytest.raises(Unclear):
            asked(SCHEMAS, *answers)


def test_v2_must_answer_stream_and_take_results() -> None:
    stream = Answer(
        200, frames=(("response.message.delta", {"messages": [WORDS_ON_V2]}), ("", {"finish_reason": "stop"}))
    )
    unended = Answer(200, frames=stream.frames[:1])
    assert asked(V2, SAID_ON_V2, stream, SAID_ON_V2)[0] == {"v2": True, "result_role": "function"}
    assert asked(V2, SAID_ON_V2, stream, REFUSED, SAID_ON_V2)[0] == {"v2": True, "result_role": "tool"}
    no = {"v2": False}
    for status in (403, 404, 405, 501):
        assert asked(V2, Answer(status))[0] == no
    for answers in ([SAID_ON_V2, REFUSED], [SAID_ON_V2, unended], [SAID_ON_V2, stream, REFUSED, REFUSED]):
        assert asked(V2, *answers)[0] == no
    for failed in ([FAILED], [SAID_ON_V2, SILENT], [SAID_ON_V2, stream, FAILED], [SAID_ON_V2, stream, REFUSED, FAILED]):
        with pytest.raises(Unclear):
            asked(V2, *failed)


def test_calls_on_v2() -> None:
    one = Answer(200, document={"messages": [{"role": "assistant", "content": [CALL_ON_V2]}]})
    two = Answer(200, document={"messages": [{"role": "assistant", "content": [CALL_ON_V2, CALL_ON_V2]}]})
    assert asked(ANY_CALL, one)[0] == {"any_call": True}
    assert asked(ANY_CALL, SAID_ON_V2)[0] == asked(ANY_CALL, REFUSED)[0] == {"any_call": False}
    assert asked(PARALLEL_CALLS, two)[0] == {"parallel_calls": True}
    assert asked(PARALLEL_CALLS, one)[0] == asked(PARALLEL_CALLS, REFUSED)[0] == {"parallel_calls": False}
    for topic in (ANY_CALL, PARALLEL_CALLS, HOSTED):
        with pytest.raises(Unclear):
            asked(topic, FAILED)


def test_a_tool_of_its_own_must_be_used_and_answer_with_words() -> None:
    state = {"role": "assistant", "tool_state_id": "1"}
    found = {"text": "да", "inline_data": {"sources": {"1": {"url": "https://example.com", "title": "a"}}}}
    wordless, read, searched = (
        Answer(200, document={"messages": [message]})
        for message in ({**state, "content": []}, {**WORDS_ON_V2, **state}, {"role": "assistant", "content": [found]})
    )
    for used in (read, searched):
        only_search = {"hosted": frozenset({"web_search"})}
        assert asked(HOSTED, used, Answer(404, "Unknown tool"), Answer(403))[0] == only_search
    assert asked(HOSTED, wordless, REFUSED, SAID_ON_V2)[0] == {"hosted": frozenset({"image_generate"})}
    # A model may make up what it has never looked for.
    assert asked(HOSTED, SAID_ON_V2, SAID_ON_V2, REFUSED)[0] == {"hosted": frozenset()}


def test_an_answer_that_was_cut_proves_no_lack() -> None:
    """Thoughts may take all tokens that a question allows."""
    thoughts = {"role": "reasoning", "content": [{"text": "17*23"}]}
    one = {"role": "assistant", "content": [CALL_ON_V2]}
    cut, cut_after_one = (
        Answer(200, document={"messages": [message], "finish_reason": "length"}) for message in (thoughts, one)
    )
    assert asked(ANY_CALL, cut_after_one)[0] == {"any_call": True}
    plain, cut_on_v1 = of_v1({"name": "Анна"}), of_v1(None, finish="length")
    none: dict[str, Any] = {"schema_keywords": frozenset()}
    assert asked(SCHEMAS, cut_on_v1, plain, *[REFUSED] * len(SCHEMA_KEYWORDS))[0] == none
    for topic, answers in (
        (ANY_CALL, [cut]),
        (PARALLEL_CALLS, [cut_after_one]),
        (HOSTED, [cut]),
        (SCHEMAS, [REFUSED, plain, cut_on_v1]),
    ):
        with pytest.raises(Unclear, match="cut"):
            asked(topic, *answers)


def test_sizes() -> None:
    assert asked(WINDOW, Answer(422, "CONTEXT_TOO_LONG", window=131072))[0] == {"window": 131072}
    for topic in (WINDOW, TEXT_LENGTH):
        for answer in (SAID, Answer(413, "Payload too large"), FAILED):
            with pytest.raises(Unclear):
                asked(topic, answer)
    taken = Answer(200, document={"data": []})
    assert asked(BATCH, REFUSED, REFUSED, REFUSED, taken)[0] == {"embeddings_batch": 20}
    for answers in ([SILENT], [REFUSED] * 6, [taken, FAILED]):
        with pytest.raises(Unclear):
            asked(BATCH, *answers)


def test_slots_are_those_that_were_answered_at_the_same_moment() -> None:
    busy, two, three = Answer(429), Answer(200, together=2), Answer(200, together=3)
    of_a_person = slots_topic(1)
    assert asked(of_a_person, busy)[0] == {"slots": 1}
    assert asked(of_a_person, two, busy)[0] == {"slots": 2}
    assert asked(of_a_person, two, three)[0] == {"slots": 3}
    assert asked(slots_topic(100), two, three, Answer(200, together=10))[0] == {"slots": 10}
    for answers in ([Answer(200)], [FAILED], [two, Answer(200)]):
        with pytest.raises(Unclear):
            asked(of_a_person, *answers)


def test_no_topic_asks_more_than_it_says() -> None:
    """With the answers that make it ask most."""
    plain = of_v1({"name": "Анна"})
    taken = Answer(200, document={"data": []})
    stream = Answer(200, frames=(("", {"messages": [WORDS_ON_V2], "finish_reason": "stop"}),))
    longest: dict[str, list[Answer]] = {
        "temperature": [REFUSED, SAID],
        "text beside a call": [SAID, FAILED, FAILED],
        "schemas": [REFUSED, plain, *[REFUSED] * 8],
        "effort": [REFUSED, SAID],
        "v2": [SAID_ON_V2, stream, REFUSED, REFUSED],
        "hosted": [REFUSED] * 3,
        "slots": [Answer(200, together=2), Answer(200, together=3)],
        "batch": [*[REFUSED] * 5, taken],
    }
    for topic in (*OF_CHAT_MODELS, *OF_EMBEDDERS, slots_topic(1)):
        if topic.name in longest:
            requests = asked(topic, *longest[topic.name])[1]
            # Each of several at once may be sent a second time, where 429 came.
            assert sum(request.at_once for request in requests) in (topic.requests, topic.requests / 2), topic.name
        else:
            assert topic.requests == 1


def test_frames_and_shapes() -> None:
    done = b'event: done\ndata: {"choices":[{"delta":{"content":"x"}}]}\n\n'
    frames = to_frames(b'data: {"a":1}\r\n\r\n' + done + b"data: no\n\ndata: [DONE]\n\n")
    assert frames == (("", {"a": 1}), ("done", {"choices": [{"delta": {"content": "x"}}]}), ("", None))
    assert shapes_of([*frames[:2], frames[1]]) == ("{a}", "2 × done {choices: [{delta: {content}}]}")
    document = {
        "messages": [{"role": "assistant", "content": [{"text": "тайна"}]}],
        "finish_reason": "stop",
        "n": [[1]],
    }
    assert shape(document) == "{messages: [{role=assistant, content: [{text}]}], finish_reason=stop, n}"
    deep: Any = {}
    for _ in range(100):
        deep = {"a": deep}
    assert len(shape(deep)) < 100
