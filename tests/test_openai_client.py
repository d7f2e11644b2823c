"""The official client against the running service: what its users see."""

from __future__ import annotations

import pytest
from openai import APIError, BadRequestError, InternalServerError, NotFoundError, OpenAI, RateLimitError

from gpt2giga_sandbox.server import SandboxServer

MESSAGES = [{"role": "user", "content": "Привет!"}]


def test_chat(client: OpenAI) -> None:
    completion = client.chat.completions.create(model="GigaChat-2-Max", messages=MESSAGES)
    assert "Привет!" in completion.choices[0].message.content
    assert completion.model == "GigaChat-2-Max"
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    assert completion._request_id


def test_stream_helper(client: OpenAI) -> None:
    """The helper checks every chunk and fails on what it cannot add up."""
    with client.chat.completions.stream(model="GigaChat-2-Max", messages=MESSAGES) as stream:
        kinds = {event.type for event in stream}
        completion = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert "Привет!" in completion.choices[0].message.content
    assert completion.choices[0].finish_reason == "stop"


def test_chunks_come_as_gigachat_sends_them(client: OpenAI, sandbox: SandboxServer) -> None:
    """The first words arrive while GigaChat is still silent before its next ones."""
    sandbox.state.script({"text": "Раз два три четыре пять шесть семь восемь", "hang_after": 2})
    with client.chat.completions.create(model="GigaChat", messages=MESSAGES, stream=True) as stream:
        texts = [next(stream).choices[0].delta.content for _ in range(2)]
    assert texts[0] == "" and texts[1].startswith("Раз")
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)


def test_usage_only_when_asked_for(client: OpenAI) -> None:
    stream = client.chat.completions.create(model="GigaChat", messages=MESSAGES, stream=True)
    assert all(chunk.usage is None and chunk.choices for chunk in stream)


def test_models(client: OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}
    assert models["GigaChat-2-Lite"].alias_of == "GigaChat-2"
    assert models["EmbeddingsGigaR"].type == "embedder" and models["GigaFilter"].type == "filter"
    assert client.models.retrieve("GigaChat-2-Max").owned_by == "salutedevices"
    with pytest.raises(NotFoundError, match="closest one is GigaChat-2-Max"):
        client.models.retrieve("GigaChat-2-Mux")


def test_unknown_model(client: OpenAI) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.chat.completions.create(model="GigaChat-2-Mux", messages=MESSAGES)
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "status, error", [(422, BadRequestError), (429, RateLimitError), (500, InternalServerError)], ids=str
)
def test_a_refusal_is_a_status(
    client: OpenAI, sandbox: SandboxServer, status: int, error: type[APIError], stream: bool
) -> None:
    sandbox.state.script({"status": status, "body": {"status": status, "message": "why not"}, "times": 3})
    with pytest.raises(error, match="why not"):
        client.chat.completions.create(model="GigaChat", messages=MESSAGES, stream=stream)
    sandbox.state.reset()


def test_a_stream_that_breaks_raises(client: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три четыре пять", "cut_after": 1})
    stream = client.chat.completions.create(model="GigaChat", messages=MESSAGES, stream=True)
    with pytest.raises(APIError, match="before its answer was whole"):
        list(stream)
