"""Any JSON Schema that clients send with a tool -> one that GigaChat accepts.

Every object needs `properties` (contract 3.1.4). Whether unions, `$ref` and some other keywords are taken is
disputed (contract 3.1.6, 3.1.7), so only keywords that nobody disputes are sent. What cannot be expressed
in them is said in the description, in parentheses after the author's own words.

Where a choice had to be made, it is the one that lets the model say most:
- no type at all, `{}` and true: a string "(any JSON value)", since every JSON value can be written in one;
- false: the key may not come, so it is not shown;
- a real union: the richest branch is the type (shape.RANK), the others are described;
- no `properties` and no word about keys: "(any keys)", as an empty list of keys looks like no keys.
"""

from __future__ import annotations

import math
import re
from copy import deepcopy
from typing import Any

from gpt2giga.upstream.contract.schema.budget import Budget, TooLarge, weigh
from gpt2giga.upstream.contract.schema.resolve import Resolver
from gpt2giga.upstream.contract.schema.shape import Child, LIMITS, Note, Shape
from gpt2giga.upstream.contract.schema.summary import remark
from gpt2giga.upstream.contract.schema.values import fits, is_small, show

# Far deeper than tools are; a schema that gets too large at one depth is tried at the next.
_DEPTHS = (40, 10, 4, 1)
# Characters, roughly. A tool may become twice as long as it was, since references are written out, a short one
# more than that: models that refer to each other could fill the context many times over.
_SHORT = 60_000
_LONG = 250_000
_FORMATS = frozenset({"date", "date-time", "time"})
# What zod writes for every int: the range of a JavaScript integer, which tells a model nothing.
_SAFE_INTEGER = 2**53 - 1


def to_function_parameters(schema: object) -> dict[str, Any]:
    most = max(_SHORT, 2 * weigh(schema, _LONG))
    for depth in _DEPTHS:
        try:
            return _Writer(schema, depth, most).root()
        except TooLarge:
            continue
    return {"type": "object", "description": "(too large to be shown)", "properties": {}}


class _Writer:
    def __init__(self, schema: object, deepest: int, most: int) -> None:
        # Reading may cost more than writing: then whatever was written can be read again.
        self._resolver = Resolver(schema, deepest, Budget(2 * most))
        self._budget = Budget(most)

    def root(self) -> dict[str, Any]:
        shape = self._resolver.root()
        if shape.kind not in ("object", "") or shape.enum is not None:
            # GigaChat gives arguments by name only: a schema of something else is an author's mistake.
            shape = Shape(text=shape.text, notes=[Note("", "expected: ", (shape,))])
        shape.types, shape.open, shape.nullable, shape.title = ("object",), False, False, ""
        return self._node(shape, "")

    def _child(self, child: Child, name: str) -> dict[str, Any] | None:
        shape = self._resolver.shape(child)
        return None if shape.never else self._node(shape, name)

    def _node(self, shape: Shape, name: str) -> dict[str, Any]:
        said: list[str] = []
        kind = _kind(shape, said)
        body = {**_enum(shape, kind, said), **_default(shape, kind, said), **_limits(shape, kind, said)}
        if kind == "string":
            body |= _string(shape, said)
        elif kind == "array":
            body["items"] = self._items(shape)
        elif kind == "object":
            body |= self._object(shape, said)
        said += self._remarks(shape, kind)
        text = _text(shape, name, said)
        node = {"type": kind, **({"description": text} if text else {}), **body}
        self._budget.spend(node)
        return node

    def _items(self, shape: Shape) -> dict[str, Any]:
        node = self._child(shape.items, "") if shape.items else None
        return node or self._node(Shape(), "")

    def _object(self, shape: Shape, said: list[str]) -> dict[str, Any]:
        found = {name: self._child(child, name) for name, child in shape.properties.items()}
        properties = {name: node for name, node in found.items() if node is not None}
        unknown = [name for name in shape.required if name not in shape.properties]
        if unknown:
            said.append("also needs: " + ", ".join(unknown))
        if shape.open and shape.enum is None and not any(note.kind == "object" for note in shape.notes):
            said.append("any keys")
        required = [name for name in shape.required if name in properties]
        return {"properties": properties, **({"required": required} if required else {})}

    def _remarks(self, shape: Shape, kind: str) -> list[str]:
        remarks = [remark(note, self._resolver.shape) for note in shape.notes if note.is_about(kind)]
        if kind == "object" and not shape.properties:
            remarks = [re.sub("^other keys( allowed)?", "any keys", text) for text in remarks]
        return [text for text in remarks if text]


