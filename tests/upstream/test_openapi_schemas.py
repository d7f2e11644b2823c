from __future__ import annotations

from typing import Any

import pytest

from gpt2giga.upstream.contract.schema.openapi import to_json_schema


def test_schemas() -> None:
    """Names of properties stay as they are, also where they look like the API's own."""
    schema = {
        "type": "OBJECT",
        "property_ordering": ["second_one", "nobody", "min_items"],
        "properties": {
            "min_items": {"type": "INTEGER", "format": "int32"},
            "second_one": {"anyOf": [{"type": "STRING", "maxLength": "9"}, {"ref": "#/$defs/A"}], "nullable": True},
            "third": {"type": "STRING", "format": "enum", "enum": ["A_B"], "nullable": True, "example": {"any_of": 1}},
            "fourth": {"type": "TYPE_UNSPECIFIED"},
        },
        "defs": {"A": {"type": "ARRAY", "items": {"type": "NUMBER"}, "min_items": "2"}},
    }
    found = to_json_schema(schema)
    assert [*found["properties"]] == ["second_one", "min_items", "third", "fourth"]
    assert found == {
        "type": "object",
        "properties": {
            "min_items": {"type": "integer", "format": "int32"},
            "second_one": {"anyOf": [{"type": "string", "maxLength": 9}, {"$ref": "#/$defs/A"}, {"type": "null"}]},
            "third": {"type": ["string", "null"], "enum": ["A_B", None], "example": {"any_of": 1}},
            "fourth": {},
        },
        "$defs": {"A": {"type": "array", "items": {"type": "number"}, "minItems": 2}},
    }
    assert to_json_schema(found) == found


NOTHING = {"type": "null"}


@pytest.mark.parametrize(
    "written, expected",
    [
        ({"type": "STRING", "nullable": False}, {"type": "string"}),
        ({"type": 5, "items": {"type": 1, "nullable": True}}, {"type": "array", "items": {"type": ["string", "null"]}}),
        ({"type": 0}, {}),
        ({"type": 8}, {"type": 8}),
        ({"type": True}, {"type": True}),
        ({"type": ["STRING", "NULL"]}, {"type": ["string", "null"]}),
        ({"$ref": "#/a", "nullable": True}, {"anyOf": [{"$ref": "#/a"}, NOTHING]}),
        ({"allOf": [{"type": "OBJECT"}], "nullable": True}, {"anyOf": [{"allOf": [{"type": "object"}]}, NOTHING]}),
        ({"type": ["STRING", "INTEGER"], "nullable": True}, {"type": ["string", "integer", "null"]}),
        (
            {"$ref": "#/$defs/A", "$defs": {"A": {}}, "description": "b", "nullable": True},
            {"anyOf": [{"$ref": "#/$defs/A"}, NOTHING], "$defs": {"A": {}}, "description": "b"},
        ),
        (
            {"anyOf": [{"type": "STRING"}], "allOf": [{"minLength": 1}], "nullable": True},
            {"anyOf": [{"anyOf": [{"type": "string"}], "allOf": [{"minLength": 1}]}, NOTHING]},
        ),
        (
            {"type": "STRING", "oneOf": [{"const": "a"}], "nullable": True},
            {"type": ["string", "null"], "anyOf": [{"oneOf": [{"const": "a"}]}, NOTHING]},
        ),
        ({"const": "a", "nullable": True}, {"anyOf": [{"const": "a"}, NOTHING]}),
        ({"ref": "#/defs/A", "defs": {"A": {}}}, {"$ref": "#/$defs/A", "$defs": {"A": {}}}),
        ({"$ref": "#/defs/A", "defs": {"A": {}}}, {"$ref": "#/$defs/A", "$defs": {"A": {}}}),
        ({"type": "STRING", "ref": "User"}, {"type": "string", "ref": "User"}),
        ({"nullable": True}, {}),
        ({"type": "NULL", "nullable": True}, NOTHING),
        ({"properties": {"nullable": True}}, {"properties": {"nullable": True}}),
        ({"definitions": {"any_of": {"type": "STRING"}}}, {"definitions": {"any_of": {"type": "string"}}}),
        ({"minLength": "many", "maxLength": True}, {"minLength": "many", "maxLength": True}),
        ({"enum": ["STRING", {"type": "STRING"}]}, {"enum": ["STRING", {"type": "STRING"}]}),
        (True, True),
        (None, None),
    ],
    ids=str,
)
def test_what_openapi_says_in_its_own_way(written: Any, expected: Any) -> None:
    assert to_json_schema(written) == expected
