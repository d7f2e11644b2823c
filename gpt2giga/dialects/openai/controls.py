"""Fields of a Chat Completions request besides messages and tools. Pure; raises BadRequest."""

from __future__ import annotations

from typing import Any

from gpt2giga.chat import JsonFormat
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.json_format import from_openai_format
from gpt2giga.errors import BadRequest

MOST_STOPS = 4


def from_response_format(body: Body) -> JsonFormat | None:
    return from_openai_format(body.get("response_format"), "response_format", _from_json_schema)


def _from_json_schema(wanted: Body, param: str) -> JsonFormat:
    """Its name and description mean nothing to GigaChat, but a wrong type shows a mistake."""
    param = f"{param}.json_schema"
    wanted = fields.mapping(wanted.get("json_schema"), param)
    for name in ("name", "description"):
        fields.string(wanted, name, param)
    schema = fields.optional_mapping(wanted, "schema", param)
    return JsonFormat(schema, fields.boolean(wanted, "strict", param))


def from_stop(body: Body) -> tuple[str, ...]:
    stop: Any = body.get("stop")
    stops = fields.texts([stop] if isinstance(stop, str) else stop, "stop", "a text or a list of texts")
    if len(stops) > MOST_STOPS:
        raise invalid("stop", f"at most {MOST_STOPS} texts")
    return stops


def check_modalities(body: Body) -> None:
    modalities = body.get("modalities")
    if modalities is not None and modalities != ["text"]:
        raise BadRequest("GigaChat answers in text only: 'modalities' must be [\"text\"].", param="modalities")