def _kind(shape: Shape, said: list[str]) -> str:
    if shape.only_null:
        said.append("always null")
    elif not shape.kind and shape.enum is None and not shape.strange:
        said.append("any JSON value")
    return shape.kind or "string"


def _text(shape: Shape, name: str, said: list[str]) -> str:
    text = shape.text
    if not text and _letters(shape.title) != _letters(name):
        text = shape.title
    if shape.nullable and not shape.only_null:
        said.append("may be null")
    for words in said:
        if f"({words})" not in text:
            text = f"{text} ({words})".lstrip()
    return text


def _letters(name: str) -> str:
    """pydantic titles max_results "Max Results"."""
    return re.sub(r"[\W_]", "", name).casefold()


def _enum(shape: Shape, kind: str, said: list[str]) -> dict[str, Any]:
    if shape.enum is None:
        return {}
    values = [value for value in shape.enum if shape.kind and fits(value, kind)] or shape.enum
    if kind == "string" and all(isinstance(value, str) for value in values):
        return {"enum": list(values)}
    if kind != "boolean" or len(values) == 1:
        said.append("always " + show(values[0]) if len(values) == 1 else "one of: " + ", ".join(map(show, values)))
    return {}


def _default(shape: Shape, kind: str, said: list[str]) -> dict[str, Any]:
    if not shape.default or not is_small(shape.default[0]):
        return {}
    value = shape.default[0]
    if fits(value, kind) and (shape.enum is None or value in shape.enum):
        return {"default": int(value) if kind == "integer" else deepcopy(value)}
    said.append(f"default: {show(value)}")
    return {}


def _string(shape: Shape, said: list[str]) -> dict[str, Any]:
    body = {"pattern": shape.pattern} if shape.pattern else {}
    if shape.format in _FORMATS:
        body["format"] = shape.format
    elif shape.format:
        said.append(f"format: {shape.format}")
    return body


def _limits(shape: Shape, kind: str, said: list[str]) -> dict[str, int | float]:
    limits = {name: shape.limits[name] for name in LIMITS.get(kind, ()) if name in shape.limits}
    above, below = limits.pop("exclusiveMinimum", None), limits.pop("exclusiveMaximum", None)
    if kind == "integer":
        above, below = _to_integers(limits, above, below)
    if above is not None and above >= limits.get("minimum", above):
        limits["minimum"] = above
        said.append(f"greater than {show(above)}")
    if below is not None and below <= limits.get("maximum", below):
        limits["maximum"] = below
        said.append(f"less than {show(below)}")
    return {name: limits[name] for name in LIMITS.get(kind, ()) if name in limits}


def _to_integers(limits: dict[str, int | float], above: float | None, below: float | None) -> tuple[None, None]:
    """For integers an open end is the next integer."""
    if above is not None:
        limits["minimum"] = max(math.floor(above) + 1, limits.get("minimum", -math.inf))
    if below is not None:
        limits["maximum"] = min(math.ceil(below) - 1, limits.get("maximum", math.inf))
    if limits.get("minimum", 0) <= -_SAFE_INTEGER:
        del limits["minimum"]
    if limits.get("maximum", 0) >= _SAFE_INTEGER:
        del limits["maximum"]
    return None, None
