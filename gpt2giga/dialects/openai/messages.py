"""Messages of a Chat Completions request. Pure; raises BadRequest naming the message and its part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from gpt2giga.chat import File, Image, Message, Text, ToolResult
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.messages import (
    Content,
    from_audio,
    from_content,
    from_file_data,
    from_file_id,
    from_text,
    OPENAI_ROLES,
)
from gpt2giga.dialects.openai.tools import from_calls

RESULTS = ("tool", "function")  # function: the form before tool_calls, which has no ids
EXPECTED_ROLE = "one of " + ", ".join((*OPENAI_ROLES, *RESULTS))


def from_messages(messages: list[Any]) -> Iterator[Message]:
    """`name` says who speaks; GigaChat has no place for it except in the result of a function."""
    open_calls = 0
    for message, param in fields.each_object(messages, "messages"):
        role, name = message.get("role"), fields.string(message, "name", param)
        if role in RESULTS:
            call_id = fields.string(message, "tool_call_id", param)
            if role == "tool" and not call_id and open_calls <= 0:
                raise invalid(f"{param}.tool_call_id", "the id of a tool call")
            open_calls -= 1
            yield Message("user", (ToolResult(call_id, name, _result_parts(message, param)),))
        else:
            speaker = fields.one_of(role, OPENAI_ROLES, f"{param}.role", EXPECTED_ROLE)
            calls = from_calls(message, param) if role == "assistant" else []
            open_calls = len(calls) or open_calls
            yield Message(speaker, (*_parts(message, param), *calls))


def _parts(message: Body, param: str) -> Iterator[Content]:
    role = message["role"]
    for number, part in enumerate(from_content(message.get("content"), f"{param}.content", READERS)):
        if role != "user" and not isinstance(part, Text):
            raise invalid(f"{param}.content[{number}]", f"text; files of the role {role} are not supported")
        yield part
    # A refusal that a client sends back is what the assistant said.
    if role == "assistant" and (refusal := fields.string(message, "refusal", param)):
        yield Text(refusal)


def _result_parts(message: Body, param: str) -> tuple[Text | Image, ...]:
    parts = []
    for number, part in enumerate(from_content(message.get("content"), f"{param}.content", READERS)):
        if not isinstance(part, Text | Image):
            raise invalid(f"{param}.content[{number}]", "text or an image")
        parts.append(part)
    return tuple(parts)


def _image(part: Body, param: str) -> Image:
    """OpenAI's form is an object with a url; some clients send the plain string."""
    param, image = f"{param}.image_url", part.get("image_url")
    image = {"url": image} if isinstance(image, str) else fields.mapping(image, param)
    return Image(fields.required_string(image, "url", param, "a URL or a data URL"))


def _file(part: Body, param: str) -> File:
    file, param = fields.required_object(part, "file", param)
    name = fields.string(file, "filename", param)
    if file.get("file_id") is not None:
        return from_file_id(file, name, param)
    return from_file_data(file, name, param, "a data URL, or a file_id")


READERS: dict[str, Callable[[Body, str], Content]] = {
    "text": from_text,
    "refusal": partial(from_text, name="refusal"),
    "image_url": _image,
    "input_audio": from_audio,
    "file": _file,
}
