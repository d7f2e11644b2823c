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
from gpt2giga.dialects.gemini.names import as_list
from gpt2giga.dialects.messages import each_readable, each_turn, Role
from gpt2giga.dialects.pictures import NOTE
from gpt2giga.dialects.tools import from_arguments

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
    system = body.get("systemInstruction")
    if system is not None:
        told = {"parts": {"text": system}} if isinstance(system, str) else fields.mapping(system, "systemInstruction")
        parts = as_list(told, "parts", "systemInstruction")
        yield Message("system", tuple(_parts(parts, "system", "systemInstruction.parts", is_old=False)))
    contents = as_list(body, "contents")
    if not contents:
        raise invalid("contents", "a list with at least one content")
    yield from each_turn(contents, "contents", from_content, _is_resent)


def _is_resent(content: Any) -> bool:
    return isinstance(content, dict) and content.get("role") in RESENT


def from_content(content: Any, param: str, is_old: bool = False) -> Iterator[Message]:
    content = fields.mapping(content, param)
    role = fields.one_of(content.get("role") or "user", ROLES, f"{param}.role")
    parts = as_list(content, "parts", param)
    if not parts and not is_old:
        raise invalid(f"{param}.parts", "a list with at least one part")
    yield Message(role, tuple(_parts(parts, role, f"{param}.parts", is_old=is_old)))


def _parts(parts: list[Any], role: Role, param: str, *, is_old: bool) -> Iterator[Part]:
    """Signatures of thoughts come back with any part, and alone; nobody here reads them."""
    readers = READERS[role]

    def read(part: Any, param: str, is_old: bool) -> Iterable[Part]:
        part = fields.mapping(part, param)
        name = next((name for name in readers if part.get(name) is not None), "")
        if name and not (name == "text" and part.get("thought") is True):
            return readers[name](part, param)
        if name or role == "assistant" or part.get("thoughtSignature") is not None:
            return ()
        raise invalid(param, "a part with " + ", ".join(readers))

    return each_readable(parts, param, read, lambda *_: is_old)


def _text(part: Body, param: str) -> Iterator[Text]:
    yield Text(fields.string(part, "text", param))


def _inline(part: Body, param: str) -> Iterator[Image | File]:
    """Google's SDK for Python writes base64 with the letters for addresses."""
    blob, place = fields.required_object(part, "inlineData", param)
    data = fields.required_string(blob, "data", place, "base64").replace("-", "+").replace("_", "/")
    yield from from_media({**blob, "data": data, "name": fields.string(blob, "displayName", place)}, place)


def _stored(part: Body, param: str) -> Iterator[Image | File]:
    data, place = fields.required_object(part, "fileData", param)
    expected = "an address, or files/ID of an upload"
    uri = fields.required_string(data, "fileUri", place, expected)
    name = fields.string(data, "displayName", place)
    if found := UPLOAD.fullmatch(uri):
        yield File("", name, found[1])
    elif uri.startswith(("http://", "https://", "data:")):
        yield from from_media({**data, "data": uri, "name": name}, place)
    else:
        raise invalid(f"{place}.fileUri", expected)


def _drawn(part: Body, param: str) -> Iterator[Text]:
    """The model's own picture, which a client sends back: it would fill the model's window."""
    yield Text(NOTE)


def _call(part: Body, param: str) -> Iterator[ToolCall]:
    call, place = fields.required_object(part, "functionCall", param)
    name = fields.required_string(call, "name", place, "a name")
    yield ToolCall(fields.string(call, "id", place), name, from_arguments(call.get("args")))


def _result(part: Body, param: str) -> Iterator[ToolResult]:
    """Its call is known by the id, or where there is none by name and order."""
    result, place = fields.required_object(part, "functionResponse", param)
    response = result.get("response")
    answer = Text(orjson.dumps({} if response is None else response).decode())
    shown = _parts(as_list(result, "parts", place), "user", f"{place}.parts", is_old=True)
    files = [file for file in shown if isinstance(file, Text | Image | File)]
    yield ToolResult(fields.string(result, "id", place), fields.string(result, "name", place), (answer, *files))


TEXT: dict[str, Reader] = {"text": _text}
READERS: Mapping[Role, dict[str, Reader]] = {
    "system": TEXT,
    "user": {**TEXT, "inlineData": _inline, "fileData": _stored, "functionResponse": _result},
    "assistant": {**TEXT, "functionCall": _call, "inlineData": _drawn},
}
