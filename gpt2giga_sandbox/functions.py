"""Strict checks of the declared functions (contract 3.1.1, 3.1.3, 3.1.4, 3.1.6, 3.1.7, 3.1.9).

Where these rules call something disputed or weak, or say nothing, the sandbox refuses it:
a client that passes here sends only what every account of the service agrees on.
"""

from __future__ import annotations

import re
from typing import Any

from gpt2giga_sandbox.refusal import bad_json, check_types, invalid, is_a, Refusal

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
BAD_NAME = (
    "Invalid function names. Only Latin letters (A-Z or a-z), underscore (_), hyphen (-), dot (.)"
    " and digits (not leading) are allowed.: [{}]"
)
BUILT_IN = {
    "code_interpreter",
    "get_file_content",
    "image_generate",
    "model_3d_generate",
    "text2image",
    "text2model3d",
    "url_content_extraction",
    "web_search",
}
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
DECLARATION: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "description": str,
    "parameters": dict,
    "few_shot_examples": list,
    "return_parameters": dict,
}


def check_functions(functions: list[Any]) -> None:
    names: set[str] = set()
    for function in functions:
        if not isinstance(function, dict):
            raise bad_json()
        check_types(function, DECLARATION)
        _check_name(function.get("name", ""), names)
        _check_examples(function.get("few_shot_examples", []))
        if "parameters" not in function:
            raise Refusal(422, "Field 'parameters' is missing")
        _check_parameters(function["parameters"])


def _check_name(name: str, seen: set[str]) -> None:
    if not NAME.fullmatch(name):
        raise invalid(BAD_NAME.format(name))
    if name in BUILT_IN:
        raise invalid(f"function name {name} is taken by a built-in function")
    if name in seen:
        raise invalid(f"function name {name} is not unique")
    seen.add(name)


def _check_examples(examples: list[Any]) -> None:
    for example in examples:
        if not isinstance(example, dict):
            raise bad_json()
        check_types(example, {"request": str, "params": dict})


def _check_parameters(parameters: dict[str, Any]) -> None:
    if parameters.get("type", "object") != "object":
        raise invalid("type of parameters must be object")
    # The root may leave its type out: the service reports the missing properties first.
    _check_node({"type": "object", **parameters}, "")


def _check_node(node: object, path: str) -> None:
    if isinstance(node, bool):
        raise invalid(f"boolean schema in {_place(path)} is not supported")
    if not isinstance(node, dict):
        raise bad_json()
    _check_keywords(node, path)
    if node["type"] == "object":
        _check_object(node, path)
    if node["type"] == "array":
        if "items" not in node:
            raise Refusal(422, f"Field '{_join(path, 'items')}' is missing")
        _check_node(node["items"], _join(path, "items"))
    if "enum" in node:
        _check_enum(node, path)


def _check_keywords(node: dict[str, Any], path: str) -> None:
    for keyword in node:
        if keyword not in KEYWORDS:
            raise invalid(f"keyword {keyword} in {_place(path)} is not supported")
    check_types(node, KEYWORDS)
    if "type" not in node:
        raise Refusal(422, f"Field '{_join(path, 'type')}' is missing")
    if isinstance(node["type"], list) or node["type"] not in TYPES:
        raise invalid(f"type {node['type']} in {_place(path)} is not supported")
    if node.get("format", "date") not in FORMATS:
        raise invalid(f"format {node['format']} in {_place(path)} is not supported")


def _check_object(node: dict[str, Any], path: str) -> None:
    if "properties" not in node:
        raise Refusal(422, f"Field '{_join(path, 'properties')}' is missing")
    properties = node["properties"]
    for name in node.get("required", []):
        if not isinstance(name, str):
            raise bad_json()
        if name not in properties:
            raise invalid(f"required field {name} in {_place(path)} is not among properties")
    for name, child in properties.items():
        _check_node(child, _join(path, f"properties.{name}"))


def _check_enum(node: dict[str, Any], path: str) -> None:
    values = node["enum"]
    strings = bool(values) and all(is_a(value, str) for value in values)
    if node["type"] != "string" or not strings:
        raise invalid(f"enum in {_place(path)} must be a list of strings")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _place(path: str) -> str:
    return path or "parameters"
