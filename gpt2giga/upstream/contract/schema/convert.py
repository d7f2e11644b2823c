"""Any JSON Schema that clients send with a tool -> one that GigaChat accepts.

Every object needs `properties` (contract 3.1.4). Whether unions, `$ref` and some other keywords are taken is
disputed (contract 3.1.6, 3.1.7), so only keywords that nobody disputes are sent. What cannot be expressed
in them is said in the description, in parentheses after the author's own words.

Where a choice had to be made, it is the one that lets the model say most:
- no type at all, `{}` and true: a string "(any JSON value)", since every JSON value can be written in one;
- false: the key may not come, so it is not shown;
- a real union: the richest branch is the type (node.RANK), the others are described;
- no `properties` and no word about keys: "(any keys)", as an empty list of keys looks like no keys.
"""

from __future__ import annotations

import math
import re
from copy import deepcopy
from typing import Any

from gpt2giga.upstream.contract.schema.budget import Budget, TooLarge, weigh
from gpt2giga.upstream.contract.schema.node import Child, LIMITS, Node, Note, UNKNOWN_TYPE
from gpt2giga.upstream.contract.schema.resolve import Resolver
from gpt2giga.upstream.contract.schema.summary import remark
from gpt2giga.upstream.contract.schema.values import fits, is_small, show

# Far deeper than tools are; a schema that gets too large at one depth is tried at the next.
_DEPTHS = (40, 10, 4, 1)
# Roughly. A tool may become twice as long as it was, since references are written out, a short one
# more than that: models that refer to each other could fill the context many times over.
_SHORT_CHARACTERS = 60_000
_LONG_CHARACTERS = 250_000
_FORMATS = frozenset({"date", "date-time", "time"})
# What zod writes for every int: the range of a JavaScript integer, which tells a model nothing.
_SAFE_INTEGER = 2**53 - 1


def to_function_parameters(schema: object) -> dict[str, Any]:
    most = max(_SHORT_CHARACTERS, 2 * weigh(schema, _LONG_CHARACTERS))
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
        node = self._resolver.root()
        if node.kind not in ("object", "") or node.enum is not None:
            # GigaChat gives arguments by name only: a schema of something else is an author's mistake.
            node = Node(description=node.description, notes=[Note("", "expected: ", (node,))])
        node.types, node.open, node.nullable, node.title = ("object",), False, False, ""
        return self._node(node, "")

    def _child(self, child: Child, name: str) -> dict[str, Any] | None:
        node = self._resolver.resolve(child)
        return None if node.never else self._node(node, name)

    def _node(self, node: Node, name: str) -> dict[str, Any]:
        said: list[str] = []
        kind = _kind(node, said)
        body = {**_enum(node, kind, said), **_default(node, kind, said), **_limits(node, kind, said)}
        if kind == "string":
            body |= _string(node, said)
        elif kind == "array":
            items = self._child(node.items, "") if node.items else None
            body["items"] = items or self._node(Node(), "")
        elif kind == "object":
            body |= self._object(node, said)
        said += self._remarks(node, kind)
        text = _description(node, name, said)
        written = {"type": kind, **({"description": text} if text else {}), **body}
        self._budget.spend(written)
        return written

    def _object(self, node: Node, said: list[str]) -> dict[str, Any]:
        found = {name: self._child(child, name) for name, child in node.properties.items()}
        properties = {name: child for name, child in found.items() if child is not None}
        unknown = [name for name in node.required if name not in node.properties]
        if unknown:
            said.append("also needs: " + ", ".join(unknown))
        if node.open and node.enum is None and not any(note.kind == "object" for note in node.notes):
            said.append("any keys")
        required = [name for name in node.required if name in properties]
        return {"properties": properties, **({"required": required} if required else {})}

    def _remarks(self, node: Node, kind: str) -> list[str]:
        remarks = [remark(note, self._resolver.resolve) for note in node.notes if note.is_about(kind)]
        if kind == "object" and not node.properties:
            remarks = [re.sub("^other keys( allowed)?", "any keys", text) for text in remarks]
        return [text for text in remarks if text]


def _kind(node: Node, said: list[str]) -> str:
    if node.only_null:
        said.append("always null")
    elif not node.kind and node.enum is None and not any(note.text.startswith(UNKNOWN_TYPE) for note in node.notes):
        said.append("any JSON value")
    return node.kind or "string"


def _description(node: Node, name: str, said: list[str]) -> str:
    text = node.description
    if not text and _letters(node.title) != _letters(name):
        text = node.title
    if node.nullable and not node.only_null:
        said.append("may be null")
    new = [words for words in dict.fromkeys(f"({words})" for words in said) if words not in text]
    return " ".join([text, *new]).lstrip()


def _letters(name: str) -> str:
    """pydantic titles max_results "Max Results"."""
    return re.sub(r"[\W_]", "", name).casefold()


def _enum(node: Node, kind: str, said: list[str]) -> dict[str, Any]:
    if node.enum is None:
        return {}
    values = ([value for value in node.enum if fits(value, kind)] if node.kind else []) or node.enum
    if kind == "string" and all(isinstance(value, str) for value in values):
        return {"enum": list(values)}
    # That a boolean is true or false goes without saying; some authors list words, and a third one among them.
    if kind != "boolean" or len(values) == 1 or not all(isinstance(value, bool) for value in values):
        said.append("always " + show(values[0]) if len(values) == 1 else "one of: " + ", ".join(map(show, values)))
    return {}


def _default(node: Node, kind: str, said: list[str]) -> dict[str, Any]:
    value = node.default
    if value is None or not is_small(value):
        return {}
    if fits(value, kind) and (node.enum is None or value in node.enum):
        return {"default": int(value) if kind == "integer" else deepcopy(value)}
    said.append(f"default: {show(value)}")
    return {}


def _string(node: Node, said: list[str]) -> dict[str, Any]:
    body = {"pattern": node.pattern} if node.pattern else {}
    if node.format in _FORMATS:
        body["format"] = node.format
    elif node.format:
        said.append(f"format: {node.format}")
    return body


def _limits(node: Node, kind: str, said: list[str]) -> dict[str, int | float]:
    limits = {name: node.limits[name] for name in LIMITS.get(kind, ()) if name in node.limits}
    if kind == "integer":
        _close_range(limits)
    above, below = limits.pop("exclusiveMinimum", None), limits.pop("exclusiveMaximum", None)
    if above is not None and above >= limits.get("minimum", above):
        limits["minimum"] = above
        said.append(f"greater than {show(above)}")
    if below is not None and below <= limits.get("maximum", below):
        limits["maximum"] = below
        said.append(f"less than {show(below)}")
    return {name: limits[name] for name in LIMITS.get(kind, ()) if name in limits}


def _close_range(limits: dict[str, int | float]) -> None:
    """For integers an open end is the next integer."""
    if "exclusiveMinimum" in limits:
        limits["minimum"] = max(math.floor(limits.pop("exclusiveMinimum")) + 1, limits.get("minimum", -math.inf))
    if "exclusiveMaximum" in limits:
        limits["maximum"] = min(math.ceil(limits.pop("exclusiveMaximum")) - 1, limits.get("maximum", math.inf))
    for name in ("minimum", "maximum"):
        if abs(limits.get(name, 0)) >= _SAFE_INTEGER:
            del limits[name]
