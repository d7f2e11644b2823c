"""Signs of life in a silent stream: when they come, and what they turn a later failure into."""

from __future__ import annotations

import json
import time
from typing import Any

import openai
import pytest
import requests

from gpt2giga_sandbox.server import SandboxServer
from tests.chunks import chunks, frames
from tests.message_events import accumulate, events
from tests.service import Service
from tests.sockets import Caller, HELLO

INTERVAL = 0.3  # of the fixture
WORDS = "Раз два три четыре пять шесть"


def ask(service: Service) -> requests.Response:
    response = service.post("/v1/chat/completions", {"messages": HELLO, "stream": True})
    response.encoding = "utf-8"
    return response


def beats(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A chunk with an empty delta, before or between the answer's own."""
    return [item for item in items if [choice["delta"] for choice in item["choices"]] == [{"content": ""}]]


def of_choices(items: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """The deltas of each choice; fails where one goes on after the next has begun."""
    found: dict[int, list[dict[str, Any]]] = {}
    for choice in (choice for item in items for choice in item["choices"]):
        assert choice["index"] >= max(found, default=0)
        found.setdefault(choice["index"], []).append(choice.get("delta", {"content": choice.get("text")}))
    return found


def text(items: list[dict[str, Any]]) -> str:
    return "".join(item["choices"][0]["delta"].get("content") or "" for item in items)


SILENCES = {"before the headers": {"delay": 1}, "between words": {"frame_delay": 0.5}}


@pytest.mark.parametrize("silence", SILENCES.values(), ids=SILENCES)
def test_silence(lively: Service, sandbox: SandboxServer, silence: dict[str, float]) -> None:
    sandbox.state.script({"text": "Раз два", **silence})
    items = chunks(ask(lively).text)
    assert len(beats(items)) >= 2 and text(items) == "Раз два"
    assert [item["choices"][0]["delta"].get("role") for item in items] == ["assistant", *[None] * (len(items) - 1)]
    assert items[0]["object"] == "chat.completion.chunk" and items[0]["choices"][0]["finish_reason"] is None
    assert len({(item["id"], item["model"], item["created"]) for item in items}) == 1


def test_in_the_line(lively: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": WORDS, "hang_after": 1}, {"text": "Раз два"})
    with Caller(lively, stream=True) as first:
        first.read_until("Раз")
        with Caller(lively, stream=True) as second:
            head, _, body = second.read_until('"delta":{"content":""}').partition("\r\n\r\n")
            assert head.startswith("HTTP/1.1 200")
            assert '"delta":{"role":"assistant"' in body[: body.index("\n\n")]
            assert sandbox.state.counters.chat_requests == 1
            first.hang_up()
            second.read_until("[DONE]")


@pytest.mark.parametrize(
    "path, body, first",
    [
        ("/v1/chat/completions", {"messages": HELLO}, {"role": "assistant", "content": "", "refusal": None}),
        ("/v1/completions", {"prompt": "Раз"}, {"content": ""}),
    ],
)
def test_they_belong_to_the_choice_in_work(
    lively: Service, sandbox: SandboxServer, path: str, body: Any, first: dict[str, Any]
) -> None:
    sandbox.state.script({"text": "Раз", "delay": 0.7}, {"text": "Два", "delay": 0.7})
    response = lively.post(path, {**body, "n": 2, "stream": True})
    found = of_choices(chunks(response.content.decode()))
    assert ["".join(delta.get("content") or "" for delta in found[index]) for index in (0, 1)] == ["Раз", "Два"]
    assert all(deltas[:2] == [first, {"content": ""}] for deltas in found.values())


def test_a_message_begins_with_its_head(lively: Service, sandbox: SandboxServer) -> None:
    """A client that adds up what comes has nothing to add a ping to before."""
    sandbox.state.script({"text": "Раз", "delay": 0.7})
    body = {"model": "GigaChat", "max_tokens": 9, "messages": HELLO, "stream": True}
    found = events(lively.post("/v1/messages", body).content.decode())
    assert [event["type"] for event in found][:2] == ["message_start", "ping"]
    assert accumulate(found)["content"] == [{"type": "text", "text": "Раз"}]


def test_the_stream_helper_adds_it_up(lively: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": WORDS, "delay": 0.5, "frame_delay": 0.3})
    with lively.client() as client, client.chat.completions.stream(model="GigaChat", messages=HELLO) as stream:
        kinds = [event.type for event in stream]
        completion = stream.get_final_completion()
    assert completion.choices[0].message.content == WORDS
    assert completion.choices[0].finish_reason == "stop"
    assert kinds.count("content.done") == 1


def test_a_tool_call_after_heartbeats(lively: Service, sandbox: SandboxServer) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    sandbox.state.script({"call": {"name": "weather", "arguments": {"city": "Омск"}}, "delay": 0.5})
    request = {"model": "GigaChat", "messages": HELLO, "tools": [tool]}
    with lively.client() as client, client.chat.completions.stream(**request) as stream:
        completion = stream.get_final_completion()
    [call] = completion.choices[0].message.tool_calls or []
    assert json.loads(call.function.arguments) == {"city": "Омск"}
    assert completion.choices[0].finish_reason == "tool_calls"


def test_a_failure_before_the_first_one_is_a_status(lively: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 429, "delay": 0.05})
    assert ask(lively).status_code == 429


LATE = {
    "429": {"status": 429, "delay": 0.5},
    "413": {"status": 413, "delay": 0.5},
    "reset": {"fault": "reset", "delay": 0.5},
}


@pytest.mark.parametrize("step", LATE.values(), ids=LATE)
def test_a_failure_after_it_is_an_event_with_the_same_words(
    lively: Service, sandbox: SandboxServer, step: dict[str, Any]
) -> None:
    sandbox.state.script({**step, "delay": 0}, step, step)
    refused, late = ask(lively), ask(lively)
    assert refused.status_code >= 400 and late.status_code == 200
    *before, event = frames(late.text)
    assert json.loads(event) == refused.json()
    assert before and text([json.loads(item) for item in before]) == ""
    with lively.client() as client, pytest.raises(openai.APIError) as caught:
        list(client.chat.completions.create(model="GigaChat", messages=HELLO, stream=True))
    assert caught.value.body == refused.json()["error"]


def test_a_full_line_after_it_is_an_event(lively: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": WORDS, "hang_after": 1})
    with Caller(lively, stream=True) as first:
        first.read_until("Раз")
        event = json.loads(frames(ask(lively).text)[-1])
    assert event["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize("step", [{"frame_delay": 0.05}, {"delay": 1}], ids=["words flow", "silence"])
def test_they_keep_their_time(lively: Service, sandbox: SandboxServer, step: dict[str, float]) -> None:
    """One for each silence of so many seconds, and none while chunks come."""
    sandbox.state.script({"text": WORDS * 4, **step})
    started = time.monotonic()
    items = chunks(ask(lively).text)
    most = (time.monotonic() - started) / INTERVAL
    assert len(beats(items)) <= (most if "delay" in step else most / 2)


def test_0_is_never(curt: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два", "delay": 0.5}, {"status": 429, "delay": 0.5})
    assert not beats(chunks(ask(curt).text))
    assert ask(curt).status_code == 429
