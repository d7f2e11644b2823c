"""Content of messages and of tool outputs: a text, or a list of parts. Pure; raises BadRequest naming the part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gpt2giga.chat import File, Image, Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.messages import Content, from_audio, from_content, from_file_data, from_file_id, from_text


def from_output(output: Any, param: str) -> Iterator[Text | Image]:
    """What a tool answered."""
    for part in from_content(output, param, READERS):
        if isinstance(part, File):
            raise invalid(param, "texts, and images by URL or data URL, in the output of a tool")
        yield part


def _refusal(part: Body, param: str) -> Text:
    """What the assistant said instead of an answer, when a client replays it."""
    return Text(fields.string(part, "refusal", param))


def _image(part: Body, param: str) -> Image | File:
    if part.get("file_id") is not None:
        return from_file_id(part, "", param)
    return Image(fields.required_string(part, "image_url", param, "a URL or a data URL, or a file_id"))


def _file(part: Body, param: str) -> File:
    name = fields.string(part, "filename", param)
    if part.get("file_id") is not None:
        return from_file_id(part, name, param)
    if part.get("file_url") is not None:
        return File(fields.required_string(part, "file_url", param), name)
    return from_file_data(part, name, param, "a data URL, or a file_url or file_id instead")


READERS: dict[str, Callable[[Body, str], Content]] = {
    "input_text": from_text,
    "output_text": from_text,
    "text": from_text,  # the word of Chat Completions, which clients that speak both leave in
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": from_audio,
}
