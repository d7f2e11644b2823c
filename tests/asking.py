"""Chat completions by the real client, whole or put together from a stream."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion

from tests.service import Service

MODEL = "GigaChat-2-Max"
MESSAGES: list[Any] = [{"role": "user", "content": "Кто написал «Войну и мир»?"}]
USAGE = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13, "precached_prompt_tokens": 2}
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])

NUMBERS = count(1000)


def new(text: str) -> str:
    """One that no other test has: services remember embeddings, and tests share services."""
    return f"{text} {next(NUMBERS)}"


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}


def ask(service: Service, stream: bool, **options: Any) -> ChatCompletion:
    """Both with the usage; the client adds the chunks of a stream up."""
    options = {"model": MODEL, "messages": MESSAGES, **options}
    with service.client() as client:
        if not stream:
            return client.chat.completions.create(**options)
        with client.chat.completions.stream(**options, stream_options={"include_usage": True}) as events:
            return events.get_final_completion()


def by_schema(schema: Any, **options: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **options}}


NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


FILTERED = {"text": "Не люблю менять тему разговора.", "finish_reason": "blacklist"}


def parse(client: OpenAI, stream: bool, wanted: Any) -> Any:
    options: Any = {"model": MODEL, "messages": MESSAGES, "response_format": wanted}
    if not stream:
        return client.chat.completions.parse(**options)
    with client.chat.completions.stream(**options) as events:
        return events.get_final_completion()
