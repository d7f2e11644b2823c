"""Legacy completions over the running service, by the real client and bare."""

from __future__ import annotations

from typing import Any

import pytest
from openai import APIError, OpenAI

from gpt2giga_sandbox.server import SandboxServer
from tests.asking import STREAMED, USAGE
from tests.chunks import chunks
from tests.service import Service


def ask(service: Service, stream: bool, **body: Any) -> dict[str, Any]:
    """text and finish reason of each choice, in order, and the usage."""
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    response = service.post("/v1/completions", {"prompt": "Раз", **body, **options})
    assert response.status_code == 200, response.text
    response.encoding = "utf-8"
    parts = chunks(response.text) if stream else [response.json()]
    assert all(part["object"] == "text_completion" and part["id"].startswith("cmpl-") for part in parts)
    texts: dict[int, str] = {}
    finishes: dict[int, str] = {}
    for choice in (choice for part in parts for choice in part["choices"]):
        assert choice["index"] not in finishes and choice["index"] >= max(texts, default=0)
        texts[choice["index"]] = texts.get(choice["index"], "") + choice["text"]
        if choice["finish_reason"]:
            finishes[choice["index"]] = choice["finish_reason"]
    usage = parts[-1].get("usage")
    return {
        "choices": [(texts[index], finishes[index]) for index in sorted(texts)],
        "usage": usage and (usage["prompt_tokens"], usage["completion_tokens"]),
    }


def test_the_client(client: OpenAI, sandbox: SandboxServer) -> None:
    completion = client.completions.create(model="GigaChat-2-Max", prompt="Раз", max_tokens=5, temperature=0.5)
    assert completion.model == "GigaChat-2-Max" and completion.choices[0].finish_reason == "length"
    assert completion.usage and completion.usage.total_tokens
    sent = {"model": "GigaChat-2-Max", "messages": [{"role": "user", "content": "Раз"}]}
    assert sandbox.state.chats() == [{**sent, "max_tokens": 5, "temperature": 0.5}]
    stream = client.completions.create(model="GigaChat-2-Max", prompt="Раз два три", stream=True)
    assert "Раз два три" in "".join(part.choices[0].text for part in stream)


@STREAMED
def test_several_prompts_several_times(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script(*({"text": f"{number}.", "usage": USAGE} for number in range(4)))
    found = ask(service, stream, prompt=["Раз", "Два"], n=2)
    assert found == {"choices": [(f"{number}.", "stop") for number in range(4)], "usage": (48, 12)}
    asked = [chat["messages"][0]["content"] for chat in sandbox.state.chats()]
    assert asked == ["Раз", "Раз", "Два", "Два"]


@STREAMED
def test_echo(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": " два."}, {"text": ""})
    assert ask(service, stream, echo=True)["choices"] == [("Раз два.", "stop")]
    assert ask(service, stream, echo=True)["choices"] == [("Раз", "stop")]


@STREAMED
def test_stop(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": "два, три, четыре"})
    found = ask(service, stream, stop=["три", "четыре"])
    assert found["choices"] == [("два, ", "stop")]
    assert (found["usage"] is None) == stream, "of a stream that was closed GigaChat tells none"


@STREAMED
def test_filtered(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": "Нет.", "finish_reason": "blacklist"})
    assert ask(service, stream)["choices"] == [("Нет.", "stop")]


def test_filtered_as_the_settings_say(contrary: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Нет.", "finish_reason": "blacklist", "times": 2})
    for stream in (False, True):
        assert ask(contrary, stream)["choices"] == [("Нет.", "content_filter")]


def test_usage_only_when_asked_for(client: OpenAI) -> None:
    stream = client.completions.create(model="GigaChat", prompt="Раз", stream=True)
    assert all(part.choices and part.usage is None for part in stream)


def test_a_stream_that_breaks_raises(client: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три четыре пять", "cut_after": 1})
    with pytest.raises(APIError, match="before its answer was whole"):
        list(client.completions.create(model="GigaChat", prompt="Раз", stream=True))


def test_the_session_of_its_header(service: Service, sandbox: SandboxServer) -> None:
    service.post("/v1/completions", {"prompt": "Раз"}, headers={"X-Session-ID": "mine"})
    service.post("/v1/completions", {"prompt": "Раз"})
    found = [request["headers"].get("x-session-id") for request in sandbox.state.requests("/chat/completions")]
    assert found == ["mine", None]


def test_what_changes_nothing_is_named(service: Service, sandbox: SandboxServer) -> None:
    body = {"best_of": 1, "logprobs": 2, "seed": 5, "logit_bias": {"50256": -100}, "user": "a", "brand_new": 1}
    response = service.post("/v1/completions", {"prompt": "Раз", **body, "frequency_penalty": 0.5, "suffix": ""})
    assert response.headers["X-Gpt2giga-Ignored"] == "best_of, frequency_penalty, logit_bias, logprobs, seed, user"
    assert set(sandbox.state.chats()[0]) == {"model", "messages"}


BAD = [
    ({}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": []}, "prompt"),
    ({"prompt": [""]}, "prompt"),
    ({"prompt": [1, 2]}, "prompt"),
    ({"prompt": [[1, 2]]}, "prompt"),
    ({"prompt": 5}, "prompt"),
    ({"prompt": ["a"] * 21}, "prompt"),
    ({"prompt": "a", "suffix": "b"}, "suffix"),
    ({"prompt": "a", "suffix": 5}, "suffix"),
    ({"prompt": "a", "n": 9}, "n"),
    ({"prompt": "a", "echo": "yes"}, "echo"),
    ({"prompt": "a", "stream": "yes"}, "stream"),
    ({"prompt": "a", "stream": True, "stream_options": []}, "stream_options"),
    ({"prompt": "a", "stop": ["a", 5]}, "stop"),
    ({"prompt": "a", "max_tokens": 0}, "max_tokens"),
    ({"prompt": "a", "temperature": "hot"}, "temperature"),
    ({"prompt": "a", "model": ["GigaChat"]}, "model"),
    ({"prompt": "a", "logprobs": "many"}, "logprobs"),
    ({"prompt": "a", "best_of": 1.5}, "best_of"),
    ({"prompt": "a", "presence_penalty": 3}, "presence_penalty"),
]


@pytest.mark.parametrize("body, param", BAD, ids=[f"{param}-{i}" for i, (_, param) in enumerate(BAD)])
def test_what_makes_no_sense_is_named(service: Service, sandbox: SandboxServer, body: Any, param: str) -> None:
    response = service.post("/v1/completions", body)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)
    assert sandbox.state.chats() == []
