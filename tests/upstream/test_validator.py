"""Schemas as clients send them: used, or refused with a BadRequest; never anything else."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2giga.errors import BadRequest
from gpt2giga.upstream.emulation.validator import from_clients_schema, validator

MOST_VALUES = 50_000
PLACE = "text.format.schema"
KEYS = [
    "$schema",
    "$id",
    "$ref",
    "$defs",
    "$anchor",
    "$dynamicRef",
    "$dynamicAnchor",
    "$recursiveRef",
    "id",
    "type",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "anyOf",
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "enum",
    "const",
    "pattern",
    "patternProperties",
    "prefixItems",
    "unevaluatedProperties",
    "dependentSchemas",
    "propertyNames",
    "format",
    "minimum",
    "multipleOf",
    "maxLength",
    "uniqueItems",
    "nullable",
    "defs",
    "ref",
    "any_of",
    "min_items",
    "propertyOrdering",
    "a",
]
WORDS = [
    "#",
    "#/$defs/a",
    "#/defs/a",
    "#/properties/a",
    "#a",
    "a",
    "http://[",
    "http://example.com/a",
    "file:///a",
    "urn:a",
    "%zz",
    "object",
    "array",
    "string",
    "STRING",
    "2",
    "(",
    "^a$",
    "http://json-schema.org/draft-07/schema#",
    "http://json-schema.org/draft-03/schema#",
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
]
LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(allow_nan=False) | st.sampled_from(WORDS)
VALUES: Any = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
)
SCHEMAS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5)


@settings(deadline=None)
@given(schema=SCHEMAS, document=VALUES)
def test_anything_is_used_or_refused(schema: dict[str, Any], document: Any) -> None:
    with suppress(BadRequest):
        assert isinstance(validator(from_clients_schema(schema, MOST_VALUES, PLACE), PLACE)(document), str)


def test_the_dialect_that_the_schema_names() -> None:
    exclusive = {"minimum": 1, "exclusiveMinimum": True, "$schema": "http://json-schema.org/draft-04/schema#"}
    assert validator(exclusive, PLACE)(1) and not validator(exclusive, PLACE)(2)


NODE = {"properties": {"value": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}}}
LEAF = {"$id": "leaf", "properties": {"value": {"type": "integer"}}}
REFERENCES = {
    "pointer": {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
    "anchor": {"$ref": "#node", "$defs": {"Node": {**NODE, "$anchor": "node"}}},
    "id": {"$ref": "leaf", "$id": "http://example.com/one", "$defs": {"Leaf": LEAF}},
    "definitions": {"$ref": "#/definitions/Leaf", "definitions": {"Leaf": LEAF}},
}


@pytest.mark.parametrize("schema", REFERENCES.values(), ids=REFERENCES)
def test_references_that_lead_somewhere(schema: dict[str, Any]) -> None:
    assert not validator(schema, PLACE)({"value": 1, "next": None})
    assert "$.value" in validator(schema, PLACE)({"value": "one"})


def doubled(levels: int, **more: Any) -> dict[str, Any]:
    """Each definition refers to the next one twice."""
    refs = [[{"$ref": f"#/$defs/{level + 1}", **more}] * 2 for level in range(levels)]
    return {str(level): {"allOf": both, **more} for level, both in enumerate(refs)} | {str(levels): {}}


GROWING = {
    "allOf": {"$defs": doubled(30), "$ref": "#/$defs/0"},
    "below other dialects": {
        "$defs": doubled(30, **{"$schema": "https://json-schema.org/draft/2020-12/schema"}),
        "$ref": "#/$defs/0",
    },
}


@pytest.mark.parametrize("schema", GROWING.values(), ids=GROWING)
def test_a_few_lines_that_would_take_for_ever(schema: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="cannot be used"):
        validator(schema, PLACE)


def test_a_document_that_would_take_for_ever() -> None:
    schema = {"$defs": {"a": {"properties": {"a": {"$ref": "#"}}}}, "allOf": [{"$ref": "#/$defs/a"}] * 2}
    document: dict[str, Any] = {}
    for _ in range(40):
        document = {"a": document}
    with pytest.raises(BadRequest, match="cannot be used"):
        validator(schema, PLACE)(document)


def test_a_large_document_is_no_such_thing() -> None:
    schema = {"type": "array", "items": {"$ref": "#/$defs/Node"}, "$defs": {"Node": NODE}}
    assert not validator(schema, PLACE)([{"value": 1, "next": {"value": 2, "next": None}}] * 2000)


@pytest.mark.parametrize("word", ["oneOf", "allOf"])
def test_what_may_be_null_at_each_of_many_levels(word: str) -> None:
    """JSON Schema needs twice as many levels for it, which would be too many to write."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(90):
        schema = {word: [schema], "nullable": True}
    with pytest.raises(BadRequest, match="nested too deeply"):
        from_clients_schema({"type": "object", "properties": {"a": schema}}, MOST_VALUES, PLACE)


def test_how_large_it_is_counts_as_the_client_sent_it() -> None:
    schema = {
        "type": "object",
        "properties": {str(number): {"type": "STRING", "nullable": True} for number in range(9)},
    }
    assert from_clients_schema(schema, 29, PLACE)["properties"]["0"] == {"type": ["string", "null"]}
    with pytest.raises(BadRequest, match="more than the 28 values"):
        from_clients_schema(schema, 28, PLACE)


def test_a_schema_key_that_is_no_dialect() -> None:
    schema = {"properties": {"$schema": {"type": "string"}}, "enum": [{"$schema": "a"}]}
    assert not validator(schema, PLACE)({"$schema": "a"}) and validator(schema, PLACE)({"$schema": 1})
