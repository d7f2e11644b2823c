"""The sources of image and document blocks: base64, an address, an uploaded file, or text. Pure; raises BadRequest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gpt2giga.chat import File, Image, Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid


def from_image(block: Body, param: str) -> Iterator[Image | File]:
    param = f"{param}.source"
    source = fields.mapping(block.get("source"), param)
    kind = source.get("type")
    if kind == "base64":
        yield Image(_data_url(source, "", param))
    elif kind == "url":
        yield Image(required(source.get("url"), f"{param}.url", "a URL"))
    elif kind == "file":
        yield _uploaded(source, "", param)
    else:
        raise invalid(f"{param}.type", "base64, url or file")


def from_document(block: Body, source: Body, param: str) -> Iterator[Text | File]:
    title = fields.string(block, "title", param)
    context = fields.string(block, "context", param)
    kind = source.get("type")
    param = f"{param}.source"
    if kind == "text":
        data = required(source.get("data"), f"{param}.data", "a string")
        yield Text("\n".join(part for part in (title, context, data) if part))
        return
    if context:
        yield Text(context)
    if kind == "base64":
        yield File(_data_url(source, "application/pdf", param), title)
    elif kind == "url":
        yield File(required(source.get("url"), f"{param}.url", "a URL"), title)
    elif kind == "file":
        yield _uploaded(source, title, param)
    else:
        raise invalid(f"{param}.type", "base64, text, url, content or file")


def required(value: Any, param: str, expected: str) -> str:
    if not isinstance(value, str) or not value:
        raise invalid(param, expected)
    return value


def _data_url(source: Body, default_type: str, param: str) -> str:
    media_type = source.get("media_type") or default_type
    media_type = required(media_type, f"{param}.media_type", "a type such as image/png")
    return f"data:{media_type};base64,{required(source.get('data'), f'{param}.data', 'base64')}"


def _uploaded(source: Body, name: str, param: str) -> File:
    return File("", name, required(source.get("file_id"), f"{param}.file_id", "the id of a file"))
