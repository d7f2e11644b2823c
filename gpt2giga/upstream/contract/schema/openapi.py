"""OpenAPI 3.0's form of a schema, and Gemini's, which is made of it -> JSON Schema. Pure.

Programs that were written for Google, and tools that were made of a service's description, bring it to every API.
"""

from __future__ import annotations

import re
from typing import Any

from gpt2giga.concurrency.waiting import give_way

# As protocol buffers number them, which Google's SDKs before google-genai send over REST.
TYPES = ("type_unspecified", "string", "number", "integer", "boolean", "array", "object", "null")
COUNTS = frozenset(f"{bound}{counted}" for bound in ("min", "max") for counted in ("Items", "Length", "Properties"))
# As Gemini's protocol buffers have them.
NAMES: dict[str, str] = {
    "defs": "$defs",
    "ref": "$ref",
    "any_of": "anyOf",
    "additional_properties": "additionalProperties",
    "property_ordering": "propertyOrdering",
    **{f"{name[:3]}_{name[3:].lower()}": name for name in COUNTS},
}
# They hold values, not schemas.
VALUES = ("default", "enum", "const", "example", "examples", "required", "dependentRequired", "propertyOrdering")
# They hold schemas by names of the client's own.
MAPS = ("properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions")
DIGITS = re.compile("[0-9]{1,9}")
# Google's documents write `#/defs/...`, and so does JSON Schema whose author calls its definitions so.
OLD_PLACE, PLACE = "#/defs/", "#/$defs/"
# Which allow no null, whatever the type beside them says.
COMBINING = ("$ref", "allOf", "anyOf", "oneOf", "const")


def to_json_schema(schema: Any) -> Any:
    """Types come in capitals or as numbers, numbers as texts, null as `nullable`. JSON Schema comes out as it is."""
    give_way()
    if isinstance(schema, list):
        return [to_json_schema(item) for item in schema]
    return _node(schema) if isinstance(schema, dict) else schema


def _node(schema: dict[str, Any]) -> dict[str, Any]:
    named = ((_keyword(written, value), value) for written, value in schema.items())
    found = {name: _value(name, value) for name, value in named}
    if found.get("type") == "type_unspecified":
        del found["type"]
    if found.get("format") == "enum":  # it says what `enum` says
        del found["format"]
    _order(found)
    return _nullable(found) if found.pop("nullable", False) is True else found


def _keyword(written: str, value: Any) -> str:
    if written == "ref" and not (isinstance(value, str) and value.startswith("#")):  # Mongoose's, which names a model
        return written
    return NAMES.get(written, written)


def _value(name: str, value: Any) -> Any:
    if name in MAPS and isinstance(value, dict):
        return {key: to_json_schema(inner) for key, inner in value.items()}
    if name == "type":
        return [_kind(word) for word in value] if isinstance(value, list) else _kind(value)
    if name == "$ref" and isinstance(value, str) and value.startswith(OLD_PLACE):
        return PLACE + value.removeprefix(OLD_PLACE)
    if name in COUNTS and isinstance(value, str) and DIGITS.fullmatch(value):
        return int(value)
    return value if name in VALUES else to_json_schema(value)


def _kind(word: Any) -> Any:
    if type(word) is int and 0 <= word < len(TYPES):
        return TYPES[word]
    return word.lower() if isinstance(word, str) else word


def _order(schema: dict[str, Any]) -> None:
    """Models write an object in the order of its schema."""
    order, properties = schema.pop("propertyOrdering", None), schema.get("properties")
    if isinstance(properties, dict) and isinstance(order, list):
        names = (name for name in (*order, *properties) if isinstance(name, str) and name in properties)
        schema["properties"] = {name: properties[name] for name in names}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    kind, enum = schema.get("type"), schema.get("enum")
    kinds = kind if isinstance(kind, list) else [kind]
    if kind and "null" not in kinds:
        schema["type"] = [*kinds, "null"]
    if isinstance(enum, list) and None not in enum:
        schema["enum"] = [*enum, None]
    if combined := {name: schema.pop(name) for name in COMBINING if name in schema}:
        union = combined.get("anyOf")
        branches = union if len(combined) == 1 and isinstance(union, list) else [combined]
        schema["anyOf"] = [*branches, {"type": "null"}]
    return schema
