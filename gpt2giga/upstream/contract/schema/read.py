"""The keywords of one schema node, drafts 4 to 2020-12; what OpenAPI has of its own is openapi.py's.

A keyword that makes no sense is passed over: a chat must not fail for a tool its user did not write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from gpt2giga.upstream.contract.schema.node import (
    Combination,
    LIMITS,
    Location,
    LOWER,
    Node,
    Note,
    Subschema,
    UNKNOWN_TYPE,
    UPPER,
)
from gpt2giga.upstream.contract.schema.values import is_number, is_small, show, type_from_word, type_of, unique

_COUNTS = LIMITS["string"] + LIMITS["array"]
_DRAFT_4 = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
_ANY_KEY = frozenset({"", ".*", ".+", "^.*$", "^.+$", "^(.*)$"})
_MOST_EXAMPLES = 3


def read(raw: Any, location: Location) -> Node:
    if not isinstance(raw, dict):
        return Node(never=raw is False)
    inside = location.deeper()
    texts = {keyword: value for keyword, value in raw.items() if isinstance(value, str)}
    node = Node(
        description=texts.get("description", "").strip(),
        title=texts.get("title", "").strip(),
        # A null says that the key may be left out, which being not required says already.
        default=raw.get("default"),
        limits=_limits(raw),
        pattern=texts.get("pattern", ""),
        format=texts.get("format", ""),
        parts=_subschemas(raw.get("allOf"), inside),
        unions=[found for name in raw if name in ("anyOf", "oneOf") and (found := _subschemas(raw[name], inside))],
    )
    for keyword, value in raw.items():
        python, reader = _READERS.get(keyword, (object, None))
        if reader and isinstance(value, python):
            reader(node, value, inside)
    _read_items(node, raw, inside)
    if "if" in raw:
        _read_condition(node, raw, inside)
    return node


def _subschemas(value: Any, inside: Location) -> list[Subschema]:
    return [Subschema(raw, inside) for raw in value] if isinstance(value, list) else []


def _limits(raw: dict[str, Any]) -> dict[str, int | float]:
    limits: dict[str, int | float] = {}
    for keyword in LOWER + UPPER:
        value = raw.get(keyword)
        if value is True and keyword in _DRAFT_4:
            value = raw.get(_DRAFT_4[keyword])
        if is_number(value) and (keyword not in _COUNTS or (value >= 0 and type_of(value) == "integer")):
            limits[keyword] = int(value) if keyword in _COUNTS else value
    return limits


def _read_type(node: Node, value: Any, inside: Location) -> None:
    kinds = {word: type_from_word(word) for word in _strings(_as_list(value))}
    unknown = [word for word, kind in kinds.items() if kind is None]
    if unknown:
        node.notes.append(Note("", UNKNOWN_TYPE + ", ".join(unknown)))
    known = dict.fromkeys(kind for kind in kinds.values() if kind is not None)
    if "" not in known and known:
        node.types = tuple(kind for kind in known if kind != "null" and (kind != "integer" or "number" not in known))
    node.nullable |= "null" in known


def _read_enum(node: Node, values: list[Any], inside: Location) -> None:
    node.nullable |= None in values
    if real := unique(value for value in values if value is not None):
        node.enum = real
    elif values:
        node.types = ()


def _read_properties(node: Node, value: dict[str, Any], inside: Location) -> None:
    node.open = False
    node.properties = {name: Subschema(raw, inside) for name, raw in value.items()}
    # Draft 3 and many hands: required stands at the property.
    _require(node, (name for name, raw in value.items() if isinstance(raw, dict) and raw.get("required") is True))


def _read_required(node: Node, value: list[Any], inside: Location) -> None:
    _require(node, _strings(value))


def _require(node: Node, names: Iterable[str]) -> None:
    node.required = tuple(dict.fromkeys((*node.required, *names)))


def _read_not(node: Node, value: Any, inside: Location) -> None:
    if value is True or value == {}:
        node.never = True
    elif isinstance(value, dict):
        node.notes.append(Note("", "not: ", (Subschema(value, inside),)))


def _read_additional(node: Node, value: Any, inside: Location) -> None:
    if value is False:
        node.open = False
    else:
        _read_free_keys(node, "other keys", value, inside)


def _read_patterns(node: Node, value: dict[str, Any], inside: Location) -> None:
    for pattern, raw in value.items():
        _read_free_keys(node, "other keys" if pattern in _ANY_KEY else f"keys matching {pattern}", raw, inside)


def _read_free_keys(node: Node, keys: str, raw: Any, inside: Location) -> None:
    if raw is True or raw == {}:
        node.notes.append(Note("object", f"{keys} allowed"))
    elif isinstance(raw, dict):
        node.notes.append(Note("object", f"{keys}, each: ", (Subschema(raw, inside),)))


def _read_key_names(node: Node, value: dict[str, Any], inside: Location) -> None:
    # Keys are strings, and many authors leave that out.
    node.notes.append(Note("object", "key names: ", (Subschema({"type": "string", **value}, inside),)))


def _read_dependencies(node: Node, value: dict[str, Any], inside: Location) -> None:
    for name, needs in value.items():
        if isinstance(needs, dict):
            node.extras.append(Subschema(needs, inside))
            node.notes.append(Note("object", f"{name} needs: ", (node.extras[-1],)))
        elif isinstance(needs, list) and needs:
            node.notes.append(Note("object", f"{name} needs: " + ", ".join(_strings(needs))))


def _read_contains(node: Node, value: dict[str, Any], inside: Location) -> None:
    node.notes.append(Note("array", "contains: ", (Subschema(value, inside),)))


def _read_examples(node: Node, value: Any, inside: Location) -> None:
    examples = [show(item) for item in _as_list(value)[:_MOST_EXAMPLES] if item is not None and is_small(item, 300)]
    if examples:
        node.notes.append(Note("", "e.g. " + ", ".join(examples)))


def _remark(kind: str, text: str, suffix: Callable[[Any], str | None]) -> Reader:
    def reader(node: Node, value: Any, inside: Location) -> None:
        words = suffix(value)
        if words is not None:
            node.notes.append(Note(kind, text + words))

    return reader


def _if_true(value: Any) -> str | None:
    return "" if value is True else None


def _if_positive(value: Any) -> str | None:
    return show(value) if is_number(value) and value > 0 else None


def _if_text(value: Any) -> str | None:
    return value if value and isinstance(value, str) else None


def _read_items(node: Node, raw: dict[str, Any], inside: Location) -> None:
    items, first = raw.get("items"), raw.get("prefixItems")
    rest = items
    if isinstance(items, list):
        first, rest = items, raw.get("additionalItems")
    each = _subschemas(first, inside)
    if each:
        node.notes.append(Note("array", "items in order: ", tuple(each)))
    elif items is False:
        node.notes.append(Note("array", "always empty"))
    if isinstance(rest, dict):
        each.append(Subschema(rest, inside))
    if each:
        node.items = each[0] if len(each) == 1 else Combination(tuple(each), any=True)


def _read_condition(node: Node, raw: dict[str, Any], inside: Location) -> None:
    condition = Subschema(raw["if"], inside)
    for keyword, word in (("then", "if "), ("else", "unless ")):
        if isinstance(raw.get(keyword), dict):
            node.extras.append(Subschema(raw[keyword], inside))
            node.notes.append(Note("", word, (condition, node.extras[-1]), ": "))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _strings(value: list[Any]) -> list[str]:
    return [word for word in value if isinstance(word, str)]


Reader: TypeAlias = Callable[[Node, Any, Location], None]

# Keyword -> the type of its value, without which it is passed over, and what reads it.
_READERS: dict[str, tuple[type, Reader]] = {
    "type": (object, _read_type),
    "enum": (list, _read_enum),
    "const": (object, lambda node, value, inside: _read_enum(node, [value], inside)),
    "properties": (dict, _read_properties),
    "required": (list, _read_required),
    "not": (object, _read_not),
    "additionalProperties": (object, _read_additional),
    "unevaluatedProperties": (object, _read_additional),
    "patternProperties": (dict, _read_patterns),
    "propertyNames": (dict, _read_key_names),
    "dependencies": (dict, _read_dependencies),
    "dependentRequired": (dict, _read_dependencies),
    "dependentSchemas": (dict, _read_dependencies),
    "contains": (dict, _read_contains),
    "examples": (object, _read_examples),
    "example": (object, _read_examples),
    "minProperties": (object, _remark("object", "fewest keys: ", _if_positive)),
    "maxProperties": (object, _remark("object", "most keys: ", _if_positive)),
    "multipleOf": (object, _remark("number", "multiple of ", _if_positive)),
    "uniqueItems": (object, _remark("array", "no duplicates", _if_true)),
    "readOnly": (object, _remark("", "read only", _if_true)),
    "deprecated": (object, _remark("", "deprecated", _if_true)),
    "contentEncoding": (object, _remark("string", "encoding: ", _if_text)),
    "contentMediaType": (object, _remark("string", "content: ", _if_text)),
}
