from __future__ import annotations

import json
from operator import mul
from typing import Any

import pytest

from gpt2giga_sandbox import answers, phrases, SandboxServer
from gpt2giga_sandbox.answers import Answer, Call
from gpt2giga_sandbox.character import CHARACTERS, STRICT
from gpt2giga_sandbox.demo import Demo, demo_settings
from gpt2giga_sandbox.state import Settings
from gpt2giga_sandbox.storage import StoredFile

from .conftest import chat_body, events, Http

TIME = {"name": "current_time", "parameters": {"type": "object", "properties": {"time_zone": {"type": "string"}}}}
WEATHER = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
WRITE = {
    "name": "write",
    "parameters": {"type": "object", "properties": {"path": {"type": "string"}, "content": {"type": "string"}}},
}
TOOLS = [TIME, WEATHER, WRITE]
CAT = StoredFile("cat.png", "image/png", b"12345", id="cat")


def answer(*said: str, **fields: Any) -> Answer:
    """To the last of what a user said."""
    messages = [{"role": "user", "content": text} for text in said]
    return answers.answer(chat_body(messages=messages, **fields), lambda: "file-id", voice=Demo({CAT.id: CAT}))


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("Привет! Ответь одним словом.", "Привет!"),
        ("Привет!", phrases.HELLO[0]),
        ("Hello", phrases.HELLO[1]),
        ("Посчитай от 1 до 5", "1, 2, 3, 4, 5"),
        ("Count from 3 down to 1, please", "3, 2, 1"),
        ("Покажи пример Markdown", phrases.MARKDOWN[0]),
        ("Call me Барсик", "All right, Барсик."),
        ("Системные слова агента.\n\nСпасибо", "Пожалуйста!"),
        ("[Sun 2026-11-29 17:19 UTC] Спасибо\n\nRuntime: agent=main\n\nWhat time is it?", "Пожалуйста!"),
    ],
)
def test_prepared_replies(text: str, reply: str) -> None:
    assert answer(text).text == reply


@pytest.mark.parametrize(
    ("text", "honest"),
    [
        ("Почему небо синее?", "а не GigaChat"),
        ("Why is the sky blue?", "not GigaChat"),
        ("Посчитай от 1 до 1000", "а не GigaChat"),
        ("Пока не понял, объясни", "а не GigaChat"),
    ],
)
def test_to_anything_else_it_says_what_it_is_and_how_to_get_the_real_one(text: str, honest: str) -> None:
    said = answer(text).text
    assert honest in said and text in said and "gpt2giga init" in said


def test_braces_and_long_texts_are_quoted() -> None:
    assert "«Что значит {0}?»" in answer("Что значит {0}?").text
    assert len(answer("слово " * 100_000).text) < 700


@pytest.mark.parametrize(
    "pattern", [pattern for pattern, _ in phrases.REPLIES], ids=lambda pattern: pattern.pattern[:30]
)
def test_every_reply_takes_what_its_pattern_catches(pattern: Any) -> None:
    """In both languages."""
    replies = dict(phrases.REPLIES)[pattern]
    assert all(reply.format(*["x"] * pattern.groups) for reply in replies) and replies[0] != replies[1]


def test_remembers_a_name_within_the_conversation() -> None:
    assert answer("Зови меня Барсик", "Как меня зовут?").text == "Вас зовут Барсик."
    assert answer("What is my name?").text == phrases.NAME_UNKNOWN[1]


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("Который час?", Call("current_time", {})),
        ("What time is it?", Call("current_time", {})),
        ("Какая погода в Казани?", Call("get_weather", {"city": "Казань"})),
        ("What is the weather in Berlin?", Call("get_weather", {"city": "Berlin"})),
        ("What is the weather?", Call("get_weather", {"city": "Moscow"})),
        ("Запиши в память: кота зовут Барсик", Call("write", {"path": phrases.PATH, "content": "кота зовут Барсик"})),
        ("В моём распоряжении get_weather и write.\n\nПривет!", None),
    ],
)
def test_calls_the_tool_that_a_question_is_about(text: str, call: Call | None) -> None:
    assert answer(text, functions=TOOLS).call == call


@pytest.mark.parametrize(
    ("name", "is_clock"),
    [
        ("getCurrentTime", True),
        ("get_current_datetime", True),
        ("now", True),
        ("update_plan", False),
        ("runtime", False),
    ],
)
def test_tools_that_tell_the_time_are_known_by_their_names(name: str, is_clock: bool) -> None:
    assert bool(answer("Который час?", functions=[{**TIME, "name": name}]).call) is is_clock


