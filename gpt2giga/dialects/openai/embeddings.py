"""POST /v1/embeddings."""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response

from gpt2giga.chat import Usage
from gpt2giga.config.settings import Settings
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.openai import tokenizer
from gpt2giga.dialects.openai.parameters import ignored, TypeCheck
from gpt2giga.dialects.openai.tokenizer import Decode
from gpt2giga.telemetry import request_log
from gpt2giga.upstream.client import GetUpstream
from gpt2giga.upstream.embeddings import Embedding
from gpt2giga.web.body import ignored_header, json_body, json_response

# Names the texts, by number, whose embedding is the mean of their parts.
AVERAGED_HEADER = "X-Gpt2giga-Averaged"
IGNORED: Mapping[str, TypeCheck] = {"user": fields.string}


def blueprint(settings: Settings, get_upstream: GetUpstream) -> Blueprint:
    """Raises SettingsError."""
    embeddings = Blueprint("openai_embeddings", __name__)
    decode = tokenizer.load(settings.tokenizer_file)

    @embeddings.post("/embeddings")
    def create() -> Response:
        body = json_body()
        texts, in_base64 = from_input(body.get("input"), decode), _in_base64(body)
        asked, dimensions = fields.string(body, "model"), fields.integer(body, "dimensions", 1, 100_000)
        unused = ignored(body, IGNORED)
        upstream = get_upstream()
        model = upstream.catalog.embedder(asked)
        record = request_log.record().opened(model, body)
        found = upstream.embed(texts, model)
        _check_dimensions(dimensions, found, model)
        record.usage = Usage(prompt=sum(embedding.tokens for embedding in found))
        response = json_response(to_embeddings(found, asked or model, in_base64=in_base64))
        response.headers.update(ignored_header(unused))
        averaged = [str(number) for number, embedding in enumerate(found) if embedding.averaged]
        if averaged:
            response.headers[AVERAGED_HEADER] = ",".join(averaged)
        return response

    return embeddings


def from_input(given: Any, decode: Decode) -> list[str]:
    """A text, texts, the tokens of one text, or lists of tokens."""
    items = given if isinstance(given, list) and not _are_tokens(given) else [given]
    if not items:
        raise invalid("input", "at least one text")
    return [_text(item, f"input[{number}]" if items is given else "input", decode) for number, item in enumerate(items)]


def _text(item: Any, param: str, decode: Decode) -> str:
    text = decode(item, param) if isinstance(item, list) and item else item
    if not isinstance(text, str) or not text:
        raise invalid(param, "a text that is not empty")
    return text


def _are_tokens(items: list[Any]) -> bool:
    return bool(items) and isinstance(items[0], int) and not isinstance(items[0], bool)


def _in_base64(body: Body) -> bool:
    form = fields.string(body, "encoding_format") or "float"
    if form not in ("float", "base64"):
        raise invalid("encoding_format", "float or base64")
    return form == "base64"


def _check_dimensions(wanted: int | None, found: list[Embedding], model: str) -> None:
    """A vector cut to fewer numbers would mean something else; that is for the client to decide."""
    given = len(found[0].vector)
    if wanted is not None and wanted != given:
        raise invalid("dimensions", f"{given}, which is what {model} gives")


def to_embeddings(found: list[Embedding], model: str, *, in_base64: bool) -> dict[str, Any]:
    tokens = sum(embedding.tokens for embedding in found)
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _packed(embedding.vector) if in_base64 else embedding.vector,
            }
            for index, embedding in enumerate(found)
        ],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _packed(vector: list[float]) -> str:
    """32-bit floats, little-endian, as the `openai` SDKs unpack them."""
    packed = array("f", vector)
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed.tobytes()).decode()
