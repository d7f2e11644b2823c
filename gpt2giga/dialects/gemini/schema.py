"""The API's own form of a schema -> JSON Schema. Pure."""

from __future__ import annotations

import re
from typing import Any

from gpt2giga.concurrency.waiting import give_way
from gpt2giga.dialects.gemini.names import camel

# They hold values, not schemas.
VALUES = ("default", "enum", "const", "example", "examples", "required", "propertyOrdering")
COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
NAMES = {"defs": "$defs", "ref": "$ref"}
MAPS = ("properties", "$defs")
DIGITS = re.compile("[0-9]{1,9}")
UNSPECIFIED = "type_unspecified"


def to_json_schema(schema: Any) -> Any:
    """Types come in capitals, numbers as texts, and null as `nullable`. JSON Schema itself comes out as it is."""
    give_way()
    if isinstance(schema, list):
        return [to_json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for written, value in camel(schema).items():
        name = NAMES.get(written, written)
        if name in MAPS and isinstance(value, dict):
            found[name] = {key: to_json_schema(inner) for key, inner in value.items()}
        elif name == "type" and isinstance(value, str):
            found[name] = value.lower()
        elif name in COUNTS and isinstance(value, str) and DIGITS.fullmatch(value):
            found[name] = int(value)
        else:
            found[name] = value if name in VALUES else to_json_schema(value)
    order, is_nullable = found.pop("propertyOrdering", None), found.pop("nullable", False) is True
    if found.get("type") == UNSPECIFIED:
        del found["type"]
    if found.get("format") == "enum":  # it says what `enum` says
        del found["format"]
    properties = found.get("properties")
    if isinstance(properties, dict) and isinstance(order, list):  # models write an object in the order of its schema
        names = (name for name in (*order, *properties) if isinstance(name, str) and name in properties)
        found["properties"] = {name: properties[name] for name in names}
    return _nullable(found) if is_nullable else found


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("type"), str) and schema["type"] != "null":
        schema["type"] = [schema["type"], "null"]
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    if isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    return schema