def test_no_tool_no_call() -> None:
    assert answer("Который час?").text.startswith("Часов у меня нет")
    assert answer("Который час?", functions=TOOLS, function_call="none").call is None


def test_arguments_of_a_forced_call_are_those_of_the_question() -> None:
    told = answer("Какая погода в Москве?", functions=[WEATHER], function_call={"name": "get_weather"})
    assert told.call == Call("get_weather", {"city": "Москва"})


@pytest.mark.parametrize(
    ("text", "name", "result", "reply"),
    [
        ("Который час?", "current_time", {"time": "12:00", "time_zone": "UTC"}, "Сейчас 12:00, UTC."),
        ("What time is it?", "current_time", "12:00", "It is 12:00."),
        ("Погода?", "get_weather", {"t": -5, "sky": "ясно"}, "Погода: t: -5, sky: ясно."),
        ("Погода?", "get_weather", {"error": "нет связи"}, "Инструмент get_weather вернул: error: нет связи"),
        ("Запиши в память: a", "write", {"result": "2 bytes"}, "Записано. 2 bytes"),
        ("Погода?", "get_weather", "дождь " * 1000, f"Погода: {'дождь ' * 33}до…."),
        ("Go", "other", [1, 2], "The tool other returned: [1, 2]"),
    ],
)
def test_tells_what_a_tool_returned(text: str, name: str, result: object, reply: str) -> None:
    messages = [
        {"role": "user", "content": text},
        {"role": "assistant", "content": "", "function_call": {"name": name, "arguments": {}}},
        {"role": "function", "name": name, "content": json.dumps(result)},
        {"role": "user", "content": "Tools: current_time"},
    ]
    told = answers.answer(chat_body(messages=messages, functions=TOOLS), str, voice=Demo({}))
    assert (told.text, told.call) == (reply, None)


def test_names_files_and_their_size() -> None:
    messages = [{"role": "user", "content": "Что там?", "attachments": ["cat"]}]
    told = answers.answer(chat_body(messages=messages), str, voice=Demo({"cat": CAT}))
    assert "«cat.png» (картинка, 5 Б)" in told.text


def test_it_is_off_unless_asked_for_and_only_then_slow() -> None:
    """So that tests see what arrived, and do not wait."""
    usual = Settings()
    assert (usual.demo, usual.frame_delay) == (False, 0)
    asked = Settings(**demo_settings(STRICT))
    assert asked.demo and 0.02 <= asked.frame_delay <= 0.04


def test_it_is_as_strict_as_its_character() -> None:
    for character in CHARACTERS.values():
        switches = vars(demo_settings(character)["character"])
        assert {name for name, value in switches.items() if value != getattr(character, name)} <= {"reasoning_content"}


def test_word_by_word_over_http(sandbox: SandboxServer, http: Http) -> None:
    sandbox.state.settings.demo = True
    frames = events(http.chat("Посчитай от 1 до 5", stream=True).text)
    said = [frame["choices"][0]["delta"]["content"] for frame in frames[:-1]]
    assert said == ["1, ", "2, ", "3, ", "4, ", "5", ""]


def test_thoughts(sandbox: SandboxServer, http: Http) -> None:
    sandbox.state.settings.demo = True
    sandbox.state.settings.character = demo_settings(STRICT)["character"]
    told = http.chat("Почему небо синее?", model="GigaChat-3-Ultra", reasoning_effort="high").json()
    assert told["choices"][0]["message"]["reasoning_content"].startswith("Спрашивают: «Почему небо синее?»")


def test_on_v2(tolerant: SandboxServer, http: Http) -> None:
    tolerant.state.settings.demo = True
    [message] = http.chat_v2("Посчитай от 1 до 5").json()["messages"]
    assert message["content"] == [{"text": "1, 2, 3, 4, 5"}]


def test_texts_that_share_words_are_near(sandbox: SandboxServer, http: Http) -> None:
    sandbox.state.settings.demo = True
    texts = ["Как зовут кота?", "Кота зовут Барсик", "Поезд ушёл"]
    data = http.post("/embeddings", json={"model": "Embeddings", "input": texts}).json()["data"]
    question, near, far = (item["embedding"] for item in data)
    assert sum(map(mul, question, near)) > 5 * sum(map(mul, question, far))
    assert Demo({}).embeds("?!", 2) == Demo({}).embeds("", 2)
