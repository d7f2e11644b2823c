from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, HealthCheck, settings
from hypothesis import strategies as st

from gpt2giga.upstream.contract.schema import write_out_root
from gpt2giga.upstream.contract.schema.convert import to_function_parameters as from_json_schema
from gpt2giga.upstream.contract.schema.openapi import to_json_schema
from tests.golden import check_same

# A row is a whole schema with the parameters it becomes, or the schema of one property and what that becomes.
CASES = sorted((Path(__file__).parents[1] / "cases" / "schema").glob("*.json"))
ROWS = [pytest.param(row, id=f"{path.stem}: {row['name']}") for path in CASES for row in json.loads(path.read_text())]

KEYWORDS = {
    "object": {"properties", "required"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"enum", "minLength", "maxLength", "pattern", "format"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "maximum"},
    "boolean": set(),
}
PYTHON = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}


def to_function_parameters(schema: Any) -> dict[str, Any]:
    return from_json_schema(to_json_schema(schema))


def problems(node: Any, path: str = "parameters") -> list[str]:
    """What GigaChat may refuse, by the strictest reading of contract 3.1.4, 3.1.6, 3.1.7."""
    if not isinstance(node, dict) or node.get("type") not in KEYWORDS:
        return [f"{path}: no node with a type"]
    found = [f"{path}.{name}" for name in node.keys() - KEYWORDS[node["type"]] - {"type", "description", "default"}]
    found += [f"{path}.{name}" for name, right in right_values(node).items() if not right]
    if node["type"] == "object" and not found:
        for name, child in node["properties"].items():
            found += problems(child, f"{path}.{name}")
    if node["type"] == "array":
        found += problems(node.get("items"), f"{path}[]")
    return found


def right_values(node: dict[str, Any]) -> dict[str, bool]:
    python = PYTHON[node["type"]]
    right = {
        "description": lambda v: isinstance(v, str) and v,
        "default": lambda v: isinstance(v, python) and (node["type"] == "boolean" or not isinstance(v, bool)),
        "properties": lambda v: isinstance(v, dict),
        "required": lambda v: v and len(set(v)) == len(v) and set(v) <= set(node["properties"]),
        "items": lambda v: isinstance(v, dict),
        "enum": lambda v: v and all(isinstance(each, str) for each in v) and len(set(v)) == len(v),
        "pattern": lambda v: isinstance(v, str),
        "format": lambda v: v in ("date", "date-time", "time"),
    }
    counts = {"minLength", "maxLength", "minItems", "maxItems"}
    limits = {"minimum", "maximum"}
    return {
        **{name: bool(is_right(node[name])) for name, is_right in right.items() if name in node},
        **{name: type(node[name]) is int and node[name] >= 0 for name in counts & node.keys()},
        **{name: type(node[name]) in (int, float) for name in limits & node.keys()},
        "properties missing": "properties" in node or node["type"] != "object",
    }


def converted(schema: Any) -> dict[str, Any]:
    """The parameters, after the checks that hold for every schema there is."""
    before = deepcopy(schema)
    parameters = to_function_parameters(schema)
    text = json.dumps(parameters, allow_nan=False)
    assert orjson.dumps(parameters), "it cannot be sent"
    assert parameters["type"] == "object"
    assert problems(parameters) == []
    assert json.dumps(schema) == json.dumps(before), "the client's schema was changed"
    assert json.dumps(to_function_parameters(schema)) == text, "the second time it is something else"
    assert json.dumps(to_function_parameters(parameters)) == text, "converting the result changes it"
    return parameters


@pytest.mark.parametrize("row", ROWS)
def test_case(row: dict[str, Any]) -> None:
    if "schema" in row:
        check_same(row["name"], "parameters", converted(row["schema"]), row["parameters"])
    else:
        parameters = converted({"type": "object", "properties": {"value": row["property"]}})
        check_same(row["name"], "parameters", parameters, {"type": "object", "properties": {"value": row["becomes"]}})


def test_there_are_cases() -> None:
    assert len(ROWS) > 150


def test_result_shares_nothing_with_the_schema() -> None:
    schema = {"properties": {"a": {"type": "array", "default": [{"b": 1}], "items": {"enum": ["x"]}}}}
    parameters = to_function_parameters(schema)
    parameters["properties"]["a"]["default"][0]["b"] = 2
    parameters["properties"]["a"]["items"]["enum"].append("y")
    assert schema["properties"]["a"]["default"] == [{"b": 1}]
    assert schema["properties"]["a"]["items"] == {"enum": ["x"]}


