"""Sampling controls that GigaChat lacks, over the running service: stop, n, and what is accepted for nothing."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openai import OpenAI

from gpt2giga.dialects.controls import EXTRAS
from gpt2giga.dialects.openai.parameters import TABLE
from gpt2giga_sandbox.server import SandboxServer
from tests.asking import ask, MESSAGES, STREAMED, tool, USAGE
from tests.chunks import chunks
from tests.service import Service
from tests.sockets import Caller

CHAT = "/v1/chat/completions"


TEXT = "Раз. Два. Три. Четыре. Пять. Шесть. Семь."
STOPS = {
    "one": ("Три", TEXT[:10]),
    "the first of several": (["Пять", "Два", "Семь"], TEXT[:5]),
    "the very start": ("Раз", ""),
    "a blank": (" ", "Раз."),
    "over chunks": (". Три. Чет", TEXT[:8]),
    "overlapping": (["Три. Четыре. Шесть", "Четыре"], TEXT[:15]),
    "none": (["Восемь", "семь"], TEXT),
    "a beginning at the end": ("Семь. Восемь", TEXT),
    "no list": ([], TEXT),
    "null": (None, TEXT),
    "more than OpenAI takes": (["Десять", "Девять", "", "пять", "четыре", "Два"], TEXT.partition("Два")[0]),
    "nothing": ("", TEXT),
    "nothings": (["", ""], TEXT),
}


@STREAMED
@pytest.mark.parametrize("stop, left", STOPS.values(), ids=STOPS)
def test_stop(service: Service, sandbox: SandboxServer, stop: Any, left: str, stream: bool) -> None:
    sandbox.state.script({"text": TEXT})
    [choice] = ask(service, stream, stop=stop).choices
    assert (choice.message.content or "", choice.finish_reason) == (left, "stop")
    assert "stop" not in sandbox.state.chats()[0]


@STREAMED
def test_stop_before_the_end_says_stop_and_not_length(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": TEXT, "finish_reason": "length"})
    assert ask(service, stream, stop="Два").choices[0].finish_reason == "stop"


@STREAMED
def test_stop_and_a_call(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    """What was held back comes before the call; the arguments are no text."""
    sandbox.state.script({"text": "Смотрю. Дв", "call": {"name": "weather", "arguments": {"city": "Два"}}})
    [choice] = ask(service, stream, stop="Два", tools=[tool("weather")]).choices
    assert choice.message.content == "Смотрю. Дв" and choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls[0].function.arguments == '{"city":"Два"}'


def test_stop_closes_gigachats_stream(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": TEXT, "hang_after": 2})
    assert ask(service, True, stop="Два").choices[0].message.content == "Раз. "
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)


def test_text_that_begins_no_stop_is_passed_on_at_once(service: Service, sandbox: SandboxServer) -> None:
    """GigaChat falls silent after `Три. `."""
    sandbox.state.script({"text": TEXT, "hang_after": 1})
    with Caller(service, model="GigaChat", stream=True, stop=["Четыре", "три"]) as caller:
        assert "Раз. Два. Три. " in caller.read_until("Три. ")


@STREAMED
def test_usage_with_stop(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    """A whole answer was paid for; of a stream that was closed GigaChat tells nothing, which is not zero."""
    sandbox.state.script({"text": TEXT, "usage": USAGE})
    usage = ask(service, stream, stop="Два").usage
    assert usage is None if stream else (usage.prompt_tokens, usage.completion_tokens) == (12, 3)


def test_a_sum_with_a_gap_is_none(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": TEXT, "usage": USAGE}, {"text": "Раз.", "usage": USAGE})
    assert ask(service, True, stop="Два", n=2).usage is None


@STREAMED
def test_choices_in_order(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script(*({"text": f"Ответ номер {number}.", "usage": USAGE} for number in range(8)))
    completion = ask(service, stream, n=8)
    found = [(choice.index, choice.message.content) for choice in completion.choices]
    assert found == [(number, f"Ответ номер {number}.") for number in range(8)]
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (96, 24, 120)
    assert usage.prompt_tokens_details.cached_tokens == 16


def test_each_choice_of_a_stream_is_whole(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз."}, {"call": {"name": "weather", "arguments": {}}})
    response = service.post(CHAT, {"messages": MESSAGES, "n": 2, "stream": True, "tools": [tool("weather")]})
    response.encoding = "utf-8"
    found = [chunk["choices"][0] for chunk in chunks(response.text)]
    assert [choice["index"] for choice in found] == sorted(choice["index"] for choice in found)
    for index, finish in ((0, "stop"), (1, "tool_calls")):
        own = [choice for choice in found if choice["index"] == index]
        assert own[0]["delta"]["role"] == "assistant" and own[-1]["finish_reason"] == finish
        assert all(choice["finish_reason"] is None for choice in own[:-1])


def test_choices_stay_within_the_limit_of_the_account(service: Service, sandbox: SandboxServer) -> None:
    """One request at a time, also when several clients ask for several choices."""
    sandbox.state.settings.max_streams = 1
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda stream: ask(service, stream, n=3), [False, True] * 2))
    assert [len(completion.choices) for completion in found] == [3] * 4
    assert sandbox.state.counters.peak_streams == 1 and not sandbox.state.refusals()


def test_a_choice_that_fails_ends_the_stream(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз."}, {"status": 422})
    response = service.post(CHAT, {"messages": MESSAGES, "n": 2, "stream": True})
    assert '"error"' in response.text and "[DONE]" not in response.text
    sandbox.state.script({"text": "Раз."}, {"status": 422})
    assert service.post(CHAT, {"messages": MESSAGES, "n": 2}).status_code == 400


FOR_NOTHING: dict[str, Any] = {
    "audio": {"voice": "alloy", "format": "mp3"},
    "frequency_penalty": -0.5,
    "presence_penalty": 2,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "top_logprobs": 3,
    "seed": -(2**40),
    "metadata": {"a": "b"},
    "store": False,
    "service_tier": "flex",
    "prediction": {"type": "content", "content": "a"},
    "safety_identifier": "a",
    "prompt_cache_retention": "24h",
    "verbosity": "low",
}


@STREAMED
def test_accepted_and_named(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    assert list(FOR_NOTHING) == [name for name, parameter in TABLE.items() if parameter.fate == "ignored"]
    body = {"model": "GigaChat", "messages": MESSAGES, "brand_new": 1, "stream": stream, **FOR_NOTHING}
    response = service.post(CHAT, body)
    assert response.status_code == 200 and response.headers["x-gpt2giga-ignored"] == ", ".join(FOR_NOTHING)
    [sent] = sandbox.state.chats()
    assert set(sent) - {"stream"} == {"model", "messages"}


def test_nothing_to_name(service: Service) -> None:
    body = {"messages": MESSAGES, "seed": None, "temperature": 0.5, "modalities": ["text"], "user": "a"}
    response = service.post(CHAT, body)
    assert response.status_code == 200 and "x-gpt2giga-ignored" not in response.headers


WRONG = {
    "audio": "alloy",
    "frequency_penalty": "a",
    "presence_penalty": 3,
    "logit_bias": [],
    "logprobs": 1,
    "top_logprobs": True,
    "seed": 1.5,
    "metadata": "a",
    "store": "yes",
    "service_tier": 1,
    "prediction": "a",
    "safety_identifier": [],
    "prompt_cache_retention": 24,
    "verbosity": {},
    "web_search_options": True,
    "stop": [["a"]],
    "n": 0,
    "modalities": ["text", "audio"],
    "user": 5,
    "prompt_cache_key": [],
    "parallel_tool_calls": "no",
    "temperature": 2.1,
    "top_p": -0.1,
    "stream": 1,
    "stream_options": True,
}
MORE = [("stop", ["a", 5]), ("stop", ["a"] * 1001), ("stop", 5), ("stop", {"a": 1}), ("n", 9), ("n", 1.5)]
MORE += [("n", True), ("modalities", "audio"), ("modalities", []), ("seed", 2**63), ("logit_bias", "a")]


@pytest.mark.parametrize("name, value", [*WRONG.items(), *MORE], ids=lambda value: str(value)[:20])
def test_wrong_types(service: Service, sandbox: SandboxServer, name: str, value: Any) -> None:
    response = service.post(CHAT, {"messages": MESSAGES, name: value})
    assert (response.status_code, response.json()["error"]["param"]) == (400, name)
    assert sandbox.state.chats() == []


def test_all_that_the_table_promises_is_known_to_openai(client: OpenAI) -> None:
    """A typing mistake in the table would promise a parameter that no client sends."""
    known = set(inspect.signature(client.chat.completions.create).parameters)
    assert set(TABLE) - set(EXTRAS) <= known and set(EXTRAS) <= set(TABLE)


@STREAMED
def test_several_choices_by_a_schema(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    """Each is checked, and asked for again, by itself."""
    sandbox.state.script({"text": '{"a": 1}'}, {"text": "Два."}, {"text": '{"a": 2}'})
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": True}}
    completion = ask(service, stream, n=2, response_format=wanted)
    assert [choice.message.content for choice in completion.choices] == ['{"a": 1}', '{"a": 2}']
