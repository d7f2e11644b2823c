"""What the messages of all dialects have in common: who speaks, and content that is a text or a list of parts.

Recordings and files stand in it as base64, or by the id of an upload.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeAlias, TypeVar

from gpt2giga.chat import File, Image, Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid

T = TypeVar("T")
Content: TypeAlias = Text | Image | File
Role: TypeAlias = Literal["system", "user", "assistant"]

OPENAI_ROLES: Mapping[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def required_messages(body: Body) -> list[Any]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("messages", "a list with at least one message")
    return messages


def to_parts(content: Any, param: str, called: str = "parts") -> Iterator[tuple[Body, str]]:
    """Each part of the content, and where it stands. A text alone is one part."""
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if content is not None and not isinstance(content, list):
        raise invalid(param, f"a string or a list of {called}")
    return fields.each_object(content or (), param)


def reader_of(kind: Any, readers: Mapping[str, T], param: str, called: str = "parts") -> T:
    if not isinstance(kind, str) or kind not in readers:
        raise invalid(f"{param}.type", f"one of {', '.join(readers)}; {called} of type {kind!r} are not supported")
    return readers[kind]


def from_content(content: Any, param: str, readers: Mapping[str, Callable[[Body, str], Content]]) -> Iterator[Content]:
    for part, place in to_parts(content, param):
        yield reader_of(part.get("type"), readers, place)(part, place)


def from_text(part: Body, param: str, name: str = "text") -> Text:
    text = part.get(name)
    if not isinstance(text, str):
        raise invalid(f"{param}.{name}", "a string")
    return Text(text)


def data_url(data: str, media_type: str = "") -> str:
    return f"data:{media_type};base64,{data}"


def from_audio(part: Body, param: str) -> File:
    audio, param = fields.required_object(part, "input_audio", param)
    data = fields.required_string(audio, "data", param, "base64")
    form = fields.required_string(audio, "format", param, "wav or mp3")
    return File(data_url(data, f"audio/{form}"), f"audio.{form}")


def from_file_data(file: Body, name: str, param: str, expected: str) -> File:
    """OpenAI's own examples send bare base64 as well as data URLs; the name tells the type then."""
    data = fields.required_string(file, "file_data", param, expected)
    return File(data if data.startswith("data:") else data_url(data), name)


def from_file_id(file: Body, name: str, param: str) -> File:
    return File("", name, fields.required_string(file, "file_id", param, "the id of a file"))
