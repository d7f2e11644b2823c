"""The refusals of function declarations (contract 3.1.1, 3.1.3, 3.1.4, 3.1.6, 3.1.7, 3.1.9)."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2giga_sandbox.rules import check_chat

from .bodies import declares, EMPTY, refusal, SYNTAX
from .conftest import chat_body


def names(name: str) -> tuple[int, str]:
    return 422, (
        "Invalid params: Invalid function names. Only Latin letters (A-Z or a-z), underscore (_), hyphen (-),"
        f" dot (.) and digits (not leading) are allowed.: [{name}]"
    )


def parameters(**properties: Any) -> dict[str, Any]:
    return declares(parameters={"type": "object", "properties": properties})


def unsupported(keyword: str) -> tuple[int, str]:
    return 422, f"Invalid params: keyword {keyword} in properties.a is not supported"


def missing(path: str) -> tuple[int, str]:
    return 422, f"Field '{path}' is missing"


FUNCTIONS = [
    ("functions of wrong type", {"functions": {}}, SYNTAX),
    ("function of wrong type", {"functions": ["f"]}, SYNTAX),
    ("leading digit", declares(name="1f"), names("1f")),
    ("hyphen", declares(name="a-b"), names("a-b")),
    ("dot", declares(name="a.b"), names("a.b")),
    ("Cyrillic", declares(name="погода"), names("погода")),
    ("65 characters", declares(name="f" * 65), names("f" * 65)),
    ("trailing newline", declares(name="f\n"), names("f\n")),
    ("no name", {"functions": [{"parameters": EMPTY["parameters"]}]}, names("")),
    *(
        (
            f"built-in {name}",
            declares(name=name),
            (422, f"Invalid params: function name {name} is taken by a built-in function"),
        )
        for name in ("web_search", "text2image", "code_interpreter")
    ),
    ("same name twice", {"functions": [EMPTY, EMPTY]}, (422, "Invalid params: function name f is not unique")),
    ("no parameters", {"functions": [{"name": "f"}]}, missing("parameters")),
    ("empty parameters", declares(parameters={}), missing("properties")),
    ("bare object parameters", declares(parameters={"type": "object"}), missing("properties")),
    (
        "array parameters",
        declares(parameters={"type": "array", "items": {"type": "string"}}),
        (422, "Invalid params: type of parameters must be object"),
    ),
    ("example of wrong type", declares(few_shot_examples=["a"]), SYNTAX),
    ("nested object without properties", parameters(data={"type": "object"}), missing("properties.data.properties")),
    (
        "object in items without properties",
        parameters(a={"type": "array", "items": {"type": "object"}}),
        missing("properties.a.items.properties"),
    ),
    (
        "deep object without properties",
        parameters(a={"type": "object", "properties": {"b": {"type": "object"}}}),
        missing("properties.a.properties.b.properties"),
    ),
    ("array without items", parameters(a={"type": "array"}), missing("properties.a.items")),
    ("no type", parameters(a={"description": "b"}), missing("properties.a.type")),
    (
        "type list",
        parameters(a={"type": ["string", "null"]}),
        (422, "Invalid params: type ['string', 'null'] in properties.a is not supported"),
    ),
    ("type null", parameters(a={"type": "null"}), (422, "Invalid params: type null in properties.a is not supported")),
    ("boolean schema", parameters(a=True), (422, "Invalid params: boolean schema in properties.a is not supported")),
    (
        "boolean items",
        parameters(a={"type": "array", "items": True}),
        (422, "Invalid params: boolean schema in properties.a.items is not supported"),
    ),
    ("schema of wrong type", parameters(a="string"), SYNTAX),
    ("items list", parameters(a={"type": "array", "items": [{"type": "string"}]}), SYNTAX),
    ("properties list", declares(parameters={"type": "object", "properties": []}), SYNTAX),
    *(
        (f"keyword {keyword}", parameters(a={"type": "string", keyword: value}), unsupported(keyword))
        for keyword, value in {
            "anyOf": [{"type": "string"}],
            "oneOf": [{"type": "string"}],
            "allOf": [{"type": "string"}],
            "$ref": "#/$defs/A",
            "$defs": {},
            "const": "a",
            "patternProperties": {},
            "additionalProperties": False,
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "nullable": True,
            "exclusiveMinimum": 0,
            "title": "A",
        }.items()
    ),
    (
        "keyword at the root",
        declares(parameters={**EMPTY["parameters"], "additionalProperties": False}),  # type: ignore[dict-item]
        (422, "Invalid params: keyword additionalProperties in parameters is not supported"),
    ),
    (
        "format int32",
        parameters(a={"type": "integer", "format": "int32"}),
        (422, "Invalid params: format int32 in properties.a is not supported"),
    ),
    (
        "integer enum",
        parameters(a={"type": "integer", "enum": [1, 2]}),
        (422, "Invalid params: enum in properties.a must be a list of strings"),
    ),
    (
        "mixed enum",
        parameters(a={"type": "string", "enum": ["a", None]}),
        (422, "Invalid params: enum in properties.a must be a list of strings"),
    ),
    (
        "empty enum",
        parameters(a={"type": "string", "enum": []}),
        (422, "Invalid params: enum in properties.a must be a list of strings"),
    ),
    (
        "required without property",
        declares(parameters={"type": "object", "properties": {}, "required": ["a"]}),
        (422, "Invalid params: required field a in parameters is not among properties"),
    ),
    ("required of wrong type", declares(parameters={"type": "object", "properties": {}, "required": True}), SYNTAX),
    ("required name of wrong type", declares(parameters={"type": "object", "properties": {}, "required": [1]}), SYNTAX),
    (
        "function_call required",
        {**declares(), "function_call": "required"},
        (422, "Invalid params: unknown function_call mode required"),
    ),
    (
        "function_call of an unknown function",
        {**declares(), "function_call": {"name": "g"}},
        (422, "Invalid params: function g of function_call is not in functions"),
    ),
    ("function_call of wrong type", {**declares(), "function_call": True}, SYNTAX),
]


@pytest.mark.parametrize(("fields", "expected"), [row[1:] for row in FUNCTIONS], ids=[row[0] for row in FUNCTIONS])
def test_refuses(fields: dict[str, Any], expected: tuple[int, str]) -> None:
    assert refusal(chat_body(**fields)) == expected


RICH = {
    "type": "object",
    "description": "всё, что понимают все модели",
    "properties": {
        "city": {"type": "string", "description": "город", "minLength": 1, "maxLength": 50, "pattern": "^.+$"},
        "unit": {"type": "string", "enum": ["c", "f"], "default": "c"},
        "day": {"type": "string", "format": "date"},
        "days": {"type": "integer", "minimum": 1, "maximum": 10},
        "exact": {"type": "boolean"},
        "share": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 0, "maxItems": 3},
        "place": {"type": "object", "properties": {"lat": {"type": "number"}}, "required": ["lat"]},
        # A property may bear the name of a refused keyword.
        "anyOf": {"type": "string"},
    },
    "required": ["city", "anyOf"],
}


def test_accepts_what_every_model_understands() -> None:
    check_chat(chat_body(**declares(parameters=RICH)))
