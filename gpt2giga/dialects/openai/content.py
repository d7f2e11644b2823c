"""Content of a message: a text, or a list of parts. Pure; raises BadRequest naming the part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from gpt2giga.chat import File, Image, Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import invalid

Content: TypeAlias = Text | Image | File


def from_content(content: Any, param: str) -> Iterator[Content]:
    if isinstance(content, str):
        yield Text(content)
    elif isinstance(content, list):
        for number, item in enumerate(content):
            yield _part(item, f"{param}[{number}]")
    elif content is not None:
        raise invalid(param, "a string or a list of parts")


def _part(part: Any, param: str) -> Content:
    part = fields.mapping(part, param)
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in READERS:
        raise invalid(f"{param}.type", f"one of {', '.join(READERS)}; parts of type {kind!r} are not supported")
    return READERS[kind](part.get(kind), f"{param}.{kind}")


def _text(text: Any, param: str) -> Text:
    if not isinstance(text, str):
        raise invalid(param, "a string")
    return Text(text)


def _image(image: Any, param: str) -> Image:
    """OpenAI's form is an object with a url; some clients send the plain string."""
    url = image if isinstance(image, str) else fields.mapping(image, param).get("url")
    return Image(_required(url, f"{param}.url", "a URL or a data URL"))


def _audio(audio: Any, param: str) -> File:
    audio = fields.mapping(audio, param)
    data = _required(audio.get("data"), f"{param}.data", "base64")
    form = _required(audio.get("format"), f"{param}.format", "wav or mp3")
    return File(f"data:audio/{form};base64,{data}", f"audio.{form}")


def _file(file: Any, param: str) -> File:
    file = fields.mapping(file, param)
    name = file.get("filename") or ""
    if not isinstance(name, str):
        raise invalid(f"{param}.filename", "a string")
    if file.get("file_id") is not None:
        return File("", name, _required(file["file_id"], f"{param}.file_id", "the id of a file"))
    data = _required(file.get("file_data"), f"{param}.file_data", "a data URL, or a file_id")
    # OpenAI's own examples send bare base64 as well; the name tells the type then.
    return File(data if data.startswith("data:") else f"data:;base64,{data}", name)


def _required(value: Any, param: str, expected: str) -> str:
    if not isinstance(value, str) or not value:
        raise invalid(param, expected)
    return value


# Each part's value stands under the name of its type.
READERS: dict[str, Callable[[Any, str], Content]] = {
    "text": _text,
    "refusal": _text,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
}
