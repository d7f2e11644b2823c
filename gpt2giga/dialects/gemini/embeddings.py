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
from gpt2giga.dialects.gemini.names import camel, objects
from gpt2giga.dialects.gemini.parameters import word
from gpt2giga.dialects.parameters import ignored, list_ignored, Parameter
from gpt2giga.upstream.embeddings import Embedding

IGNORED: Mapping[str, Parameter] = {**ignored(word, "taskType"), **ignored(fields.string, "title")}


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """dimensions: of each text, None where it may have any number of them."""

    texts: list[str]
    dimensions: list[int | None]
    ignored: tuple[str, ...]


def from_embed_request(body: Body) -> EmbedRequest:
    return _read(body, [(camel(body), "")])


def from_batch_request(body: Body) -> EmbedRequest:
    asked = [*objects(body, "requests")]
    if not asked:
        raise invalid("requests", "a list with at least one request")
    return _read(body, asked)


def _read(body: Body, asked: list[tuple[Body, str]]) -> EmbedRequest:
    fields.check_nesting(body)
    unused = dict.fromkeys(name for request, _ in asked for name in list_ignored(request, IGNORED))
    texts = [_text(request, place) for request, place in asked]
    sizes = [fields.integer(request, "outputDimensionality", 1, 100_000, place) for request, place in asked]
    return EmbedRequest(texts, sizes, tuple(unused))


def _text(request: Body, place: str) -> str:
    content, param = fields.required_object(request, "content", place)
    [message] = from_content(content, param)
    texts = [part.text for part in message.parts if isinstance(part, Text)]
    if len(texts) < len(message.parts) or not "".join(texts):
        raise invalid(f"{param}.parts", "texts that are not empty")
    return "\n".join(texts)


def to_values(found: list[Embedding], model: str, request: EmbedRequest) -> list[dict[str, Any]]:
    for wanted in dict.fromkeys(request.dimensions):
        check_dimensions(found, wanted, "outputDimensionality", model)
    return [{"values": embedding.vector} for embedding in found]
