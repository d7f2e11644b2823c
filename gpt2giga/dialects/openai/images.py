"""POST /v1/images/generations, by GigaChat's built-in text2image (contract 3.1)."""

from __future__ import annotations

import base64
import time

from flask import Blueprint
from flask import Response

from gpt2giga import http
from gpt2giga import logs
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import invalid
from gpt2giga.dialects.openai.parameters import IGNORED_HEADER
from gpt2giga.errors import BadRequest
from gpt2giga.upstream.client import GetUpstream

MOST_IMAGES = 4
IGNORED = ("background", "moderation", "output_compression", "output_format", "quality", "size", "style", "user")


def blueprint(get_upstream: GetUpstream) -> Blueprint:
    images = Blueprint("openai_images", __name__)

    @images.post("/images/generations")
    def create() -> Response:
        body = http.json_body()
        prompt = fields.string(body, "prompt")
        if not prompt:
            raise invalid("prompt", "a text that is not empty")
        if fields.string(body, "response_format") == "url":
            raise BadRequest("Images come as b64_json: GigaChat gives no addresses for them.", param="response_format")
        upstream = get_upstream()
        asked = fields.string(body, "model")
        logs.record().opened(asked, body)
        wanted = fields.integer(body, "n", 1, MOST_IMAGES) or 1
        data = [base64.b64encode(upstream.draw(prompt, asked)).decode() for _ in range(wanted)]
        response = http.json_response(
            {"created": int(time.time()), "data": [{"b64_json": image} for image in data], "output_format": "jpeg"}
        )
        ignored = [name for name in IGNORED if body.get(name) is not None]
        if ignored:
            response.headers[IGNORED_HEADER] = ", ".join(ignored)
        return response

    return images
