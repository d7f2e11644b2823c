"""The sources of image and document blocks: base64, an address, an uploaded file, or text. Pure; raises BadRequest."""

from __future__ import annotations

from collections.abc import Iterator

from gpt2giga.chat import File, Image, Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.attachments import data_url, from_file_id
from gpt2giga.dialects.fields import Body, invalid


def from_image(block: Body, param: str) -> Iterator[Image | File]:
    param = f"{param}.source"
    source = fields.mapping(block.get("source"), param)
    kind = source.get("type")
    if kind == "base64":
        yield Image(_data_url(source, "", param))
    elif kind == "url":
        yield Image(fields.required_string(source, "url", param, "a URL"))
    elif kind == "file":
        yield from_file_id(source, "", param)
    else:
        raise invalid(f"{param}.type", "base64, url or file")


def from_document(block: Body, source: Body, param: str) -> Iterator[Text | File]:
    title = fields.string(block, "title", param)
    context = fields.string(block, "context", param)
    kind = source.get("type")
    param = f"{param}.source"
    if kind == "text":
        data = fields.required_string(source, "data", param, "a string")
        yield Text("\n".join(part for part in (title, context, data) if part))
        return
    if context:
        yield Text(context)
    if kind == "base64":
        yield File(_data_url(source, "application/pdf", param), title)
    elif kind == "url":
        yield File(fields.required_string(source, "url", param, "a URL"), title)
    elif kind == "file":
        yield from_file_id(source, title, param)
    else:
        raise invalid(f"{param}.type", "base64, text, url, content or file")


def _data_url(source: Body, default_type: str, param: str) -> str:
    typed = {"media_type": source.get("media_type") or default_type}
    media_type = fields.required_string(typed, "media_type", param, "a type such as image/png")
    return data_url(fields.required_string(source, "data", param, "base64"), media_type)
