"""The form that OpenAI's clients ask of an answer's text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpt2giga.chat import JsonFormat
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid


def from_openai_format(wanted: Any, param: str, from_schema: Callable[[Body, str], JsonFormat]) -> JsonFormat | None:
    """from_schema: reads the type json_schema, which stands in another place in each API."""
    if wanted is None:
        return None
    wanted = fields.mapping(wanted, param)
    kind = wanted.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return JsonFormat()
    if kind != "json_schema":
        raise invalid(f"{param}.type", "text, json_object or json_schema")
    return from_schema(wanted, param)
