"""POST /v1/images/generations, by GigaChat's built-in text2image (contract 3.1)."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response

from gpt2giga.chat import Usage
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.openai.parameters import an_integer, ignored, TypeCheck
from gpt2giga.errors import BadRequest
from gpt2giga.telemetry import request_log
from gpt2giga.upstream.client import GetUpstream
from gpt2giga.web.body import ignored_header, json_body, json_response

MOST_IMAGES = 10
# Clients send what their menus offer; here it means: draw.
PAINTERS = ("dall-e", "gpt-image", "chatgpt-image")
IGNORED: Mapping[str, TypeCheck] = {
    "background": fields.string,
    "moderation": fields.string,
    "output_compression": an_integer,
    "output_format": fields.string,
    "partial_images": an_integer,
    "quality": fields.string,
    "size": fields.string,
    "style": fields.string,
    "user": fields.string,
}


def blueprint(get_upstream: GetUpstream) -> Blueprint:
    images = Blueprint("openai_images", __name__)

    @images.post("/images/generations")
    def create() -> Response:
        body = json_body()
        prompt, n, unused = _prompt(body), fields.integer(body, "n", 1, MOST_IMAGES) or 1, ignored(body, IGNORED)
        _check_delivery(body)
        model = fields.string(body, "model")
        upstream = get_upstream()
        asked = "" if model.startswith(PAINTERS) else model
        record = request_log.record().opened(upstream.catalog.shown(asked), body)
        drawings = [upstream.draw(prompt, asked) for _ in range(n)]
        record.usage = sum((usage for _, usage in drawings), Usage())
        response = json_response(to_images([image for image, _ in drawings]))
        response.headers.update(ignored_header(unused))
        return response

    return images


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
