"""Moderation requests, which GigaChat's filter decides (contract 2.20), and their answers. Pure; raises BadRequest."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.errors import BadRequest
from gpt2giga.upstream.contract.filter import FILTER, Verdict

# Each is a request to GigaChat.
MOST_INPUTS = 32
# OpenAI's. GigaChat names none of its own.
CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


@dataclass(frozen=True, slots=True)
class ModerationRequest:
    """`model` as the client names it, empty when it names none."""

    texts: list[str]
    model: str


def from_moderation_request(body: Body) -> ModerationRequest:
    return ModerationRequest(_texts(body.get("input")), fields.string(body, "model"))


def _texts(given: Any) -> list[str]:
    """A text, texts, or parts, which are one input together."""
    if isinstance(given, str):
        return [fields.text(given, "input")]
    if not isinstance(given, list) or not given:
        raise invalid("input", "a text or a list of at least one")
    if isinstance(given[0], dict):
        return ["\n".join(_part(part, place) for part, place in fields.each_object(given, "input"))]
    if len(given) > MOST_INPUTS:
        raise invalid("input", f"at most {MOST_INPUTS} texts")
    return [fields.text(text, f"input[{number}]") for number, text in enumerate(given)]


def _part(part: Body, place: str) -> str:
    kind = fields.required_string(part, "type", place)
    if kind == "image_url":
        raise BadRequest("Only texts are moderated here: no images.", param=place, code="invalid_value")
    if kind != "text":
        raise invalid(f"{place}.type", "text")
    return fields.required_string(part, "text", place)


def to_moderation(verdicts: Sequence[Verdict], request: ModerationRequest) -> dict[str, Any]:
    return {
        "id": f"modr-{uuid.uuid4().hex}",
        "model": request.model or FILTER,
        "results": [_result(verdict) for verdict in verdicts],
    }


def _result(verdict: Verdict) -> dict[str, Any]:
    """No category is made up for what is flagged: GigaChat does not say which restriction was met."""
    return {
        "flagged": verdict.is_flagged,
        "categories": dict.fromkeys(CATEGORIES, False),
        "category_scores": dict.fromkeys(CATEGORIES, 0.0),
        "category_applied_input_types": {category: [] for category in CATEGORIES},
    }