def nested(levels: int, wrap: Any) -> Any:
    schema: Any = {"type": "string", "description": "bottom"}
    for _ in range(levels):
        schema = wrap(schema)
    return schema


WRAPS = {
    "properties": lambda inner: {"type": "object", "properties": {"a": inner}, "required": ["a"]},
    "items": lambda inner: {"type": "array", "items": inner},
    "tuple": lambda inner: {"type": "array", "items": [inner, {"type": "integer"}]},
    "allOf": lambda inner: {"allOf": [inner]},
    "anyOf": lambda inner: {"anyOf": [inner, {"type": "null"}]},
    "oneOf": lambda inner: {"oneOf": [{"type": "object", "properties": {"a": inner}}, {"type": "boolean"}]},
    "additionalProperties": lambda inner: {"type": "object", "additionalProperties": inner},
    "not": lambda inner: {"not": inner},
    "if": lambda inner: {"if": inner, "then": inner},
    "default": lambda inner: {"type": "object", "default": inner},
    "const": lambda inner: {"const": inner},
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_thousands_of_levels(wrap: Any) -> None:
    """Deeper than Python may recurse; the end is cut and says so, or is no child at all (default, const)."""
    deep = nested(5000, wrap)
    for schema in (deep, {"type": "object", "properties": {"deep": deep}}):
        parameters = from_json_schema(schema)
        assert problems(parameters) == []
        assert from_json_schema(parameters) == parameters


def test_ordinary_depth_is_kept() -> None:
    parameters = converted(nested(15, WRAPS["properties"]))
    assert "bottom" in json.dumps(parameters)
    assert "deeper" not in json.dumps(parameters)


def bomb(levels: int, node: Any) -> dict[str, Any]:
    definitions = {f"n{level}": node({"$ref": f"#/$defs/n{level + 1}"}) for level in range(levels)}
    return {"$defs": {**definitions, f"n{levels}": {"type": "string"}}, "type": "object", "$ref": "#/$defs/n0"}


BOMBS = {
    "keys": bomb(60, lambda ref: {"type": "object", "properties": {"a": ref, "b": ref, "c": ref}}),
    "allOf": bomb(60, lambda ref: {"allOf": [ref, ref]}),
    "anyOf": bomb(60, lambda ref: {"anyOf": [ref, ref, {"type": "integer"}]}),
    "unions of objects": bomb(60, lambda ref: {"anyOf": [{"properties": {"a": ref}}, {"properties": {"a": ref}}]}),
    "conditions": bomb(60, lambda ref: {"if": ref, "then": ref, "else": ref}),
    "text": bomb(60, lambda ref: {"description": "x" * 10_000, "properties": {"a": ref, "b": ref}}),
    "circle of twelve": {
        "$defs": {
            str(one): {"type": "object", "properties": {f"k{two}": {"$ref": f"#/$defs/{two}"} for two in range(12)}}
            for one in range(12)
        },
        "$ref": "#/$defs/0",
    },
    "wide": {"type": "object", "properties": {f"k{n}": {"type": "string", "enum": ["a", "b"]} for n in range(20_000)}},
    "long chain": bomb(3000, lambda ref: ref),
    "objects to choose from": {"properties": {"a": {"enum": [{"a": number} for number in range(4000)]}}},
    "values again and again": {
        "$defs": {"E": {"enum": [f"value {number}" for number in range(2000)]}},
        "properties": {f"k{n}": {"anyOf": [{"$ref": "#/$defs/E"}, {"type": "integer"}]} for n in range(300)},
    },
    "ids": bomb(60, lambda ref: {"$id": "T", "properties": {"a": {"$ref": "T"}, "b": {"$ref": "T#"}, "c": ref}}),
    "nothing but null": bomb(60, lambda ref: {"anyOf": [ref, {"type": "null"}]}),
}


@pytest.mark.parametrize("schema", BOMBS.values(), ids=BOMBS)
def test_bombs_stay_small(schema: dict[str, Any]) -> None:
    """One that does not would take hours."""
    parameters = to_function_parameters(schema)
    assert len(json.dumps(parameters)) < 100_000 + 2 * len(json.dumps(schema))
    assert problems(parameters) == []
    assert to_function_parameters(parameters) == parameters


OBJECT = {"type": "object", "properties": {"n": {"type": "integer"}}}
ROOTS = {
    "pointer": {"$ref": "#/$defs/N", "$defs": {"N": OBJECT}},
    "chain": {"$ref": "#/definitions/M", "definitions": {"M": {"$ref": "#/definitions/N"}, "N": OBJECT}},
    "anchor": {"$ref": "#n", "$defs": {"N": {"$anchor": "n", **OBJECT}}},
    "id": {"$ref": "N", "$defs": {"other": {"$id": "N", **OBJECT}}},
    "allOf of one": {"allOf": [{"$ref": "#/definitions/N"}], "definitions": {"N": OBJECT}},
}


@pytest.mark.parametrize("schema", ROOTS.values(), ids=ROOTS)
def test_a_root_that_refers_is_written_out(schema: Any) -> None:
    definitions = {name: schema[name] for name in ("$defs", "definitions") if name in schema}
    assert write_out_root({"title": "Count", **schema}) == {"title": "Count", **OBJECT, **definitions}


OTHER_ROOTS = [OBJECT, {"$ref": "#"}, {"$ref": "#/$defs/gone"}, {"allOf": [OBJECT, OBJECT]}, {"type": "array"}, {}]


@pytest.mark.parametrize("schema", OTHER_ROOTS, ids=str)
def test_other_roots_are_left_as_they_are(schema: Any) -> None:
    assert write_out_root(schema) == schema


SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=4)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))
NAMES = st.sampled_from(["a", "b", "type", "$ref", "items", "город", ""])
WORDS = st.sampled_from(
    ["object", "array", "string", "integer", "number", "boolean", "null", "any", "float", "STRING", "file"]
)
REFS = st.sampled_from(
    ["#", "#/$defs/a", "#/$defs/b", "#/properties/a", "#/definitions/a", "#/nowhere", "a", "", "#a", "b#a"]
)


