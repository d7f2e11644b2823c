"""JSON Schemas in few words, and those that the checks of the dialects' tables stand for."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias

from gpt2giga.dialects import fields
from gpt2giga.dialects.parameters import any_integer, TypeCheck, Typed

Schema: TypeAlias = dict[str, Any]

TEXT: Schema = {"type": "string"}
NOT_EMPTY: Schema = {"type": "string", "minLength": 1}
FLAG: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
COUNT: Schema = {"type": "integer", "minimum": 0}
ANYTHING: Schema = {}
TIME: Schema = {"type": "integer", "description": "Seconds since 1970"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
OF_CHECKS: dict[Any, Schema] = {
    fields.string: TEXT,
    fields.boolean: FLAG,
    fields.optional_mapping: OBJECT,
    fields.array: {"type": "array"},
    fields.texts: {"type": "array", "items": TEXT},
}
OF_TYPES: dict[type, str] = {str: "string", int: "integer", float: "number", dict: "object"}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def number(low: float, high: float) -> Schema:
    return {"type": "number", "minimum": low, "maximum": high}


def integer(low: int, high: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high}


def list_of(items: Schema, **limits: int) -> Schema:
    return {"type": "array", "items": items, **limits}


def one_of(*values: str | None) -> Schema:
    return {"enum": [*values]}


def const(value: str) -> Schema:
    return {"const": value}


def either(*schemas: Schema) -> Schema:
    return {"anyOf": [*schemas]}


def or_null(schema: Schema) -> Schema:
    """Everywhere null says the same as nothing."""
    kind = schema.get("type", "null")
    if "enum" in schema:
        schema = {**schema, "enum": [*schema["enum"], None]}
    elif kind == "null" and schema and schema != {"type": "null"}:
        return {key: schema[key] for key in ("description",) if key in schema} | either(schema, {"type": "null"})
    return schema if kind == "null" else {**schema, "type": [kind, "null"]}


def made_of(properties: dict[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    """An object of an answer; what is not `optional` is always there."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def page(item: Schema) -> Schema:
    return made_of(
        {
            "object": const("list"),
            "data": list_of(item),
            "first_id": MAYBE_TEXT,
            "last_id": MAYBE_TEXT,
            "has_more": FLAG,
        }
    )


def of_check(check: TypeCheck) -> Schema:
    if isinstance(check, partial):
        limits = check.keywords
        if check is any_integer:
            return {"type": "integer"}
        make = number if check.func is fields.number else integer
        return make(limits["low"], limits["high"])
    if isinstance(check, Typed):
        return either(*({"type": OF_TYPES[kind]} for kind in check.types))
    return OF_CHECKS[check]
