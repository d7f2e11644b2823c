"""Contents and their parts -> messages. Pure; raises BadRequest naming the part."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeAlias

import orjson

from gpt2giga.chat import File, Image, Message, Part, Text, ToolCall, ToolResult
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.file_parts import from_media
from gpt2giga.dialects.gemini.names import as_list, to_object
from gpt2giga.dialects.messages import each_readable, each_turn, Role
from gpt2giga.dialects.pictures import NOTE
from gpt2giga.dialects.tools import from_arguments, tool_name

Reader: TypeAlias = Callable[[Body, str], Iterable[Part]]

# `function` and `tool` are older roles of results.
RESULTS: Mapping[str, Role] = {"function": "user", "tool": "user"}
ROLES: Mapping[str, Role] = {"user": "user", "model": "assistant", "system": "system", **RESULTS}
RESENT = ("model", *RESULTS)
# The id of an upload, also behind the address that Google's own uploads have.
UPLOAD = re.compile(r"(?:https?://[^/]+/v1beta/)?files/([^/]+)")


def from_contents(body: Body) -> Iterator[Message]:
    """Chats of Google's SDKs send each chunk of a streamed answer back as a content of its own."""
    for role, messages in groupby(_messages(body), attrgetter("role")):
        if role == "assistant":
            yield Message("assistant", tuple(_joined(part for message in messages for part in message.parts)))
        else:
            yield from messages


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    for kind, alike in groupby(parts, type):
        if kind is Text:
            yield Text("".join(part.text for part in alike if isinstance(part, Text)))
        else:
            yield from alike


def _messages(body: Body) -> Iterator[Message]:
    if (told := body.get("systemInstruction")) is not None:
        told = {"parts": {"text": told}} if isinstance(told, str) else to_object(told, "systemInstruction")
        yield Message("system", tuple(_parts(told, "system", "systemInstruction", is_old=False)))
    contents = as_list(body, "contents")
    if not contents:
        raise invalid("contents", "a list with at least one content")
    yield from each_turn(contents, "contents", from_content, _is_resent)


def _is_resent(content: Any) -> bool:
    return isinstance(content, dict) and content.get("role") in RESENT


def from_content(content: Any, param: str, is_old: bool = False) -> Iterator[Message]:
    content = fields.mapping(content, param)
    role = fields.one_of(fields.string(content, "role", param).lower() or "user", ROLES, f"{param}.role")
    if not content.get("parts") and not is_old:
        raise invalid(f"{param}.parts", "a list with at least one part")
    yield Message(role, tuple(_parts(content, role, param, is_old=is_old)))


def _parts(holder: Body, role: Role, param: str, *, is_old: bool) -> Iterator[Part]:
    """Signatures of thoughts come back with any part, and alone; nobody here reads them."""
    readers = READERS[role]

    def read(part: Any, param: str, is_old: bool) -> Iterable[Part]:
        part = to_object(part, param)
        if part.get("text") is not None:
            return () if part.get("thought") is True else (Text(fields.string(part, "text", param)),)
        for name, reader in readers.items():
            if part.get(name) is not None:
                place = f"{param}.{name}"
                return reader(to_object(part[name], place), place)
        if role == "assistant" or part.get("thoughtSignature") is not None:
            return ()
        raise invalid(param, "a part with " + ", ".join(("text", *readers)))

    return each_readable(as_list(holder, "parts", param), f"{param}.parts", read, lambda *_: is_old)


def _inline(blob: Body, param: str) -> Iterator[Image | File]:
    """Google's SDK for Python writes base64 with the letters for addresses."""
    data = fields.required_string(blob, "data", param, "base64").replace("-", "+").replace("_", "/")
    yield from from_media({**blob, "data": data, "name": fields.string(blob, "displayName", param)}, param)


def _stored(data: Body, param: str) -> Iterator[Image | File]:
    expected = "an address, or files/ID of an upload"
    uri, name = fields.required_string(data, "fileUri", param, expected), fields.string(data, "displayName", param)
    if found := UPLOAD.fullmatch(uri):
        yield File("", name, found[1])
    elif uri.startswith(("http://", "https://", "data:")):
        yield from from_media({**data, "data": uri, "name": name}, param)
    else:
        raise invalid(f"{param}.fileUri", expected)


def _drawn(blob: Body, param: str) -> Iterator[Text]:
    """The model's own picture, which a client sends back: it would fill the model's window."""
    yield Text(NOTE)


def _call(call: Body, param: str) -> Iterator[ToolCall]:
    yield ToolCall(fields.string(call, "id", param), tool_name(call, param), from_arguments(call.get("args")))


def _result(result: Body, param: str) -> Iterator[ToolResult]:
    """Its call is known by the id, or where there is none by name and order."""
    response = result.get("response")
    answer = Text(orjson.dumps({} if response is None else response).decode())
    shown = _parts(result, "user", param, is_old=True)
    files = [file for file in shown if isinstance(file, Text | Image | File)]
    yield ToolResult(fields.string(result, "id", param), fields.string(result, "name", param), (answer, *files))


READERS: Mapping[Role, dict[str, Reader]] = {
    "system": {},
    "user": {"inlineData": _inline, "fileData": _stored, "functionResponse": _result},
    "assistant": {"functionCall": _call, "inlineData": _drawn},
}
