from __future__ import annotations

import json

import pytest

from gpt2giga_sandbox.answers import Answer, Call
from gpt2giga_sandbox.catalog import MODELS
from gpt2giga_sandbox.shapes import chunks, frame, Turn, whole

TURN = Turn(MODELS["GigaChat"], created=1768996171, prompt_tokens=17, cached_tokens=2)
CALL = Answer("Смотрю. ", (Call("f", {"a": [1]}),), usage={"completion_tokens": 3, "total_tokens": 20})


def test_a_whole_answer_is_the_recorded_one() -> None:
    answer = Answer("Hello.", usage={"completion_tokens": 3, "total_tokens": 20})

    assert json.dumps(whole(answer, TURN), separators=(",", ":")) == (
        '{"choices":[{"message":{"content":"Hello.","role":"assistant"},"index":0,"finish_reason":"stop"}],'
        '"created":1768996171,"model":"GigaChat:2.0.28.2","object":"chat.completion",'
        '"usage":{"prompt_tokens":17,"completion_tokens":3,"total_tokens":20,"precached_prompt_tokens":2}}'
    )


def test_ultra_spells_its_object_in_the_plural() -> None:
    turn = Turn(MODELS["GigaChat-3-Ultra"], created=1, prompt_tokens=1)

    assert whole(Answer("а"), turn)["object"] == "chat.completions"
    assert chunks(Answer("а"), turn)[0]["object"] == "chat.completion"
    assert whole(Answer("а"), turn)["model"] == "GigaChat-3-Ultra:32.3.18.5"


def test_chunks_name_the_role_first_and_the_finish_last() -> None:
    choices = [chunk["choices"][0] for chunk in chunks(Answer("раз два три четыре"), TURN)]

    assert choices == [
        {"delta": {"content": "раз два три ", "role": "assistant"}, "index": 0},
        {"delta": {"content": "четыре"}, "index": 0},
        {"delta": {"content": ""}, "index": 0, "finish_reason": "stop"},
    ]


def test_usage_stands_in_the_last_chunk_only() -> None:
    usages = [chunk.get("usage") for chunk in chunks(Answer("раз"), TURN)]

    assert usages == [
        None,
        {"prompt_tokens": 17, "completion_tokens": 1, "total_tokens": 18, "precached_prompt_tokens": 2},
    ]


@pytest.mark.parametrize("apart", [pytest.param(False, id="one frame"), pytest.param(True, id="frames apart")])
def test_a_call_comes_whole_in_one_delta(apart: bool) -> None:
    answer = Answer(calls=CALL.calls, frames_apart=apart)

    first, *rest = [chunk["choices"][0] for chunk in chunks(answer, TURN)]

    assert first["delta"]["function_call"] == {"name": "f", "arguments": {"a": [1]}}
    assert first["delta"]["functions_state_id"]
    assert first["delta"]["role"] == "assistant"
    assert (first.get("finish_reason"), len(rest)) == ((None, 1) if apart else ("function_call", 0))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(""),
        Answer("  раз\n\nдва  три четыре\t"),
        Answer("ответ", reasoning="думаю и думаю"),
        CALL,
        Answer(calls=CALL.calls, frames_apart=True),
    ],
)
def test_the_stream_adds_up_to_the_whole(answer: Answer) -> None:
    message: dict[str, object] = {"content": ""}
    for chunk in chunks(answer, TURN):
        for key, value in chunk["choices"][0]["delta"].items():
            adds = key in ("content", "reasoning_content")
            message[key] = message.get(key, "") + value if adds else value

    expected = whole(answer, TURN)
    assert message == expected["choices"][0]["message"]
    assert chunk["usage"] == expected["usage"]


def test_a_frame_is_compact_and_raw_utf8() -> None:
    assert frame({"a": "ы", "b": 1}) == 'data: {"a":"ы","b":1}\n\n'.encode()


def test_a_text_frame_stands_for_itself() -> None:
    assert frame("data: {сломано") == "data: {сломано".encode()
