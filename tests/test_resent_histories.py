"""What stands in earlier turns never refuses a request: clients send it again with every turn. What is new, is strict.

One turn of each kind for each dialect; tests/cases and tests/test_earlier_files.py tell what becomes of it.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.pictures import data_url, png
from tests.service import Service

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
PNG = data_url(png(200), "image/png")
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
DIALECTS = pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])


def post(service: Service, path: str, turns: list[Any], **fields: Any) -> Any:
    name = "input" if path == RESPONSES else "messages"
    return service.post(path, {"model": "GigaChat-2-Max", "max_tokens": 9, name: turns, **fields})


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": [*parts]}


HELLO = user({"type": "text", "text": "Привет!"})
ANSWER = {"role": "assistant", "content": "Да."}
# What a client may send that nobody understands.
NONSENSE: dict[str, Any] = {
    "a kind of part": user({"type": "video_url", "video_url": {"url": "a"}}),
    "a part without a kind": user({"text": "a"}),
    "a text that is none": user({"type": "text", "text": 5}),
    "a part that is none": user("a"),
    "an image without an address": user({"type": "image_url", "image_url": {}}),
    "a file without content": user({"type": "input_file", "filename": "a"}),
    "a document of nothing": user({"type": "document", "source": {"type": "smell"}}),
    "content that is none": {"role": "user", "content": 5},
}


@STREAMED
@DIALECTS
@pytest.mark.parametrize("turn", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_once(service: Service, path: str, turn: Any, stream: bool) -> None:
    refused = post(service, path, [turn], stream=stream)
    assert refused.status_code == 400 and refused.json()["error"]["message"]
    for later in ([HELLO], [ANSWER, HELLO]):
        passed = post(service, path, [turn, *later], stream=stream)
        assert passed.status_code == 200, passed.text


BROKEN_CALLS: dict[str, tuple[str, Any]] = {
    "chat: no function": (CHAT, {"role": "assistant", "tool_calls": [{"id": "a"}]}),
    "chat: a call that is none": (CHAT, {"role": "assistant", "tool_calls": ["f"]}),
    "chat: arguments": (CHAT, {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 1}}]}),
    "chat: a result of nothing": (CHAT, {"role": "tool", "content": "a"}),
    "responses: no id": (RESPONSES, {"type": "function_call", "name": "f", "arguments": "{}"}),
    "responses: arguments": (RESPONSES, {"type": "function_call", "call_id": "a", "name": "f", "arguments": 1}),
    "responses: an output": (RESPONSES, {"type": "function_call_output", "call_id": "a", "output": 1}),
    "messages: input": (MESSAGES, {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f"}]}),
    "messages: a result": (MESSAGES, user({"type": "tool_result"})),
    "messages: a result of OpenAI": (MESSAGES, {"role": "tool", "tool_call_id": "a", "content": "b"}),
    "messages: an image of nothing": (
        MESSAGES,
        user({"type": "tool_result", "tool_use_id": "a", "content": [{"type": "image"}]}),
    ),
    "chat: the older call": (CHAT, {"role": "assistant", "function_call": {"name": ""}}),
}
UNKNOWN: dict[str, tuple[str, Any]] = {
    "chat: a role": (CHAT, {"role": "robot", "content": "a"}),
    "responses: an item": (RESPONSES, {"type": "smell"}),
    "responses: a role": (RESPONSES, {"role": "robot", "content": "a"}),
    "messages: a role": (MESSAGES, {"role": "robot", "content": "a"}),
}


@pytest.mark.parametrize("path, item", BROKEN_CALLS.values(), ids=BROKEN_CALLS)
def test_broken_calls_are_never_refused(service: Service, path: str, item: Any) -> None:
    """An agent's own steps come after the user's newest message, and each of them is sent again with the next."""
    for turns in ([HELLO, item], [HELLO, item, HELLO]):
        passed = post(service, path, turns)
        assert passed.status_code == 200, passed.text


@pytest.mark.parametrize("path, item", UNKNOWN.values(), ids=UNKNOWN)
def test_who_is_unknown_is_refused_once(service: Service, path: str, item: Any) -> None:
    assert post(service, path, [HELLO, item]).status_code == 400
    passed = post(service, path, [HELLO, item, HELLO])
    assert passed.status_code == 200, passed.text


def call(path: str, name: str, arguments: Any, *parts: Any) -> list[Any]:
    """A call and its result in the words of each dialect."""
    if path == RESPONSES:
        made = {"type": "function_call", "call_id": "c1", "name": name, "arguments": arguments}
        return [made, {"type": "function_call_output", "call_id": "c1", "output": [*parts]}]
    if path == MESSAGES:
        made = {"type": "tool_use", "id": "c1", "name": name, "input": arguments}
        return [
            {"role": "assistant", "content": [made]},
            user({"type": "tool_result", "tool_use_id": "c1", "content": [*parts]}),
        ]
    made = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return [{"role": "assistant", "tool_calls": [made]}, {"role": "tool", "tool_call_id": "c1", "content": [*parts]}]


@DIALECTS
def test_arguments_as_an_object(service: Service, sandbox: SandboxServer, path: str) -> None:
    done = post(service, path, [HELLO, *call(path, "f", {"a": [1]}, {"type": "text", "text": "ok"})])
    assert done.status_code == 200, done.text
    assert sandbox.state.chats()[-1]["messages"][1]["function_call"] == {"name": "f", "arguments": {"a": [1]}}


@DIALECTS
def test_a_call_without_a_name(service: Service, sandbox: SandboxServer, path: str) -> None:
    done = post(service, path, [HELLO, *call(path, "", {}, {"type": "text", "text": "ok"})])
    assert done.status_code == 200, done.text
    assert sandbox.state.chats()[-1]["messages"][-1]["content"].endswith("[Result of the tool c1]\nok")


CODE = base64.b64encode(b"print(200)\n").decode()
FILES: dict[str, tuple[dict[str, Any], str]] = {
    "input_file": (
        {"type": "input_file", "filename": "a.py", "file_data": f"data:text/x-python;base64,{CODE}"},
        "text",
    ),
    "file": ({"type": "file", "file": {"filename": "a.py", "file_data": CODE}}, "text"),
    "document": ({"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": CODE}}, "text"),
    "of MCP": ({"type": "image", "data": PNG.partition(",")[2], "mimeType": "image/png"}, "image"),
    "of MCP without a type": ({"type": "image", "data": PNG.partition(",")[2]}, "image"),
    "resource": ({"type": "resource", "resource": {"uri": "file:///a.py", "blob": CODE}}, "text"),
    "image_url": ({"type": "image_url", "image_url": {"url": PNG}}, "image"),
    "input_image": ({"type": "input_image", "image_url": {"url": PNG}}, "image"),
}


@STREAMED
@DIALECTS
@pytest.mark.parametrize("part, kind", FILES.values(), ids=FILES)
def test_files_of_tools_and_users(
    service: Service, sandbox: SandboxServer, path: str, part: Any, kind: str, stream: bool
) -> None:
    """In the words of any dialect, whichever is spoken."""
    for turns in ([HELLO, *call(path, "f", {}, part)], [user(part)]):
        done = post(service, path, turns, stream=stream)
        assert done.status_code == 200, done.text
        [file_id] = sandbox.state.chats()[-1]["messages"][-1]["attachments"]
        assert sandbox.state.files()[file_id].kind == kind


def test_kept_responses_with_nonsense_in_them(service: Service) -> None:
    """The store and its list hold what was sent."""
    with service.client() as client:
        turns: Any = [
            NONSENSE["a part that is none"],
            NONSENSE["a part without a kind"],
            NONSENSE["content that is none"],
            HELLO,
        ]
        first = client.responses.create(model="GigaChat-2-Max", input=turns)
        assert len(list(client.responses.input_items.list(first.id))) == len(turns)
        assert client.responses.create(model="GigaChat-2-Max", input="А?", previous_response_id=first.id).output_text


def test_thoughts_and_pictures_of_the_assistant_at_responses(service: Service, sandbox: SandboxServer) -> None:
    parts = [
        {"type": "reasoning_text", "text": "hm"},
        {"type": "output_text", "text": "Да."},
        {"type": "input_image", "image_url": PNG},
    ]
    assert post(service, RESPONSES, [HELLO, {"role": "assistant", "content": parts}, HELLO]).status_code == 200
    assert sandbox.state.chats()[-1]["messages"][1] == {"role": "assistant", "content": "Да."}
    assert sandbox.state.files() == {}, "nobody could see it"
