"""The keywords of one schema node, drafts 4 to 2020-12 and the habits of OpenAPI.

A keyword that makes no sense is passed over: a chat must not fail for a tool its user did not write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from gpt2giga.upstream.contract.schema.shape import Joined, LOWER, Note, Path, Shape, Sub, UNKNOWN_TYPE, UPPER
from gpt2giga.upstream.contract.schema.values import is_number, is_small, known_type, show, unique

_COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems"})
_ANY_KEY = frozenset({"", ".*", ".+", "^.*$", "^.+$", "^(.*)$"})
_FEW = 3


def read(raw: Any, path: Path) -> Shape:
    shape = Shape(never=raw is False)
    if not isinstance(raw, dict):
        return shape
    for keyword, value in raw.items():
        reader = _READERS.get(keyword)
        if reader:
            reader(shape, value, path)
    _read_limits(shape, raw)
    if "items" in raw or "prefixItems" in raw:
        _read_items(shape, raw, path.deeper())
    if "if" in raw:
        _read_condition(shape, raw, path.deeper())
    return shape


def _read_type(shape: Shape, value: Any, path: Path) -> None:
    kinds = {word: known_type(word) for word in _words(_listed(value))}
    strange = [word for word, kind in kinds.items() if kind is None]
    if strange:
        shape.notes.append(Note("", UNKNOWN_TYPE + ", ".join(strange)))
    known = dict.fromkeys(kind for kind in kinds.values() if kind is not None)
    shape.nullable |= "null" in known
    known.pop("null", None)
    if "number" in known:
        known.pop("integer", None)
    if "" not in known and (known or shape.nullable):
        shape.types = tuple(known)


def _read_enum(shape: Shape, value: Any, path: Path) -> None:
    if not isinstance(value, list) or not value:
        return
    values = unique(item for item in value if item is not None)
    shape.nullable |= None in value
    if values:
        shape.enum = values
    else:
        shape.types = ()


def _read_const(shape: Shape, value: Any, path: Path) -> None:
    _read_enum(shape, [value], path)


def _read_text(shape: Shape, value: Any, path: Path) -> None:
    if isinstance(value, str):
        shape.text = value.strip()


def _read_title(shape: Shape, value: Any, path: Path) -> None:
    if isinstance(value, str):
        shape.title = value.strip()


def _read_properties(shape: Shape, value: Any, path: Path) -> None:
    if not isinstance(value, dict):
        return
    shape.open = False
    inside = path.deeper()
    shape.properties = {name: Sub(raw, inside) for name, raw in value.items()}
    # Draft 3 and many hands: required stands at the property.
    _require(shape, (n for n, raw in value.items() if isinstance(raw, dict) and raw.get("required") is True))


def _read_required(shape: Shape, value: Any, path: Path) -> None:
    if isinstance(value, list):
        _require(shape, (name for name in value if isinstance(name, str)))


def _require(shape: Shape, names: Iterable[str]) -> None:
    shape.required = tuple(dict.fromkeys((*shape.required, *names)))


def _read_default(shape: Shape, value: Any, path: Path) -> None:
    # A null says that the key may be left out, which being not required says already.
    if value is not None:
        shape.default = (value,)


def _read_pattern(shape: Shape, value: Any, path: Path) -> None:
    if isinstance(value, str):
        shape.pattern = value


def _read_format(shape: Shape, value: Any, path: Path) -> None:
    if isinstance(value, str):
        shape.format = value


def _read_nullable(shape: Shape, value: Any, path: Path) -> None:
    shape.nullable |= value is True


def _read_parts(shape: Shape, value: Any, path: Path) -> None:
    if isinstance(value, list):
        shape.parts += [Sub(raw, path.deeper()) for raw in value]


def _read_union(shape: Shape, value: Any, path: Path) -> None:
    if isinstance(value, list) and value:
        shape.unions.append([Sub(raw, path.deeper()) for raw in value])


def _read_not(shape: Shape, value: Any, path: Path) -> None:
    if value is True or value == {}:
        shape.never = True
    elif isinstance(value, dict):
        shape.notes.append(Note("", "not: ", (Sub(value, path.deeper()),)))


def _read_additional(shape: Shape, value: Any, path: Path) -> None:
    if value is False:
        shape.open = False
    else:
        _read_free_keys(shape, "other keys", value, path)


def _read_patterns(shape: Shape, value: Any, path: Path) -> None:
    if not isinstance(value, dict):
        return
    for pattern, raw in value.items():
        _read_free_keys(shape, "other keys" if pattern in _ANY_KEY else f"keys matching {pattern}", raw, path)


def _read_free_keys(shape: Shape, keys: str, raw: Any, path: Path) -> None:
    if raw is True or raw == {}:
        shape.notes.append(Note("object", f"{keys} allowed"))
    elif isinstance(raw, dict):
        shape.notes.append(Note("object", f"{keys}, each: ", (Sub(raw, path.deeper()),)))


def _read_key_names(shape: Shape, value: Any, path: Path) -> None:
    if isinstance(value, dict):
        # Keys are strings, and many authors leave that out.
        shape.notes.append(Note("object", "key names: ", (Sub({"type": "string", **value}, path.deeper()),)))


def _read_dependencies(shape: Shape, value: Any, path: Path) -> None:
    if not isinstance(value, dict):
        return
    for name, needs in value.items():
        if isinstance(needs, dict):
            shape.extras.append(Sub(needs, path.deeper()))
            shape.notes.append(Note("object", f"{name} needs: ", (shape.extras[-1],)))
        elif isinstance(needs, list) and needs:
            shape.notes.append(Note("object", f"{name} needs: " + ", ".join(_words(needs))))


def _read_contains(shape: Shape, value: Any, path: Path) -> None:
    if isinstance(value, dict):
        shape.notes.append(Note("array", "contains: ", (Sub(value, path.deeper()),)))


def _read_examples(shape: Shape, value: Any, path: Path) -> None:
    shown = [show(item) for item in _listed(value)[:_FEW] if item is not None and is_small(item, 300)]
    if shown:
        shape.notes.append(Note("", "e.g. " + ", ".join(shown)))


def _flag(kind: str, text: str) -> Reader:
    def reader(shape: Shape, value: Any, path: Path) -> None:
        if value is True:
            shape.notes.append(Note(kind, text))

    return reader


def _figure(kind: str, text: str) -> Reader:
    def reader(shape: Shape, value: Any, path: Path) -> None:
        if is_number(value) and value > 0:
            shape.notes.append(Note(kind, f"{text}{show(value)}"))

    return reader


def _word(kind: str, text: str) -> Reader:
    def reader(shape: Shape, value: Any, path: Path) -> None:
        if isinstance(value, str) and value:
            shape.notes.append(Note(kind, f"{text}{value}"))

    return reader


def _read_limits(shape: Shape, raw: dict[str, Any]) -> None:
    for keyword in _LIMITS:
        if keyword not in raw:
            continue
        value = raw[keyword]
        if value is True and keyword in _DRAFT_4:
            value = raw.get(_DRAFT_4[keyword])
        if is_number(value) and (keyword not in _COUNTS or (value >= 0 and value == int(value))):
            shape.limits[keyword] = int(value) if keyword in _COUNTS else value


def _read_items(shape: Shape, raw: dict[str, Any], path: Path) -> None:
    items, first = raw.get("items"), raw.get("prefixItems")
    rest = items
    if isinstance(items, list):
        first, rest = items, raw.get("additionalItems")
    each = [Sub(item, path) for item in first] if isinstance(first, list) else []
    if each:
        shape.notes.append(Note("array", "items in order: ", tuple(each)))
    elif items is False:
        shape.notes.append(Note("array", "always empty"))
    if isinstance(rest, dict):
        each.append(Sub(rest, path))
    if each:
        shape.items = each[0] if len(each) == 1 else Joined(tuple(each), any=True)


def _read_condition(shape: Shape, raw: dict[str, Any], path: Path) -> None:
    condition = Sub(raw["if"], path)
    for keyword, word in (("then", "if "), ("else", "unless ")):
        if isinstance(raw.get(keyword), dict):
            shape.extras.append(Sub(raw[keyword], path))
            shape.notes.append(Note("", word, (condition, shape.extras[-1]), ": "))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _words(value: list[Any]) -> list[str]:
    return [word for word in value if isinstance(word, str)]


Reader: TypeAlias = Callable[[Shape, Any, Path], None]

_LIMITS = LOWER + UPPER
_DRAFT_4 = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
_READERS: dict[str, Reader] = {
    "type": _read_type,
    "enum": _read_enum,
    "const": _read_const,
    "description": _read_text,
    "title": _read_title,
    "properties": _read_properties,
    "required": _read_required,
    "default": _read_default,
    "pattern": _read_pattern,
    "format": _read_format,
    "nullable": _read_nullable,
    "allOf": _read_parts,
    "anyOf": _read_union,
    "oneOf": _read_union,
    "not": _read_not,
    "additionalProperties": _read_additional,
    "unevaluatedProperties": _read_additional,
    "patternProperties": _read_patterns,
    "propertyNames": _read_key_names,
    "dependencies": _read_dependencies,
    "dependentRequired": _read_dependencies,
    "dependentSchemas": _read_dependencies,
    "contains": _read_contains,
    "examples": _read_examples,
    "example": _read_examples,
    "minProperties": _figure("object", "fewest keys: "),
    "maxProperties": _figure("object", "most keys: "),
    "multipleOf": _figure("number", "multiple of "),
    "uniqueItems": _flag("array", "no duplicates"),
    "readOnly": _flag("", "read only"),
    "deprecated": _flag("", "deprecated"),
    "contentEncoding": _word("string", "encoding: "),
    "contentMediaType": _word("string", "content: "),
}
