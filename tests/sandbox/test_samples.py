from __future__ import annotations

from typing import Any

import pytest

from gpt2giga_sandbox.samples import sample

TREE = {
    "$ref": "#/$defs/Node",
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
            },
            "required": ["name", "next", "children"],
        }
    },
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        pytest.param({"type": "string"}, "образец", id="string"),
        pytest.param({"type": "string", "maxLength": 3}, "обр", id="maxLength"),
        pytest.param({"type": "string", "minLength": 9}, "образецъъ", id="minLength"),
        pytest.param({"type": "string", "format": "date"}, "2026-01-31", id="date"),
        pytest.param({"type": "integer"}, 1, id="integer"),
        pytest.param({"type": "integer", "minimum": 5}, 5, id="minimum"),
        pytest.param({"type": "integer", "exclusiveMinimum": 5}, 6, id="exclusiveMinimum"),
        pytest.param({"type": "integer", "maximum": -5}, -5, id="maximum"),
        pytest.param({"type": "integer", "multipleOf": 7, "minimum": 10}, 14, id="multipleOf"),
        pytest.param({"type": "number"}, 0.5, id="number"),
        pytest.param({"type": "number", "minimum": 0.1, "maximum": 0.2}, 0.1, id="narrow range"),
        pytest.param({"type": "boolean"}, True, id="boolean"),
        pytest.param({"type": "null"}, None, id="null"),
        pytest.param({"type": ["null", "integer"]}, 1, id="type list"),
        pytest.param({"enum": ["b", "a"]}, "b", id="enum"),
        pytest.param({"enum": [], "type": "boolean"}, True, id="enum without values"),
        pytest.param({"const": {"a": 1}}, {"a": 1}, id="const"),
        pytest.param({"type": "integer", "default": 8}, 8, id="default"),
        pytest.param({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 1, id="anyOf"),
        pytest.param({"oneOf": [{"type": "boolean"}]}, True, id="oneOf"),
        pytest.param({"anyOf": [True, {"type": "null"}], "type": "integer"}, 1, id="anyOf with true"),
        pytest.param({"allOf": [True], "type": "integer"}, 1, id="allOf with true"),
        pytest.param({"type": "string", "minLength": 1e1}, "образецъъъ", id="a count with a fraction"),
        pytest.param(
            {"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]},
            {"a": 1, "b": 2},
            id="allOf",
        ),
        pytest.param({"type": "array", "items": {"type": "integer"}}, [1], id="array"),
        pytest.param({"type": "array", "items": {"const": 1}, "minItems": 3}, [1, 1, 1], id="minItems"),
        pytest.param({"type": "array", "items": {"const": 1}, "maxItems": 0}, [], id="maxItems"),
        pytest.param(
            {"type": "array", "prefixItems": [{"const": 1}], "items": {"const": 2}, "minItems": 2},
            [1, 2],
            id="prefixItems",
        ),
        pytest.param({"properties": {"a": {"type": "integer"}}}, {"a": 1}, id="object without type"),
        pytest.param({"type": "object", "required": ["a"]}, {"a": "образец"}, id="required without property"),
        pytest.param({"$ref": "#/$defs/A", "$defs": {"A": {"const": 1}}}, 1, id="reference"),
        pytest.param({"$ref": "#"}, "образец", id="reference to itself"),
        pytest.param(True, None, id="boolean schema"),
    ],
)
def test_conforms(schema: Any, value: object) -> None:
    assert sample(schema) == value


def test_leaves_out_optional_properties_on_demand() -> None:
    schema = {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}}, "required": ["b"]}

    assert sample(schema, optional=False) == {"b": 2}


def test_a_recursive_schema_ends() -> None:
    node = sample(TREE)
    while node["next"] is not None:
        assert set(node) == {"name", "next", "children"}
        node = node["next"]
    assert node["children"] == []
