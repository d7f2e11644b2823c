"""One node with everything it refers to and combines: no `$ref`, allOf, anyOf, oneOf or type list is left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpt2giga.upstream.contract.schema.budget import Budget
from gpt2giga.upstream.contract.schema.merge import all_of, any_of, split_types
from gpt2giga.upstream.contract.schema.node import (
    Child,
    Combination,
    Location,
    Node,
    Note,
    RANK,
    Subschema,
    UNKNOWN_TYPE,
)
from gpt2giga.upstream.contract.schema.read import read
from gpt2giga.upstream.contract.schema.refs import definitions, Document, is_resource, name_of, reference

_LONGEST_CHAIN = 8
_MOST_KEYS = 12
_COMBINING = ("allOf", "anyOf", "oneOf")


class Resolver:
    def __init__(self, root: Any, deepest: int, budget: Budget) -> None:
        self._root = root
        self._document = Document(root)
        self._deepest = deepest
        self._budget = budget

    def root(self) -> Node:
        return self.resolve(Subschema(self._root, Location(0, frozenset({id(self._root)}), {}, self._root)))

    def resolve(self, child: Child) -> Node:
        if isinstance(child, Combination):
            nodes = [self.resolve(each) for each in child.children]
            return any_of(nodes) if child.any else all_of(nodes)
        raw, location = child.raw, child.location
        local = definitions(raw) if isinstance(raw, dict) else {}
        if local:
            location = replace(location, scope={**location.scope, **local})
        if isinstance(raw, dict) and is_resource(raw):
            location = replace(location, resource=raw)
        own = self._read(raw, location)
        ref = reference(raw) if isinstance(raw, dict) else None
        if location.depth >= self._deepest:
            return self._cut(own, raw, ref, location)
        return self._combine(own, ref, location)

    def _read(self, raw: Any, location: Location) -> Node:
        self._budget.spend(raw)
        return read(raw, location)

    def _combine(self, own: Node, ref: str | None, location: Location) -> Node:
        extras = own.extras
        more = [self._follow(ref, location)] if ref else []
        more += [self.resolve(part) for part in own.parts]
        more += [any_of([self.resolve(branch) for branch in union]) for union in own.unions]
        own = all_of([own, *more])
        for extra in extras:
            for name, child in self.resolve(extra).properties.items():
                own.properties.setdefault(name, child)
        return split_types(own) if own.types and len(own.types) > 1 else own

    def _follow(self, ref: str, location: Location) -> Node:
        target = self._document.find(ref, location)
        if target is None:
            return Node(open=False, notes=[Note("", UNKNOWN_TYPE + name_of(ref))])
        if id(target) in location.referred:
            return self._name_again(target, ref, location)
        return self.resolve(Subschema(target, location.deeper(id(target))))

    def _name_again(self, target: Any, ref: str, location: Location) -> Node:
        """A reference back to a node we are inside of: named instead of unrolled for ever."""
        own = self._read(target, location)
        name = name_of(ref) or own.title
        said = f"another {name}" if name else "like the whole"
        if own.properties:
            said += ", same keys: " + ", ".join(list(own.properties)[:_MOST_KEYS])
        kind = self._guess_kind(target, location) or "object"
        return Node(types=(kind,), open=False, notes=[Note("", said)])

    def _cut(self, own: Node, raw: Any, ref: str | None, location: Location) -> Node:
        """A node without what is inside it. Cutting twice changes nothing, so neither does converting twice."""
        kind = min(own.types, key=RANK.index) if own.types else own.kind or self._guess_kind(raw, location)
        items, lossy = self._cut_items(own, kind, location)
        notes = [note for note in own.notes if not note.parts]
        lossy |= bool(ref or own.properties or own.parts or own.unions or len(notes) < len(own.notes))
        if lossy:
            notes.append(Note("", "nested deeper than shown"))
        return replace(
            own,
            types=(kind,) if kind else own.types,
            open=own.open and not lossy,
            properties={},
            items=items,
            notes=notes,
            parts=[],
            unions=[],
            extras=[],
        )

    def _cut_items(self, own: Node, kind: str, location: Location) -> tuple[Child | None, bool]:
        if kind != "array":
            return None, False
        raw = own.items.raw if isinstance(own.items, Subschema) else None
        guess = self._guess_kind(raw, location)
        plain = {"type": "string" if guess in ("", "object", "array") else guess}
        return Subschema(plain, location), own.items is not None and raw != plain

    def _guess_kind(self, raw: Any, location: Location) -> str:
        """The type of a node without looking at more than a few others."""
        for _ in range(_LONGEST_CHAIN):
            kind = self._read(raw, location).kind
            if kind or not isinstance(raw, dict):
                return kind
            ref = reference(raw)
            raw = self._document.find(ref, location) if ref else self._richest(raw, location)
        return ""

    def _richest(self, raw: dict[str, Any], location: Location) -> Any:
        lists = (raw.get(name) for name in _COMBINING)
        branches = [each for found in lists if isinstance(found, list) for each in found if isinstance(each, dict)]
        return min(branches, key=lambda branch: self._rank(branch, location), default=None)

    def _rank(self, raw: dict[str, Any], location: Location) -> int:
        # What lies behind a reference is taken for an object: that is what people write references to.
        far = reference(raw) or any(name in raw for name in _COMBINING)
        return 0 if far else RANK.index(self._read(raw, location).kind)
