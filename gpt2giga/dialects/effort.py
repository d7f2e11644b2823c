"""How much the model should think before it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body

Effort: TypeAlias = Literal["low", "medium", "high"]

# Clients send whatever their menus offer; what GigaChat does not know is clamped.
EFFORTS: Mapping[str, Effort] = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
OPENAI_EFFORTS: Mapping[str, Effort] = {"none": "low", "minimal": "low", **EFFORTS}


def from_openai_effort(body: Body, name: str, within: str = "") -> Effort | None:
    effort = fields.string(body, name, within)
    return fields.one_of(effort, OPENAI_EFFORTS, fields.path(name, within)) if effort else None