def keywords(schema: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    several, named = st.lists(schema, max_size=3), st.dictionaries(NAMES, schema, max_size=3)
    number = st.integers(-3, 9) | st.floats(-3, 9) | st.booleans()
    values: dict[str, st.SearchStrategy[Any]] = {
        **dict.fromkeys(("additionalProperties", "not", "if", "then", "else", "contains"), schema),
        **dict.fromkeys(("propertyNames", "additionalItems", "unevaluatedProperties"), schema),
        **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), several),
        **dict.fromkeys(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"), named),
        **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), number),
        **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties"), number),
        **dict.fromkeys(("nullable", "uniqueItems", "readOnly"), st.booleans()),
        **dict.fromkeys(("const", "default", "example"), JSON),
        **dict.fromkeys(("title", "description"), st.sampled_from(["A", "b c ", " (may be null)", "", "x\n"])),
        "items": schema | several,
        "type": WORDS | st.lists(WORDS, max_size=3),
        "enum": st.lists(st.sampled_from(["a", "b", 1, 2.5, None, True, {}]), max_size=4),
        "required": st.lists(NAMES, max_size=3) | st.booleans(),
        "dependencies": st.dictionaries(NAMES, schema | st.lists(NAMES, max_size=2), max_size=2),
        "format": st.sampled_from(["date", "uri", "int32"]),
        "pattern": st.sampled_from(["^a", "z$"]),
        "examples": st.lists(SCALARS, max_size=2),
        "$ref": REFS,
        **dict.fromkeys(("$id", "id", "$anchor"), NAMES | st.just("#a")),
    }
    sensible = [st.tuples(st.just(keyword), value) for keyword, value in values.items()]
    wrong = st.tuples(st.sampled_from(sorted(values)), JSON)
    return st.lists(st.one_of(*sensible, wrong), max_size=5).map(dict)


SCHEMAS = st.recursive(st.booleans() | keywords(st.just({})), keywords, max_leaves=12)
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(JSON)
def test_any_json_is_a_schema(schema: Any) -> None:
    converted(schema)


@SLOW
@given(SCHEMAS)
def test_any_mixture_of_keywords_is_a_schema(schema: Any) -> None:
    converted(schema)


@SLOW
@given(SCHEMAS)
def test_any_schema_is_a_property(schema: Any) -> None:
    converted({"type": "object", "properties": {"a": schema}, "$defs": {"a": schema, "b": {"$ref": "#/$defs/a"}}})
