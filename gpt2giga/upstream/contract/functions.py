"""Tools as clients send them -> GigaChat's functions, the same on both of its interfaces. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from gpt2giga.bounded_json import has_more_values
from gpt2giga.chat import Tool
from gpt2giga.errors import BadRequest
from gpt2giga.upstream.contract.schema.remembered import Conversions
from gpt2giga.upstream.contract.tool_names import ToolNames

conversions = Conversions(1024 * 1024)


def to_functions(
    tools: Sequence[Tool], names: ToolNames, most_values: int, native: frozenset[str] | None = frozenset()
) -> list[dict[str, Any]]:
    """native: the keywords that may go up as they are, None for all there are; a schema that needs others is
    converted, and without any all are.

    Raises BadRequest for schemas of more than so many values in all of them.
    """
    schemas = [orjson.dumps(tool.parameters) for tool in tools]
    if sum(map(len, schemas)) > most_values and has_more_values(b",".join(schemas), most_values):
        raise BadRequest(
            f"The schemas of the tools have more than the {most_values} values that GPT2GIGA_MAX_SCHEMA_VALUES allows.",
            param="tools",
        )
    return [
        {
            **tool.extras,
            "name": names.to_gigachat(tool.name),
            "description": tool.description,
            "parameters": _parameters(schema, native),
        }
        for tool, schema in zip(tools, schemas, strict=True)
    ]


def _parameters(schema: bytes, native: frozenset[str] | None) -> dict[str, Any]:
    conversion = conversions.of(schema)
    is_native = isinstance(conversion.native, dict) if native is None else False
    if native and conversion.keywords is not None:
        is_native = conversion.keywords <= native
    return conversion.native if is_native else conversion.parameters


def native_keywords(tools: Sequence[Tool], native: frozenset[str]) -> frozenset[str]:
    """Those that went up as they are; to ask for when GigaChat has refused a request."""
    used = [conversions.of(orjson.dumps(tool.parameters)).keywords for tool in tools]
    return frozenset().union(*(found for found in used if found and found <= native))
