"""Embeddings requests and their answers. Pure; raises BadRequest naming the parameter."""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpt2giga.dialects import fields
from gpt2giga.dialects.embeddings import check_dimensions
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.openai.tokenizer import Decode
from gpt2giga.dialects.parameters import list_ignored, Parameter
from gpt2giga.upstream.embeddings import Embedding

IGNORED: Mapping[str, Parameter] = {"user": Parameter("ignored", "", fields.string)}
IN_BASE64 = {"float": False, "base64": True}


@dataclass(frozen=True, slots=True)
class EmbeddingsRequest:
    """`model` as the client names it, empty when it names none. ignored: parameters that change nothing."""

    texts: list[str]
    model: str
    in_base64: bool
    dimensions: int | None
    ignored: tuple[str, ...]


def from_embeddings_request(body: Body, decode: Decode) -> EmbeddingsRequest:
    return EmbeddingsRequest(
        texts=from_input(body.get("input"), decode),
        model=fields.string(body, "model"),
        in_base64=fields.one_of(
            fields.string(body, "encoding_format") or "float", IN_BASE64, "encoding_format", "float or base64"
        ),
        dimensions=fields.integer(body, "dimensions", 1, 100_000),
        ignored=tuple(list_ignored(body, IGNORED)),
    )


def from_input(given: Any, decode: Decode) -> list[str]:
    """A text, texts, the tokens of one text, or lists of tokens."""
    are_tokens = isinstance(given, list) and bool(given) and type(given[0]) is int
    items = given if isinstance(given, list) and not are_tokens else [given]
    if not items:
        raise invalid("input", "at least one text")
    return [_text(item, f"input[{number}]" if items is given else "input", decode) for number, item in enumerate(items)]


def _text(item: Any, param: str, decode: Decode) -> str:
    return fields.text(decode(item, param) if isinstance(item, list) and item else item, param)


def to_embeddings(found: list[Embedding], model: str, request: EmbeddingsRequest) -> dict[str, Any]:
    check_dimensions(found, request.dimensions, "dimensions", model)
    tokens = sum(embedding.tokens for embedding in found)
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _to_base64(embedding.vector) if request.in_base64 else embedding.vector,
            }
            for index, embedding in enumerate(found)
        ],
        "model": request.model or model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _to_base64(vector: list[float]) -> str:
    """32-bit floats, little-endian, as the `openai` SDKs unpack them."""
    packed = array("f", vector)
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed.tobytes()).decode()
