"""Which keywords a schema uses beyond what every model takes in a function (contract 3.1.4, 3.1.6, 3.1.7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# What nobody says is refused; its value is looked at where it may hold more than it should.
_USUAL = frozenset(
    {"type", "description", "title", "properties", "required", "items", "enum", "default", "format", "pattern"}
    | {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "examples"}
)
_UNIONS = frozenset({"anyOf", "oneOf", "allOf"})
_REFERENCES = frozenset({"$ref", "$defs", "definitions"})
_OTHERS = {"const": "const", "additionalProperties": "additional_properties"}
_FORMATS = ("date", "date-time", "time")
# The converter mends what is none of these; GigaChat refuses it, which would count against the keywords beside it.
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("description", "title", "format", "pattern", "$ref"), str),
    **dict.fromkeys(("properties", "$defs", "definitions"), dict),
    **dict.fromkeys(("required", "enum", "examples", *_UNIONS), list),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), int),
    "minimum": (int, float),
    "maximum": (int, float),
    "default": (str, int, float, list, dict),
    "additionalProperties": (bool, dict),
}
# Lists that mean nothing when they are empty.
_FILLED = ("type", "enum", *_UNIONS)
_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
# Says of itself which schema language it is in; GigaChat need not know.
_PREAMBLE = frozenset({"$schema", "$id", "$comment"})
# They hold values, not schemas.
_VALUES = frozenset({"default", "enum", "const", "examples"})
# Deeper ones are converted.
_DEEPEST = 40


def as_written(schema: Any) -> Any:
    """Without its preamble, and without defaults of null, which pydantic writes beside every optional value and which
    tell a model nothing that the schema does not."""
    if not isinstance(schema, dict):
        return schema
    return _without_null_defaults({name: value for name, value in schema.items() if name not in _PREAMBLE})


def _without_null_defaults(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_null_defaults(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        name: value if name in _VALUES else _without_null_defaults(value)
        for name, value in node.items()
        if name != "default" or value is not None
    }


def used_keywords(schema: Any) -> frozenset[str] | None:
    """Those of facts.SCHEMA_KEYWORDS that it needs; None when it holds something that not even they cover.

    schema: see as_written.
    """
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return None
    used: set[str] = set()
    targets = _targets(schema)
    if targets and _is_recursive(schema):  # nobody has asked whether GigaChat takes that
        return None
    nodes: list[tuple[Any, int]] = [(schema, 0)]
    while nodes:
        node, depth = nodes.pop()
        if not isinstance(node, dict) or depth > _DEEPEST:
            return None
        for name, value in node.items():
            group = _group(name, value)
            if group is None:
                return None
            if group:
                used.add(group)
        if node.get("type") == "object" and "properties" not in node:
            used.add("open_objects")
        if not _is_complete(node, targets):
            return None
        nodes += [(child, depth + 1) for child in _children(node)]
    return frozenset(used)


def _group(name: str, value: Any) -> str | None:
    """Empty for what is usual, None for what is unknown or no JSON Schema."""
    kind: Any = _KINDS.get(name, object)
    if not isinstance(value, kind) or (name in _FILLED and value == []):
        return None
    if name in _UNIONS:
        return "unions"
    if name in _REFERENCES:
        return "references"
    if name in _OTHERS:
        return _OTHERS[name]
    if name == "type":  # people write others, such as "str"
        if not all(item in _TYPES for item in (value if isinstance(value, list) else [value])):
            return None
        return "type_lists" if isinstance(value, list) else "unions" if value == "null" else ""
    if name == "required" and not all(isinstance(item, str) for item in value):
        return None
    if name == "enum" and not all(isinstance(item, str) for item in value):
        return "integer_enums" if all(type(item) is int for item in value) else None
    if name == "format" and value not in _FORMATS:
        return "formats"
    return "" if name in _USUAL else None


def _is_complete(node: dict[str, Any], targets: set[str]) -> bool:
    if "type" not in node and not node.keys() & (_UNIONS | _REFERENCES | {"const"}):
        return False
    if node.get("type") == "array" and "items" not in node:
        return False
    if "$ref" in node and node["$ref"] not in targets:
        return False
    return {*node.get("required", ())} <= {*node.get("properties", ())}


def _targets(schema: dict[str, Any]) -> set[str]:
    """What a reference may name: definitions at the root."""
    found: set[str] = set()
    for store in ("$defs", "definitions"):
        if isinstance(names := schema.get(store), dict):
            found |= {f"#/{store}/{name}" for name in names}
    return found


def _is_recursive(schema: dict[str, Any]) -> bool:
    """Does a definition lead back to itself?"""
    definitions = {**_mapping(schema.get("definitions")), **_mapping(schema.get("$defs"))}
    leads = {name: {*_names_in(definition)} for name, definition in definitions.items()}
    while any(leads.values()):
        ends = {name for name, others in leads.items() if not others & leads.keys()}
        if not ends:
            return True
        leads = {name: others - ends for name, others in leads.items() if name not in ends}
    return False


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _names_in(definition: Any) -> Iterator[str]:
    """Of the definitions that it refers to."""
    nodes = [definition]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            if isinstance(reference := node.get("$ref"), str):
                yield reference.rpartition("/")[2]
            nodes += node.values()
        elif isinstance(node, list):
            nodes += node


def _children(node: dict[str, Any]) -> Iterator[Any]:
    for name in ("properties", "$defs", "definitions"):
        if isinstance(found := node.get(name, {}), dict):
            yield from found.values()
    for name in _UNIONS & node.keys():
        yield from node[name] if isinstance(node[name], list) else [None]
    if "items" in node:
        yield node["items"]
    if isinstance(node.get("additionalProperties"), dict):
        yield node["additionalProperties"]
