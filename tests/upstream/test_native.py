"""What a schema needs of GigaChat to go up as it is."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2giga.chat import Tool
from gpt2giga.upstream.contract.facts import SCHEMA_KEYWORDS
from gpt2giga.upstream.contract.functions import to_functions
from gpt2giga.upstream.contract.schema.native import used_keywords
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
    assert used_keywords(schema) == keywords and keywords <= set(SCHEMA_KEYWORDS)


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
