"""GigaChat's answers with one place spoilt."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.fuzz.spoiling import all_spoils, Spoil, spoil
from tests.pictures import data_url, png

MODEL = "GigaChat-2-Max"
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "precached_prompt_tokens": 1}
CALL = {"name": "weather", "arguments": {"city": "Омск", "days": [1, {"a": None}]}}
STATE_ID = "77d3fb14-457a-46ba-937e-8d856156d003"
FILE = {
    "id": "5aa5a5a5-0000-4000-8000-aaaaaaaaaaaa",
    "object": "file",
    "bytes": 3,
    "created_at": 1700000000,
    "filename": "a.txt",
    "purpose": "general",
    "access_policy": "private",
}


def whole(finish: str = "stop", **message: Any) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", **message}, "index": 0, "finish_reason": finish}
    return {"choices": [choice], "created": 1, "model": MODEL, "object": "chat.completion", "usage": USAGE}


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    choice: dict[str, Any] = {"delta": delta, "index": 0}
    usage = {}
    if finish:
        choice["finish_reason"], usage = finish, {"usage": USAGE}
    return {"choices": [choice], "created": 1, "model": MODEL, "object": "chat.completion", **usage}


def embedding(index: int) -> dict[str, Any]:
    return {"object": "embedding", "embedding": [0.5, -1.5], "index": index, "usage": {"prompt_tokens": 2}}


@dataclass(frozen=True)
class Kind:
    """A route of GigaChat's, and good answers to it. streams: answers that are lists of chunks.

    readers: the requests, by their names in REQUESTS, whose answers are made of it.
    """

    route: str
    answers: tuple[Any, ...]
    readers: tuple[str, ...]
    streams: bool = False
    status: int = 200


HELLO = [{"role": "user", "content": "Привет!"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": SCHEMA}}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": data_url(png(), "image/png")}}]}]
# Method, path, body; a form when there is none.
REQUESTS: dict[str, tuple[str, str, Any]] = {
    "chat": ("POST", "/v1/chat/completions", {"messages": HELLO, "tools": TOOLS}),
    "required call": ("POST", "/v1/chat/completions", {"messages": HELLO, "tools": TOOLS, "tool_choice": "required"}),
    "JSON": ("POST", "/v1/chat/completions", {"messages": HELLO, "response_format": FORMAT}),
    "any JSON": ("POST", "/v1/chat/completions", {"messages": HELLO, "response_format": {"type": "json_object"}}),
    "stop": ("POST", "/v1/chat/completions", {"messages": HELLO, "stop": ["конец"], "n": 2}),
    "completion": ("POST", "/v1/completions", {"prompt": "Раз"}),
    "response": ("POST", "/v1/responses", {"input": "Привет!"}),
    "message": ("POST", "/v1/messages", {"messages": HELLO, "max_tokens": 9, "thinking": {"type": "adaptive"}}),
    "candidate": ("POST", "/v1beta/models/GigaChat:generateContent", {"contents": [{"parts": [{"text": "Привет!"}]}]}),
    "lines": ("POST", "/api/chat", {"messages": HELLO, "tools": TOOLS, "stream": False}),
    "image": ("POST", "/v1/images/generations", {"prompt": "кот"}),
    "embedding": ("POST", "/v1/embeddings", {"input": ["раз", "два"]}),
    "embedding for Ollama": ("POST", "/api/embed", {"input": ["раз", "два"]}),
    "tags": ("GET", "/api/tags", None),
    "embedding in base64": ("POST", "/v1/embeddings", {"input": "раз", "encoding_format": "base64"}),
    "count": ("POST", "/v1/messages/count_tokens", {"messages": HELLO}),
    "input tokens": ("POST", "/v1/responses/input_tokens", {"input": "Привет!"}),
    "models": ("GET", "/v1/models", None),
    "ready": ("GET", "/ready", None),
    "upload": ("POST", "/v1/files", None),
    "files": ("GET", "/v1/files", None),
    "attached": ("POST", "/v1/chat/completions", {"model": MODEL, "messages": IMAGE}),
}
DIALECTS = ("chat", "completion", "response", "message", "candidate", "lines")
CHATS = (*DIALECTS, "required call", "JSON", "any JSON", "stop")
ALL = (*CHATS, "image", "embedding", "count", "input tokens", "models", "ready", "upload", "files")
DRAWN = whole(content=f'<img src="{FILE["id"]}" fuse="true"/> Вот кот')
ANSWERS = (
    whole(content="Раз, два"),
    whole(content='{"city": "Омск"}', reasoning_content="Думаю"),
    whole("function_call", content="", function_call=CALL, functions_state_id=STATE_ID),
    DRAWN,
)
STREAMS = (
    [chunk(role="assistant", content="Раз"), chunk(reasoning_content="Думаю", content=""), chunk("stop", content=".")],
    [chunk(content='{"city": '), chunk(content='"Омск"}'), chunk("stop", content="")],
    [chunk(content=""), chunk("function_call", content="", function_call=CALL, functions_state_id=STATE_ID)],
)
ENTRY = {"id": MODEL, "object": "model", "owned_by": "salutedevices", "type": "chat"}
TOKENS = {"object": "tokens", "tokens": 1, "characters": 2}
KINDS = (
    Kind("chat", ANSWERS, (*CHATS, "image")),
    Kind("chat", STREAMS, CHATS, streams=True),
    Kind("oauth", ({"access_token": "token", "expires_at": 1700000000000},), (*DIALECTS, "embedding", "ready")),
    Kind(
        "models", ({"object": "list", "data": [ENTRY, {**ENTRY, "id": "Embeddings"}]},), (*DIALECTS, "models", "tags")
    ),
    Kind(
        "embeddings",
        ({"object": "list", "data": [embedding(1), embedding(0)], "model": "Embeddings"},),
        ("embedding", "embedding in base64", "embedding for Ollama"),
    ),
    Kind("tokens", ([{**TOKENS}, {**TOKENS}],), ("count", "input tokens")),
    Kind("files", (FILE,), ("upload", "attached")),
    Kind("files", ({"data": [FILE, {**FILE}]},), ("files",)),
    *(Kind(route, ({"status": 400, "message": "Нет"},), ALL, status=400) for route in ("chat", "models", "oauth")),
    *(
        Kind("oauth", ({"code": 6, "message": "credentials doesn't match db data"},), ("chat", "ready"), status=status)
        for status in (400, 401, 429, 500)
    ),
    *(
        Kind("chat", ({"status": status, "message": "Нет"},), DIALECTS, status=status)
        for status in (404, 422, 429, 500)
    ),
    Kind("embeddings", ({"status": 413, "message": "Tokens limit exceeded"},), ("embedding",), status=413),
    Kind("tokens", ({"status": 500, "message": "Нет"},), ("count",), status=500),
    Kind("files", ({"status": 404, "message": "Нет"},), ("upload", "files", "attached"), status=404),
)


@dataclass(frozen=True)
class Spoilt:
    """parts: the chunks of a stream, or a whole answer; the one with this index is spoilt."""

    kind: Kind
    parts: tuple[Any, ...]
    index: int
    spoil: Spoil

    @property
    def name(self) -> str:
        """For whoever has to find it again."""
        place, value = self.spoil
        return f"{self.kind.route} {self.kind.status} {self.parts[self.index]} {place}: {value[:40]}"

    def bodies(self) -> list[str]:
        """The texts of a stream's frames, or that of a whole answer."""
        return [
            spoil(part, self.spoil) if index == self.index else json.dumps(part, ensure_ascii=False)
            for index, part in enumerate(self.parts)
        ]


def every() -> Iterator[Spoilt]:
    """Every place of every answer with every value."""
    for kind in KINDS:
        for answer in kind.answers:
            parts = tuple(answer) if kind.streams else (answer,)
            for index, part in enumerate(parts):
                yield from (Spoilt(kind, parts, index, found) for found in all_spoils(part))


def some(count: int, seed: int) -> list[Spoilt]:
    """Of these; the same seed, the same ones."""
    found = [*every()]
    return random.Random(seed).sample(found, min(count, len(found)))
