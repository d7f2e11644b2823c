"""Fields of a Chat Completions request besides messages and tools. Pure; raises BadRequest."""

from __future__ import annotations

from typing import Any

from gpt2giga.chat import JsonFormat
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.errors import BadRequest

MOST_STOPS = 4


def from_response_format(body: Body) -> JsonFormat | None:
    wanted = body.get("response_format")
    if wanted is None:
        return None
    wanted = fields.mapping(wanted, "response_format")
    kind = wanted.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return JsonFormat()
    if kind != "json_schema":
        raise invalid("response_format.type", "text, json_object or json_schema")
    return _from_json_schema(fields.mapping(wanted.get("json_schema"), "response_format.json_schema"))


def _from_json_schema(wanted: Body) -> JsonFormat:
    """Its name and description mean nothing to GigaChat, but a wrong type shows a mistake."""
    where = "response_format.json_schema"
    for name in ("name", "description"):
        fields.string(wanted, name, where)
    schema = wanted.get("schema")
    if schema is None:
        schema = {}
    return JsonFormat(fields.mapping(schema, f"{where}.schema"), fields.boolean(wanted, "strict", where))


def from_stop(body: Body) -> tuple[str, ...]:
    stop: Any = body.get("stop")
    if stop is None:
        return ()
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or not all(isinstance(item, str) and item for item in stops):
        raise invalid("stop", "a text or a list of texts that are not empty")
    if len(stops) > MOST_STOPS:
        raise invalid("stop", f"at most {MOST_STOPS} texts")
    return tuple(stops)


def check_modalities(body: Body) -> None:
    modalities = body.get("modalities")
    if modalities is not None and modalities != ["text"]:
        raise BadRequest("GigaChat answers in text only: 'modalities' must be [\"text\"].", param="modalities")
