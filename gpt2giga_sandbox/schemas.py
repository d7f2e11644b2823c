"""Strict checks of the JSON Schema of a function's parameters (contract 3.1.4, 3.1.5, 3.1.6, 3.1.7)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from gpt2giga_sandbox.refusal import bad_json, check_types, invalid, is_a, Refusal

TYPES = {"object", "array", "string", "integer", "number", "boolean"}
FORMATS = {"date", "date-time", "time"}
KEYWORDS: dict[str, type | tuple[type, ...]] = {
    "type": (str, list),
    "description": str,
    "properties": dict,
    "required": list,
    "items": (dict, bool),
    "enum": list,
    "default": (str, int, float, bool, list, dict),
    "format": str,
    "pattern": str,
    "minimum": (int, float),
    "maximum": (int, float),
    "minLength": int,
    "maxLength": int,
    "minItems": int,
    "maxItems": int,
}
# What a character may let pass, by the kind that `schemas` names; every other keyword is one of other_keywords.
KINDS = {
    "anyOf": "unions",
    "oneOf": "unions",
    "allOf": "unions",
    "$ref": "references",
    "$defs": "references",
    "definitions": "references",
    "const": "const",
    "additionalProperties": "additional_properties",
}
EXTENDED: dict[str, type | tuple[type, ...]] = {
    "anyOf": list,
    "oneOf": list,
    "allOf": list,
    "$ref": str,
    "$defs": dict,
    "definitions": dict,
    "additionalProperties": (dict, bool),
}
# A schema with one of these needs no type.
TYPED_BY = {"anyOf", "oneOf", "allOf", "$ref", "const", "enum"}


class Schemas:
    """`passing` are the kinds that pass beside what passes everywhere."""

    def __init__(self, passing: Collection[str]) -> None:
        self.passing = passing

    def check(self, parameters: dict[str, Any]) -> None:
        if parameters.get("type", "object") != "object":
            raise invalid("type of parameters must be object")
        # The root may leave its type out: the service reports the missing properties first.
        self.node({"type": "object", **parameters}, "")

    def node(self, node: object, path: str) -> None:
        if isinstance(node, bool):
            if "other_keywords" not in self.passing:
                raise invalid(f"boolean schema in {_place(path)} is not supported")
            return
        if not isinstance(node, dict):
            raise bad_json()
        self.keywords(node, path)
        if node.get("type") == "object":
            self.object(node, path)
        if node.get("type") == "array" and "items" not in node:
            raise Refusal(422, f"Field '{_join(path, 'items')}' is missing")
        for name, child in _children(node):
            self.node(child, _join(path, name))
        if "enum" in node and "enums" not in self.passing:
            _check_enum(node, path)

    def keywords(self, node: dict[str, Any], path: str) -> None:
        for keyword in node:
            if keyword not in KEYWORDS and KINDS.get(keyword, "other_keywords") not in self.passing:
                raise invalid(f"keyword {keyword} in {_place(path)} is not supported")
        check_types(node, {**KEYWORDS, **EXTENDED})
        self.type(node, path)
        if "formats" not in self.passing and node.get("format", "date") not in FORMATS:
            raise invalid(f"format {node['format']} in {_place(path)} is not supported")

    def type(self, node: dict[str, Any], path: str) -> None:
        lists = "type_lists" in self.passing
        if "type" not in node:
            if self.passing and TYPED_BY & set(node):
                return
            raise Refusal(422, f"Field '{_join(path, 'type')}' is missing")
        named = node["type"] if lists and isinstance(node["type"], list) else [node["type"]]
        known = {*TYPES, "null"} if lists else TYPES
        if not all(isinstance(name, str) and name in known for name in named):
            raise invalid(f"type {node['type']} in {_place(path)} is not supported")

    def object(self, node: dict[str, Any], path: str) -> None:
        if "properties" not in node and "bare_objects" not in self.passing:
            raise Refusal(422, f"Field '{_join(path, 'properties')}' is missing")
        properties = node.get("properties", {})
        for name in node.get("required", []):
            if not isinstance(name, str):
                raise bad_json()
            if name not in properties and "bare_objects" not in self.passing:
                raise invalid(f"required field {name} in {_place(path)} is not among properties")


def _children(node: dict[str, Any]) -> list[tuple[str, Any]]:
    found = [(f"properties.{name}", child) for name, child in node.get("properties", {}).items()]
    found += [(name, node[name]) for name in ("items",) if name in node]
    found += [
        ("additionalProperties", child) for child in [node.get("additionalProperties")] if isinstance(child, dict)
    ]
    for union in ("anyOf", "oneOf", "allOf"):
        found += [(f"{union}.{number}", child) for number, child in enumerate(node.get(union, []))]
    for store in ("$defs", "definitions"):
        found += [(f"{store}.{name}", child) for name, child in node.get(store, {}).items()]
    return found


def _check_enum(node: dict[str, Any], path: str) -> None:
    values = node["enum"]
    strings = bool(values) and all(is_a(value, str) for value in values)
    if node.get("type") != "string" or not strings:
        raise invalid(f"enum in {_place(path)} must be a list of strings")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _place(path: str) -> str:
    return path or "parameters"
