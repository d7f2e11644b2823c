"""Content of messages and of tool outputs: a text, or a list of parts. Pure; raises BadRequest naming the part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from gpt2giga.chat import File, Image, Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.responses.read import optional_string, required_string

Content: TypeAlias = Text | Image | File


def from_content(content: Any, param: str) -> Iterator[Content]:
    if isinstance(content, str):
        yield Text(content)
    elif isinstance(content, list):
        for number, item in enumerate(content):
            yield _part(item, f"{param}[{number}]")
    elif content is not None:
        raise invalid(param, "a string or a list of parts")


def from_output(output: Any, param: str) -> Iterator[Text | Image]:
    """What a tool answered."""
    for part in from_content(output, param):
        if isinstance(part, File):
            raise invalid(param, "texts, and images by URL or data URL, in the output of a tool")
        yield part


def _part(part: Any, param: str) -> Content:
    part = fields.mapping(part, param)
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in READERS:
        raise invalid(f"{param}.type", f"one of {', '.join(READERS)}; parts of type {kind!r} are not supported")
    return READERS[kind](part, param)


def _text(part: Body, param: str) -> Text:
    text = part.get("text")
    if not isinstance(text, str):
        raise invalid(f"{param}.text", "a string")
    return Text(text)


def _refusal(part: Body, param: str) -> Text:
    """What the assistant said instead of an answer, when a client replays it."""
    return Text(optional_string(part, "refusal", param))


def _image(part: Body, param: str) -> Image | File:
    if part.get("file_id") is not None:
        return File("", "", required_string(part, "file_id", param))
    return Image(required_string(part, "image_url", param, "a URL or a data URL, or a file_id"))


def _file(part: Body, param: str) -> File:
    name = optional_string(part, "filename", param)
    if part.get("file_id") is not None:
        return File("", name, required_string(part, "file_id", param))
    if part.get("file_url") is not None:
        return File(required_string(part, "file_url", param), name)
    data = required_string(part, "file_data", param, "a data URL, or a file_url or file_id instead")
    # OpenAI's own examples send bare base64 as well; the name tells the type then.
    return File(data if data.startswith("data:") else f"data:;base64,{data}", name)


def _audio(part: Body, param: str) -> File:
    audio = fields.mapping(part.get("input_audio"), f"{param}.input_audio")
    form = required_string(audio, "format", f"{param}.input_audio", "wav or mp3")
    data = required_string(audio, "data", f"{param}.input_audio", "base64")
    return File(f"data:audio/{form};base64,{data}", f"audio.{form}")


READERS: dict[str, Callable[[Body, str], Content]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,  # the word of Chat Completions, which clients that speak both leave in
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}
