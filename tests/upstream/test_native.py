"""What a schema needs of GigaChat to go up as it is."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2giga.chat import Tool
from gpt2giga.upstream.contract.facts import SCHEMA_KEYWORDS
from gpt2giga.upstream.contract.functions import to_functions
from gpt2giga.upstream.contract.schema.native import as_written, used_keywords
from gpt2giga.upstream.contract.tool_names import ToolNames

STRING = {"type": "string"}


def tool(**node: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": node}, "required": ["a"]}


@pytest.mark.parametrize(
    "schema, keywords",
    [
        (tool(type="string", description="a", enum=["x"], pattern="^x$", format="date"), set()),
        (tool(type="array", items=STRING, minItems=1), set()),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", **tool(**STRING)}, set()),
        (tool(anyOf=[STRING, {"type": "null"}]), {"unions"}),
        ({**tool(**{"$ref": "#/$defs/b"}), "$defs": {"b": STRING}}, {"references"}),
        (tool(type=["string", "null"]), {"type_lists"}),
        (tool(type="integer", enum=[1, 2]), {"integer_enums"}),
        (tool(const="x"), {"const"}),
        (tool(type="string", format="uuid"), {"formats"}),
        ({**tool(**STRING), "additionalProperties": False}, {"additional_properties"}),
        (tool(type="object"), {"open_objects"}),
        (
            tool(type="object", additionalProperties={"type": ["string", "null"]}, properties={}),
            {"additional_properties", "type_lists"},
        ),
        (tool(type="array", items={"oneOf": [tool(const=1)]}), {"unions", "const"}),
    ],
)
def test_keywords(schema: dict[str, Any], keywords: set[str]) -> None:
    assert used_keywords(as_written(schema)) == keywords and keywords <= set(SCHEMA_KEYWORDS)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        True,
        {},
        {"type": "string"},
        {"properties": {}},
        tool(),
        tool(description="no type"),
        tool(type="object", patternProperties={"^x": STRING}),
        tool(type="string", nullable=True),
        tool(anyOf="x"),
        tool(type="array", items=[STRING]),
        tool(type="str"),
        tool(type=["string", {}]),
        tool(type={}),
        tool(type="string", format={}),
        tool(type="object", properties=[]),
        tool(type="string", required=True),
        tool(type="array", items=True),
        tool(**{"if": STRING, "type": "string"}),
        tool(**{"$ref": "#/nowhere"}),
        {**tool(**{"$ref": "#/$defs/b"}), "$defs": {}},
        tool(**{"$ref": "https://example.com/schema"}),
        tool(anyOf=[]),
        tool(anyOf=[{"type": "any"}, {"type": "null"}]),
        tool(anyOf=[STRING, {"type": "null"}], default=None),  # whether null may be a default, nothing has asked
        tool(type=[]),
        tool(type="array"),
        tool(type=["string", 5]),
        tool(enum=["x"]),
        tool(type="string", enum=[]),
        tool(type="integer", enum=[1, None]),
        tool(type="string", format="uri", minLength="1"),
        tool(type="object", properties={}, additionalProperties="x"),
        {**tool(**STRING), "required": ["b"]},
    ],
)
def test_what_is_always_converted(schema: Any) -> None:
    assert used_keywords(schema) is None


def test_what_pydantic_writes_for_an_optional_value() -> None:
    """The commonest of all tools; a null default is no value of any type."""
    written = as_written({"$schema": "x", **tool(anyOf=[STRING, {"type": "null"}], default=None, title="A")})
    assert written == tool(anyOf=[STRING, {"type": "null"}], title="A") and used_keywords(written) == {"unions"}


def test_values_stay_as_they_are() -> None:
    schema = tool(type="object", properties={"default": STRING}, default={"default": None}, const={"default": None})
    assert as_written(schema) == schema


@pytest.mark.parametrize(
    "definitions",
    [
        {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}},
        {
            "a": {"$ref": "#/$defs/b"},
            "b": tool(**{"$ref": "#/$defs/c"}),
            "c": tool(anyOf=[{"$ref": "#/$defs/b"}, STRING]),
        },
    ],
)
def test_a_recursive_one_is_converted(definitions: dict[str, Any]) -> None:
    assert used_keywords({**tool(**{"$ref": "#/$defs/a"}), "$defs": definitions}) is None


def test_definitions_that_share_one() -> None:
    definitions = {"a": tool(**{"$ref": "#/$defs/c"}), "b": tool(**{"$ref": "#/$defs/c"}), "c": STRING}
    schema = {**tool(anyOf=[{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]), "$defs": definitions}
    assert used_keywords(schema) == {"unions", "references"}


def test_a_deep_one_is_converted() -> None:
    schema = STRING
    for _ in range(100):
        schema = {"type": "array", "items": schema}
    assert used_keywords(tool(**schema)) is None


def test_it_goes_up_as_it_is_where_all_of_that_is_known_to_pass() -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **tool(anyOf=[STRING, {"type": "null"}])}

    def sent(*keywords: str) -> Any:
        tools = [Tool("f", "", schema)]
        (function,) = to_functions(tools, ToolNames(["f"]), 1000, frozenset(keywords))
        return function["parameters"]

    assert sent("unions", "const") == {name: value for name, value in schema.items() if name != "$schema"}
    assert sent("const") == sent() != sent("unions")
    assert "anyOf" not in str(sent("const"))
