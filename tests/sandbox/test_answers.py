from __future__ import annotations

from typing import Any

import pytest

from gpt2giga_sandbox import answers
from gpt2giga_sandbox.answers import Answer, Call

from .conftest import chat_body

WEATHER = {
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
        "required": ["days"],
    },
}
TIME = {"name": "time", "parameters": {"type": "object", "properties": {}}}
SCHEMA = {"type": "object", "properties": {"город": {"type": "string"}}}


def answer(text: str, **fields: Any) -> Answer:
    return answers.answer(chat_body(text, **fields), lambda: "file-id")


def test_echoes_the_last_user_and_says_it_is_the_sandbox() -> None:
    assert answer("Как дела?") == Answer("Песочница GigaChat, ответ не настоящий. Вы написали: Как дела?")


@pytest.mark.parametrize(
    ("text", "fields", "call"),
    [
        pytest.param("вызови weather", {}, Call("weather", {"days": 2}), id="sampled, required only"),
        pytest.param('weather {"city": "Уфа"} да', {}, Call("weather", {"city": "Уфа"}), id="told"),
        pytest.param("weather {сломано", {}, Call("weather", {"days": 2}), id="broken JSON"),
        pytest.param("time, weather", {}, Call("time", {}), id="the first named"),
        pytest.param("weathers", {}, None, id="not a word"),
        pytest.param("привет", {}, None, id="not named"),
        pytest.param("weather", {"function_call": "none"}, None, id="none"),
        pytest.param("weather", {"function_call": "auto"}, Call("weather", {"days": 2}), id="auto"),
        pytest.param("x", {"function_call": {"name": "weather"}}, Call("weather", {"days": 2}), id="forced"),
        pytest.param(
            "x",
            {"function_call": {"name": "weather", "partial_arguments": {"city": "Уфа"}}},
            Call("weather", {"days": 2, "city": "Уфа"}),
            id="forced with partial arguments",
        ),
    ],
)
def test_calls_a_function_that_is_named(text: str, fields: dict[str, Any], call: Call | None) -> None:
    told = answer(text, functions=[WEATHER, TIME], **fields)

    assert told.call == call
    assert told.finish_reason == ("function_call" if call else "stop")


def test_arguments_are_an_object_whatever_the_schema_says() -> None:
    odd = {"name": "time", "parameters": {**TIME["parameters"], "default": "12:00"}}  # type: ignore[dict-item]

    assert answer("time", functions=[odd]).calls == (Call("time", {}),)


def test_several_calls_are_named_with_their_arguments() -> None:
    text = 'weather сначала, weather {"city": "time"}, потом time {сломано weather и ещё weather {"days": 3}'
    told = answers.answer(chat_body(text, functions=[WEATHER, TIME]), str, parallel=True)

    calls = [Call("weather", {"city": "time"}), Call("time", {}), Call("weather", {"days": 3})]
    assert list(told.calls) == calls


def test_quotes_the_results_since_the_last_user() -> None:
    messages = [{"role": "user", "content": "weather"}]
    for name, content in (("weather", '{"t":5}'), ("time", '"12:00"')):
        messages.append({"role": "function", "name": name, "content": content})

    told = answers.answer(chat_body(messages=messages, functions=[WEATHER, TIME]), str)

    assert told.text == 'Песочница GigaChat: функция weather вернула {"t":5}; time вернула "12:00"'


def test_does_not_call_again_for_what_an_agent_adds_to_results() -> None:
    """OpenClaw lists its tools there."""
    called = {"role": "assistant", "content": "", "function_call": {"name": "time", "arguments": {}}}
    messages = [
        {"role": "user", "content": "Который час? time"},
        called,
        {"role": "function", "name": "time", "content": '"12:00"'},
        {"role": "user", "content": "Tools: time, weather"},
    ]
    found = answer("", messages=messages, functions=[WEATHER, TIME])
    assert found.call is None and '"12:00"' in found.text


def test_counts_attachments() -> None:
    messages = [{"role": "user", "content": "Что там?", "attachments": ["a"]}]

    assert "(файлов: 1): Что там?" in answers.answer(chat_body(messages=messages), str).text


def test_conforms_to_a_schema_in_four_spaces() -> None:
    told = answer("дай", response_format={"type": "json_schema", "schema": SCHEMA})

    assert told.text == '{\n    "город": "образец"\n}'


def test_max_tokens_cuts_words() -> None:
    assert answer("раз", max_tokens=3) == Answer("Песочница GigaChat, ответ", finish="length")


@pytest.mark.parametrize(
    ("fields", "drawn"),
    [
        pytest.param({"function_call": "auto"}, True, id="auto"),
        pytest.param({"function_call": {"name": "text2image"}}, True, id="named"),
        pytest.param({}, False, id="not asked for"),
        pytest.param({"function_call": "auto", "functions": [TIME]}, False, id="own functions"),
    ],
)
def test_draws_when_built_ins_are_on(fields: dict[str, Any], drawn: bool) -> None:
    told = answer("Нарисуй кота", **fields)

    assert ('<img src="file-id" fuse="true"/>' in told.text) is drawn
