"""Requests for images, which GigaChat's text2image draws (contract 3.1.12), and answers. Pure; raises BadRequest."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.parameters import any_integer, list_ignored, Parameter
from gpt2giga.errors import BadRequest

MOST_IMAGES = 10
# Clients send what their menus offer; here it means: draw.
PAINTERS = ("dall-e", "gpt-image", "chatgpt-image")
IGNORED: Mapping[str, Parameter] = {
    "background": Parameter("ignored", "", fields.string),
    "moderation": Parameter("ignored", "", fields.string),
    "output_compression": Parameter("ignored", "", any_integer),
    "output_format": Parameter("ignored", "", fields.string),
    "partial_images": Parameter("ignored", "", any_integer),
    "quality": Parameter("ignored", "", fields.string),
    "size": Parameter("ignored", "", fields.string),
    "style": Parameter("ignored", "", fields.string),
    "user": Parameter("ignored", "", fields.string),
}


@dataclass(frozen=True, slots=True)
class ImagesRequest:
    """`model` is empty when none of GigaChat's is named. ignored: parameters that change nothing."""

    prompt: str
    n: int
    model: str
    ignored: tuple[str, ...]


def from_images_request(body: Body) -> ImagesRequest:
    prompt, n = _prompt(body), fields.integer(body, "n", 1, MOST_IMAGES) or 1
    unused = tuple(list_ignored(body, IGNORED))
    _check_delivery(body)
    model = fields.string(body, "model")
    return ImagesRequest(prompt, n, "" if model.startswith(PAINTERS) else model, unused)


def _prompt(body: Body) -> str:
    prompt = fields.string(body, "prompt")
    if not prompt:
        raise invalid("prompt", "a text that is not empty")
    return prompt


def _check_delivery(body: Body) -> None:
    if fields.string(body, "response_format") not in ("", "b64_json"):
        raise BadRequest("Images come as b64_json: GigaChat gives no addresses for them.", param="response_format")
    if fields.boolean(body, "stream"):
        raise BadRequest("Images come when they are whole: 'stream' is not supported.", param="stream")


def to_images(images: list[bytes]) -> dict[str, Any]:
    kind = "png" if images[0].startswith(b"\x89PNG") else "jpeg"
    data = [{"b64_json": base64.b64encode(image).decode()} for image in images]
    return {"created": int(time.time()), "data": data, "output_format": kind}
