"""Images that GigaChat draws, over the running service."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service


def test_drawing(client: OpenAI, sandbox: SandboxServer) -> None:
    found = client.images.generate(prompt="кот", model="GigaChat-2-Max", n=2, response_format="b64_json")
    drawn = [file.content for file in sandbox.state.files().values()]
    assert [base64.b64decode(item.b64_json or "") for item in found.data or []] == drawn and len(drawn) == 2
    assert found.output_format == "png" and found.created
    first, second = sandbox.state.chats()
    assert first["function_call"] == "auto" and "кот" in first["messages"][-1]["content"]


@pytest.mark.parametrize("model", ["dall-e-3", "gpt-image-1", "chatgpt-image-latest", None])
def test_other_vendors_painters_mean_gigachat(service: Service, sandbox: SandboxServer, model: str | None) -> None:
    assert service.post("/v1/images/generations", {"prompt": "кот", "model": model}).status_code == 200
    assert sandbox.state.chats()[0]["model"] == "GigaChat-2-Max"


def test_a_painter_that_does_not_exist(client: OpenAI) -> None:
    with pytest.raises(NotFoundError, match="GigaChat-2-Max"):
        client.images.generate(prompt="кот", model="GigaChat-2-Mux")


def test_a_prompt_refused_in_words(client: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Такое я не рисую."})
    with pytest.raises(BadRequestError, match="Такое я не рисую") as caught:
        client.images.generate(prompt="кот")
    assert caught.value.code == "no_image" and caught.value.param == "prompt"


def test_what_gigachat_cannot_choose_is_named(service: Service) -> None:
    body = {"prompt": "кот", "size": "1024x1024", "quality": "hd", "style": "vivid", "user": "a", "brand_new": 1}
    response = service.post("/v1/images/generations", body)
    assert response.status_code == 200 and response.headers["X-Gpt2giga-Ignored"] == "quality, size, style, user"


@pytest.mark.parametrize(
    "fields, param",
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": ["кот"]}, "prompt"),
        ({"n": 0}, "n"),
        ({"n": 11}, "n"),
        ({"n": "two"}, "n"),
        ({"model": 5}, "model"),
        ({"response_format": "url"}, "response_format"),
        ({"response_format": "svg"}, "response_format"),
        ({"size": 1024}, "size"),
        ({"stream": True}, "stream"),
    ],
)
def test_drawing_with_wrong_values(service: Service, sandbox: SandboxServer, fields: Any, param: str) -> None:
    response = service.post("/v1/images/generations", {"prompt": "кот", **fields})
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)
    assert sandbox.state.chats() == []
