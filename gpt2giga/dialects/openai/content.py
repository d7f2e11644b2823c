"""Content of a message: a text, or a list of parts. Pure; raises BadRequest naming the part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from gpt2giga.chat import File, Image, Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.attachments import from_audio, from_file_data, from_file_id
from gpt2giga.dialects.fields import Body
from gpt2giga.dialects.messages import from_text, reader_of, to_parts

Content: TypeAlias = Text | Image | File


def from_content(content: Any, param: str) -> Iterator[Content]:
    for part, place in to_parts(content, param):
        yield reader_of(part.get("type"), READERS, place)(part, place)


def _refusal(part: Body, param: str) -> Text:
    return from_text(part, param, "refusal")


def _image(part: Body, param: str) -> Image:
    """OpenAI's form is an object with a url; some clients send the plain string."""
    param, image = f"{param}.image_url", part.get("image_url")
    image = {"url": image} if isinstance(image, str) else fields.mapping(image, param)
    return Image(fields.required_string(image, "url", param, "a URL or a data URL"))


def _file(part: Body, param: str) -> File:
    param, file = f"{param}.file", fields.mapping(part.get("file"), f"{param}.file")
    name = fields.string(file, "filename", param)
    if file.get("file_id") is not None:
        return from_file_id(file, name, param)
    return from_file_data(file, name, param, "a data URL, or a file_id")


READERS: dict[str, Callable[[Body, str], Content]] = {
    "text": from_text,
    "refusal": _refusal,
    "image_url": _image,
    "input_audio": from_audio,
    "file": _file,
}
