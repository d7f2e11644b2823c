"""OpenAI's client in front of the application in this process: it needs no server of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from flask import Flask
from openai import OpenAI
from openai.types import Batch

from tests.sockets import eventually

CHAT = "/v1/chat/completions"


def line(custom_id: str, body: Any = None, url: str = CHAT, **fields: Any) -> bytes:
    body = {"messages": [{"role": "user", "content": custom_id}]} if body is None else body
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": url, "body": body, **fields}).encode() + b"\n"


class Client:
    """What people do with batches."""

    def __init__(self, openai: OpenAI) -> None:
        self.openai = openai

    def upload(self, *lines: bytes, **options: Any) -> str:
        file = self.openai.files.create(file=("lines.jsonl", b"".join(lines)), purpose="batch", **options)
        return file.id

    def begin(self, *lines: bytes, endpoint: Any = CHAT, **options: Any) -> Batch:
        file = self.upload(*lines)
        return self.openai.batches.create(input_file_id=file, endpoint=endpoint, completion_window="24h", **options)

    def get(self, batch: Batch) -> Batch:
        return self.openai.batches.retrieve(batch.id)

    def ended(self, batch: Batch) -> Batch:
        over = ("completed", "failed", "expired", "cancelled")
        assert eventually(lambda: self.get(batch).status in over), self.get(batch)
        return self.get(batch)

    def lines(self, file_id: str | None) -> list[dict[str, Any]]:
        assert file_id
        return [json.loads(line) for line in self.openai.files.content(file_id).text.splitlines()]


@pytest.fixture
def client_of() -> Iterator[Callable[..., Client]]:
    with ExitStack() as stack:

        def client_of(app: Flask, key: str = "unused") -> Client:
            http = stack.enter_context(httpx.Client(transport=httpx.WSGITransport(app=app)))
            openai = OpenAI(base_url="http://localhost/v1", api_key=key, max_retries=0, http_client=http)
            return Client(openai)

        yield client_of
