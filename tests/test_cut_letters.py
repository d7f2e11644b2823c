"""Bodies with half of a letter in them, from tools that cut texts by UTF-16 units, and with a byte order mark.

Clients send their whole history again, so a refusal would be the last word of a conversation.
"""

from __future__ import annotations

import json

import pytest

from gpt2giga.bounded_json import MOST_HALVES, parse
from gpt2giga.chat import arguments_from_json
from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service

HALVES = {
    "a first half": (rb"a\ud83d b", "a\ufffd b"),
    "in capitals": (rb"\uD83D", "\ufffd"),
    "a second half": (rb"\ude00", "\ufffd"),
    "in the wrong order": (rb"\ude00\ud83d", "\ufffd\ufffd"),
    "before a whole letter": (rb"\ud83d\ud83d\ude00", "\ufffd😀"),
    "after a whole letter": (rb"\ud83d\ude00\ude00", "😀\ufffd"),
    "before another escape": (rb"\ud83d\u0041", "\ufffdA"),
    "before an escaped backslash": (rb"\ud83d\\ude00", "\ufffd\\ude00"),
    "after an escaped backslash": (rb"\\\ud83d", "\\\ufffd"),
    "as bytes": (b"a\xed\xa0\xbd b", "a\ufffd b"),
    "both as bytes": (b"\xed\xa0\xbd\xed\xb8\x80", "😀"),
    "beside text of backslashes": (rb"\\ud83d \ud83d", "\\ud83d \ufffd"),
}
CUT = rb"log \ud83d end"
MENDED = "log \ufffd end"
# Each dialect's body with CUT in place of "@".
RESULT = [
    {"role": "user", "content": "x"},
    {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "@"},
]
BODIES = {
    "/v1/chat/completions": {"messages": RESULT},
    "/v1/completions": {"prompt": "@"},
    "/v1/responses": {
        "input": [
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "@"},
        ]
    },
    "/v1/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "@"}]},
}


def post(service: Service, path: str, body: bytes) -> bytes:
    response = service.request("POST", path, data=body)
    assert response.status_code == 200, response.text
    return response.content


@pytest.mark.parametrize("half, text", HALVES.values(), ids=HALVES)
def test_a_half_becomes_a_sign(half: bytes, text: str) -> None:
    assert parse(b'{"a": "' + half + b'"}', 100, mend=True) == {"a": text}


def test_what_models_wrote_as_arguments_stays_arguments() -> None:
    assert arguments_from_json(r'{"text": "a\ud83d"}') == {"text": "a\ufffd"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("path, body", BODIES.items())
def test_in_all_dialects(
    service: Service, sandbox: SandboxServer, path: str, body: dict[str, object], stream: bool
) -> None:
    post(service, path, json.dumps({**body, "stream": stream}).encode().replace(b"@", CUT))
    assert MENDED in sandbox.state.chats()[-1]["messages"][-1]["content"]


def test_in_names_and_schemas(service: Service, sandbox: SandboxServer) -> None:
    tool = {"type": "function", "function": {"name": "f@", "description": "@", "parameters": {"properties": {"@": {}}}}}
    body = {"messages": [{"role": "user", "content": "x"}], "tools": [tool]}
    post(service, "/v1/chat/completions", json.dumps(body).encode().replace(b"@", CUT))
    [function] = sandbox.state.chats()[-1]["functions"]
    assert function["description"] == MENDED and MENDED in function["parameters"]["properties"]


def test_embeddings(service: Service, sandbox: SandboxServer) -> None:
    post(service, "/v1/embeddings", rb'{"input": ["a", "b\ud83d"]}')
    assert sandbox.state.requests("/embeddings")[-1]["json"]["input"] == ["a", "b\ufffd"]


@pytest.mark.parametrize("path, body", BODIES.items())
def test_a_byte_order_mark(service: Service, path: str, body: dict[str, object]) -> None:
    post(service, path, b"\xef\xbb\xbf" + json.dumps(body).encode())


BROKEN = {
    "cut in the escape": rb'{"messages": "\ud83d\ud8"}',
    "other bytes too": b'{"messages": "\xed\xa0\xbd \xff"}',
    "a control character": b'{"messages": "\\ud83d \0"}',
    "halves without end": rb'{"messages": "' + MOST_HALVES * rb"\ud83d" + rb'\ud83d"}',
    "two marks": b"\xef\xbb\xbf\xef\xbb\xbf{}",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_what_stays_broken(service: Service, body: bytes) -> None:
    response = service.request("POST", "/v1/chat/completions", data=body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_json")


def test_limits_hold_for_what_was_mended(small: Service) -> None:
    body = rb'{"a": "\ud83d", "messages": [' + b"[]," * 5000 + b"[]]}"
    assert small.request("POST", "/v1/chat/completions", data=body).status_code == 413
