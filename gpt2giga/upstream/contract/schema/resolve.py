"""One node with everything it refers to and combines: no `$ref`, allOf, anyOf, oneOf or type list is left."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import Any

from gpt2giga.upstream.contract.schema.budget import Budget
from gpt2giga.upstream.contract.schema.merge import both, either, split
from gpt2giga.upstream.contract.schema.read import read
from gpt2giga.upstream.contract.schema.refs import definitions, find, name_of, reference
from gpt2giga.upstream.contract.schema.shape import Child, Joined, Note, Path, RANK, Shape, Sub, UNKNOWN_TYPE

_LONGEST_CHAIN = 8
_MOST_KEYS = 12
_COMBINING = ("allOf", "anyOf", "oneOf")


class Resolver:
    def __init__(self, root: Any, deepest: int, budget: Budget) -> None:
        self._root = root
        self._deepest = deepest
        self._budget = budget

    def root(self) -> Shape:
        return self.shape(Sub(self._root, Path(0, frozenset("#"), {})))

    def shape(self, child: Child) -> Shape:
        if isinstance(child, Joined):
            shapes = [self.shape(each) for each in child.children]
            return either(shapes) if child.any else reduce(both, shapes)
        raw, path = child.raw, child.path
        local = definitions(raw) if isinstance(raw, dict) else {}
        if local:
            path = Path(path.depth, path.refs, {**path.scope, **local})
        own = self._read(raw, path)
        ref = reference(raw) if isinstance(raw, dict) else None
        if path.depth >= self._deepest:
            return self._cut(own, raw, ref, path)
        return self._resolved(own, ref, path)

    def _read(self, raw: Any, path: Path) -> Shape:
        self._budget.spend(raw)
        return read(raw, path)

    def _resolved(self, own: Shape, ref: str | None, path: Path) -> Shape:
        parts, unions, extras = own.parts, own.unions, own.extras
        if ref:
            own = both(own, self._referred(ref, path))
        for part in parts:
            own = both(own, self.shape(part))
        for union in unions:
            own = both(own, either([self.shape(branch) for branch in union]))
        for extra in extras:
            added = self.shape(extra).properties.items()
            own.properties = own.properties | {name: child for name, child in added if name not in own.properties}
        return split(own) if own.types and len(own.types) > 1 else own

    def _referred(self, ref: str, path: Path) -> Shape:
        target = find(self._root, ref, path.scope)
        if target is None:
            return Shape(open=False, notes=[Note("", UNKNOWN_TYPE + name_of(ref))])
        if ref in path.refs:
            return self._again(target, ref, path)
        return self.shape(Sub(target, path.deeper(ref)))

    def _again(self, target: Any, ref: str, path: Path) -> Shape:
        """A reference back to a node we are inside of: named instead of unrolled for ever."""
        own = self._read(target, path)
        name = name_of(ref) or own.title
        said = f"another {name}" if name else "like the whole"
        if own.properties:
            said += ", same keys: " + ", ".join(list(own.properties)[:_MOST_KEYS])
        kind = self._guess(target, path) or "object"
        return Shape(types=(kind,), open=False, notes=[Note("", said)])

    def _cut(self, own: Shape, raw: Any, ref: str | None, path: Path) -> Shape:
        """A node without what is inside it. Cutting twice changes nothing, so neither does converting twice."""
        kind = min(own.types, key=RANK.index) if own.types else own.kind or self._guess(raw, path)
        items, lossy = self._cut_items(own, kind, path)
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

    def _cut_items(self, own: Shape, kind: str, path: Path) -> tuple[Child | None, bool]:
        if kind != "array":
            return None, False
        raw = own.items.raw if isinstance(own.items, Sub) else None
        guess = self._guess(raw, path)
        plain = {"type": "string" if guess in ("", "object", "array") else guess}
        return Sub(plain, path), own.items is not None and raw != plain

    def _guess(self, raw: Any, path: Path) -> str:
        """The type of a node without looking at more than a few others."""
        for _ in range(_LONGEST_CHAIN):
            kind = self._read(raw, path).kind
            if kind or not isinstance(raw, dict):
                return kind
            ref = reference(raw)
            raw = find(self._root, ref, path.scope) if ref else self._richest(raw, path)
        return ""

    def _richest(self, raw: dict[str, Any], path: Path) -> Any:
        branches = [branch for name in _COMBINING for branch in _listed(raw.get(name)) if isinstance(branch, dict)]
        return min(branches, key=lambda branch: self._rank(branch, path), default=None)

    def _rank(self, raw: dict[str, Any], path: Path) -> int:
        # What lies behind a reference is taken for an object: that is what people write references to.
        far = reference(raw) or any(name in raw for name in _COMBINING)
        return 0 if far else RANK.index(self._read(raw, path).kind)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
