"""What is said of arguments that do not fit a tool's schema; what nobody can be sure of counts as right."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given

from gpt2giga.upstream.emulation import arguments
from gpt2giga.upstream.emulation.arguments import faults, MOST_FAULTS
from tests.upstream.test_schema import BOMBS, JSON, SCHEMAS, SLOW

TEXT, COUNT = {"type": "string"}, {"type": "integer"}


def of(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*required], **more}


TREE = {"$id": "T", **of({"name": TEXT, "inner": {"type": "array", "items": {"$ref": "T"}}}, "name")}
RIGHT: dict[str, tuple[Any, dict[str, Any]]] = {
    "all": (of({"a": TEXT, "b": COUNT}, "a", "b"), {"a": "", "b": 0}),
    "more than is known": (of({"a": TEXT}), {"z": 1}),
    "a float that is whole": (of({"a": COUNT}), {"a": 5.0}),
    "an integer for a number": (of({"a": {"type": "number"}}), {"a": 5}),
    "null that is allowed": (of({"a": {"type": ["string", "null"]}}, "a"), {"a": None}),
    "nullable": (of({"a": {"type": "string", "nullable": True}}, "a"), {"a": None}),
    "nullable, whatever it is made of": (
        of(
            {
                "a": {"$ref": "#/$defs/A", "nullable": True},
                "b": {"anyOf": [TEXT, COUNT], "nullable": True},
                "c": {"type": "object", "allOf": [{"$ref": "#/$defs/A"}], "nullable": True},
            },
            *"abc",
            **{"$defs": {"A": of({"b": COUNT})}},
        ),
        {"a": None, "b": None, "c": None},
    ),
    "null for what may be left out": (of({"a": TEXT}), {"a": None}),
    "one of several": (of({"a": {"anyOf": [TEXT, COUNT]}, "b": {"oneOf": [COUNT, TEXT]}}), {"a": 1, "b": "x"}),
    "a value of the enum, whatever the type": (
        of({"a": {"type": "boolean", "enum": ["True", "dontcare"]}}),
        {"a": "True"},
    ),
    "words for types": (
        of({"a": {"type": "str"}, "b": {"type": "float"}, "c": {"type": "any"}}),
        {"a": "", "b": 1.5, "c": []},
    ),
    "a type that nobody knows": (of({"a": {"type": ["file", "string"]}}), {"a": 5}),
    "a reference to nothing": (of({"a": {"$ref": "#/$defs/gone"}}), {"a": 5}),
    "recursion": (TREE, {"name": "a", "inner": [{"name": "b", "inner": []}]}),
    "no schema": (None, {"a": 1}),
    "any schema": (True, {"a": 1}),
    "a schema of something else": ({"type": "array", "items": TEXT}, {"a": 1}),
    "nonsense": ({"type": 5, "properties": [], "required": "a", "anyOf": {}, "allOf": [1], "enum": 5}, {"a": 1}),
}


@pytest.mark.parametrize("schema, arguments", RIGHT.values(), ids=RIGHT)
def test_right(schema: Any, arguments: dict[str, Any]) -> None:
    assert faults(arguments, schema) == []


DEFINED = {"$defs": {"P": of({"x": COUNT}, "x")}}
WRONG: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "missing": (of({"a": TEXT, "b": TEXT, "c": TEXT}, "a", "b", "c"), {"b": ""}, ["a is missing", "c is missing"]),
    "required at the property": (of({"a": {"type": "string", "required": True}}), {}, ["a is missing"]),
    "text for a number": (of({"a": COUNT}), {"a": "5"}, ["a must be integer, not string"]),
    "a fraction": (of({"a": COUNT}), {"a": 5.5}, ["a must be integer, not number"]),
    "a number for a truth": (of({"a": {"type": "boolean"}}), {"a": 1}, ["a must be boolean, not integer"]),
    "null that is required": (of({"a": TEXT}, "a"), {"a": None}, ["a must be string, not null"]),
    "several types": (of({"a": {"type": ["string", "null"]}}, "a"), {"a": []}, ["a must be string or null, not array"]),
    "none of several": (of({"a": {"anyOf": [TEXT, COUNT]}}), {"a": {}}, ["a must be string, not object"]),
    "the closest of several": (
        of({"a": {"oneOf": [TEXT, of({"k": TEXT, "l": TEXT}, "k", "l"), of({"k": TEXT}, "k")]}}),
        {"a": {}},
        ["a must be string, not object"],
    ),
    "inside of objects": (of({"a": of({"b": COUNT}, "b")}), {"a": {}}, ["a.b is missing"]),
    "inside of arrays": (
        of({"a": {"type": "array", "items": of({"b": COUNT}, "b")}}),
        {"a": [{"b": 1}, {"b": "1"}, {}]},
        ["a[1].b must be integer, not string", "a[2].b is missing"],
    ),
    "behind a reference": (
        of({"p": {"$ref": "#/$defs/P"}}, **DEFINED),
        {"p": {"x": "1"}},
        ["p.x must be integer, not string"],
    ),
    "a root that refers": ({"$ref": "#/$defs/P", **DEFINED}, {}, ["x is missing"]),
    "allOf": (
        of({}, allOf=[of({"a": TEXT}, "a"), of({"b": TEXT}, "b")]),
        {"a": 1},
        ["a must be string, not integer", "b is missing"],
    ),
    "recursion": (
        TREE,
        {"name": "a", "inner": [{"inner": [{}]}]},
        ["inner[0].name is missing", "inner[0].inner[0].name is missing"],
    ),
    "broken JSON": (of({"a": TEXT}, "a"), {"text": '{"a": '}, ["a is missing"]),
}


@pytest.mark.parametrize("schema, arguments, said", WRONG.values(), ids=WRONG)
def test_wrong(schema: Any, arguments: dict[str, Any], said: list[str]) -> None:
    assert faults(arguments, schema) == said


def test_not_more_than_a_model_reads() -> None:
    names = [f"a{number}" for number in range(100)]
    assert len(faults({}, of(dict.fromkeys(names, TEXT), *names))) == MOST_FAULTS


NAMES = [f"a{number}" for number in range(10_000)]
LONG: dict[str, Any] = {
    "required": of({}, *NAMES),
    "required in the old way": of({name: {"type": "string", "required": True} for name in NAMES}),
    "properties": of(dict.fromkeys(NAMES, TEXT)),
    "enum": {"enum": NAMES},
    "types": {"type": ["string"] * 10_000},
    "reference": {"$ref": "#" + "/a" * 10_000},
    "union": {"anyOf": [{"enum": [name]} for name in NAMES]},
}


@pytest.mark.parametrize("item", LONG.values(), ids=LONG)
@pytest.mark.parametrize("value", [{}, {"b": None}], ids=str)
def test_long_ones_end(item: Any, value: Any) -> None:
    """A list of a thousand would be looked at for minutes. What is not looked at any more counts as right."""
    schema = of({"a": {"type": "array", "items": item}})
    before = time.process_time()
    assert faults({"a": [value] * 5000}, schema) == []
    assert time.process_time() - before < 0.5


def test_no_more_is_looked_for_than_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def join(place: str, name: str) -> str:
        said.append(name)
        return name

    monkeypatch.setattr(arguments, "_join", join)
    schema = of({"a": {"type": "array", "items": of({}, *NAMES[:400])}})
    assert len(faults({"a": [{}] * 1000}, schema)) == MOST_FAULTS
    assert said == ["a", *NAMES[:MOST_FAULTS]]


def deep(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"a": found, "b": [found]}
    return found


@pytest.mark.parametrize("schema", BOMBS.values(), ids=BOMBS)
def test_bombs_end(schema: dict[str, Any]) -> None:
    """One that does not would take hours."""
    assert len(faults(deep(12), schema)) <= MOST_FAULTS
    circle = {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 4}}, "$ref": "#/$defs/a"}
    assert faults(deep(3), circle) == []


@SLOW
@given(SCHEMAS, JSON)
def test_any_schema_and_any_arguments(schema: Any, value: Any) -> None:
    assert all(isinstance(fault, str) for fault in faults({"a": value}, schema))
    assert isinstance(faults({"a": value}, {"properties": {"a": schema}, "$defs": {"a": schema}}), list)
