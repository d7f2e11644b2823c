"""embedContent and batchEmbedContents requests, and their answers. Pure; raises BadRequest naming the parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpt2giga.chat import Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.embeddings import check_dimensions
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.gemini.contents import from_content
from gpt2giga.dialects.gemini.names import camel
from gpt2giga.dialects.parameters import list_ignored, Parameter
from gpt2giga.upstream.embeddings import Embedding

IGNORED: Mapping[str, Parameter] = {
    "taskType": Parameter("ignored", "", fields.string),
    "title": Parameter("ignored", "", fields.string),
}


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """dimensions: of each text, None where it may have any number of them."""

    texts: list[str]
    dimensions: list[int | None]
    ignored: tuple[str, ...]


def from_embed_request(body: Body) -> EmbedRequest:
    return _read([(body, "")])


def from_batch_request(body: Body) -> EmbedRequest:
    asked = [*fields.objects(body, "requests")]
    if not asked:
        raise invalid("requests", "a list with at least one request")
    return _read(asked)


def _read(asked: list[tuple[Body, str]]) -> EmbedRequest:
    requests = [(camel(request), place) for request, place in asked]
    ignored = dict.fromkeys(name for request, _ in requests for name in list_ignored(request, IGNORED))
    texts = [_text(request, place) for request, place in requests]
    sizes = [fields.integer(request, "outputDimensionality", 1, 100_000, place) for request, place in requests]
    return EmbedRequest(texts, sizes, tuple(ignored))


def _text(request: Body, place: str) -> str:
    param = fields.path("content", place)
    if request.get("content") is None:
        raise invalid(param, "a content with a text")
    [message] = from_content(request["content"], param)
    if not all(isinstance(part, Text) for part in message.parts):
        raise invalid(f"{param}.parts", "texts")
    text = "\n".join(part.text for part in message.parts if isinstance(part, Text))
    if not text:
        raise invalid(f"{param}.parts", "a text that is not empty")
    return text


def to_embedding(found: list[Embedding], model: str, request: EmbedRequest) -> dict[str, Any]:
    return {"embedding": _to_values(found, model, request)[0]}


def to_embeddings(found: list[Embedding], model: str, request: EmbedRequest) -> dict[str, Any]:
    return {"embeddings": _to_values(found, model, request)}


def _to_values(found: list[Embedding], model: str, request: EmbedRequest) -> list[dict[str, Any]]:
    for wanted in dict.fromkeys(request.dimensions):
        check_dimensions(found, wanted, "outputDimensionality", model)
    return [{"values": embedding.vector} for embedding in found]
