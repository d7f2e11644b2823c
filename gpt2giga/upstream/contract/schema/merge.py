"""Two meanings in one node: both at once (allOf, `$ref` with neighbours), or either (anyOf, oneOf, type lists)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from gpt2giga.upstream.contract.schema.node import Child, Combination, LOWER, Node, Note, RANK
from gpt2giga.upstream.contract.schema.values import fits, identity, includes, unique

_Value = TypeVar("_Value")


def all_of(nodes: list[Node]) -> Node:
    """Two by two, and the results again: one after the other would copy what has been merged each time."""
    while len(nodes) > 1:
        pairs = zip(nodes[::2], nodes[1::2], strict=False)
        nodes = [*(_both_of(a, b) for a, b in pairs), *nodes[len(nodes) & ~1 :]]
    return nodes[0]


def _both_of(a: Node, b: Node) -> Node:
    """Where they cannot both hold, `a` wins: the node itself knows better than what it refers to."""
    return Node(
        types=_common_types(a.types, b.types),
        nullable=a.nullable or b.nullable,
        never=a.never or b.never,
        description=_sentences(a.description, b.description),
        title=a.title or b.title,
        open=a.open and b.open,
        properties=_join_keys((a.properties, b.properties), any=False),
        required=tuple(dict.fromkeys(a.required + b.required)),
        items=_join([child for child in (a.items, b.items) if child], any=False),
        enum=_common_values(a.enum, b.enum),
        default=_first_default([a, b]),
        limits=_join_limits([a.limits, b.limits], any=False),
        pattern=a.pattern or b.pattern,
        format=a.format or b.format,
        notes=a.notes + b.notes + _second_pattern(a, b),
    )


def any_of(nodes: list[Node]) -> Node:
    possible = [node for node in nodes if not node.never]
    real = [node for node in possible if not node.only_null]
    nullable = any(node.nullable for node in possible)
    if not real:
        return Node(types=() if nullable else None, nullable=nullable, never=not possible)
    return replace(_unite(real), nullable=nullable)


def split_types(node: Node) -> Node:
    """A type list is a union whose branches share their keywords."""
    kinds = sorted(node.types or (), key=RANK.index)
    branches = [branch for branch in (_branch(node, kind) for kind in kinds) if branch.enum != []]
    if not branches:
        return replace(node, types=tuple(kinds[:1]))
    merged = any_of(branches)
    return replace(
        merged,
        nullable=node.nullable,
        description=node.description,
        title=node.title,
        default=node.default,
        notes=[note for note in node.notes if not note.kind] + merged.notes,
    )


def _branch(node: Node, kind: str) -> Node:
    return Node(
        types=(kind,),
        open=node.open,
        properties=node.properties if kind == "object" else {},
        required=node.required if kind == "object" else (),
        items=node.items if kind == "array" else None,
        enum=None if node.enum is None else [value for value in node.enum if fits(value, kind)],
        limits=node.limits,
        pattern=node.pattern if kind == "string" else "",
        format=node.format if kind == "string" else "",
        notes=[note for note in node.notes if note.kind and note.is_about(kind)],
    )


def _unite(nodes: list[Node]) -> Node:
    if len(nodes) == 1:
        return nodes[0]
    if all(node.enum is not None for node in nodes):
        return _unite_values(nodes)
    kind = min((node.kind for node in nodes), key=RANK.index)
    same = [node for node in nodes if includes(kind, node.kind)]
    others = [node for node in nodes if not includes(kind, node.kind)]
    merged = same[0] if len(same) == 1 else _unite_same_kind(same, kind)
    if not others:
        return merged
    if merged.enum is not None:
        # With an enum the model could never say any of the others.
        notes = [*merged.notes, Note("", "one of: ", tuple(nodes), " or ")]
        return replace(merged, enum=None, types=(kind,), notes=notes)
    return replace(merged, notes=[*merged.notes, Note("", "or ", tuple(others), " or ")])


def _unite_values(nodes: list[Node]) -> Node:
    values = unique(value for node in nodes for value in node.enum or ())
    text, nodes = _common_text(nodes)
    explained = [node for node in nodes if node.description]
    notes = [Note("", "", tuple(explained), "; ")] if explained else []
    return Node(enum=values, description=text, default=_first_default(nodes), notes=_notes(nodes) + notes)


def _unite_same_kind(nodes: list[Node], kind: str) -> Node:
    """Branches of one type: what any of them allows, and in words what each of them does."""
    text, nodes = _common_text([replace(node, types=(kind,)) for node in nodes])
    required = set(nodes[0].required).intersection(*(node.required for node in nodes))
    return Node(
        types=(kind,),
        description=text,
        open=any(node.open for node in nodes),
        properties=_join_keys((node.properties for node in nodes), any=True),
        required=tuple(name for name in nodes[0].required if name in required),
        items=_join([node.items for node in nodes if node.items], any=True),
        default=_first_default(nodes),
        limits=_join_limits([node.limits for node in nodes], any=True),
        pattern=_if_same(node.pattern for node in nodes),
        format=_if_same(node.format for node in nodes),
        notes=[*_notes(nodes), Note("", "one of: ", tuple(nodes), " or ")],
    )


def _common_text(nodes: list[Node]) -> tuple[str, list[Node]]:
    """What every branch says is said once."""
    text = _if_same(node.description for node in nodes)
    return text, [replace(node, description="") for node in nodes] if text else nodes


def _if_same(words: Iterable[str]) -> str:
    found = set(words)
    return found.pop() if len(found) == 1 else ""


def _sentences(first: str, second: str) -> str:
    return first if second in first else f"{first} {second}".strip()


def _first_default(nodes: list[Node]) -> Any:
    return next((node.default for node in nodes if node.default is not None), None)


def _notes(nodes: list[Node]) -> list[Note]:
    return [note for node in nodes for note in node.notes]


def _second_pattern(a: Node, b: Node) -> list[Note]:
    two = a.pattern and b.pattern and a.pattern != b.pattern
    return [Note("string", f"pattern: {b.pattern}")] if two else []


def _common_types(a: tuple[str, ...] | None, b: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if not a or not b:
        return a or b if a is None or b is None else a
    exact = [kind for kind in a if kind in b or (kind == "integer" and "number" in b)]
    narrowed = ["integer"] if "number" in a and "integer" in b else []
    return tuple(exact + narrowed) or a


def _common_values(a: list[Any] | None, b: list[Any] | None) -> list[Any] | None:
    if a is None or b is None:
        return b if a is None else a
    known = {identity(value) for value in b}
    return [value for value in a if identity(value) in known] or a


def _join_keys(maps: Iterable[dict[str, Child]], *, any: bool) -> dict[str, Child]:
    found = _group(maps)
    return {name: joined for name, children in found.items() if (joined := _join(children, any=any))}


def _join(children: list[Child], *, any: bool) -> Child | None:
    if len(children) < 2:
        return children[0] if children else None
    flat: list[Child] = []
    for child in children:
        flat += child.children if isinstance(child, Combination) and child.any == any else (child,)
    return Combination(tuple(flat), any)


def _join_limits(maps: Sequence[dict[str, int | float]], *, any: bool) -> dict[str, int | float]:
    """The widest of those that all have, or the narrowest of each."""
    found = _group(maps)
    return {
        name: min(values) if (name in LOWER) == any else max(values)
        for name, values in found.items()
        if not any or len(values) == len(maps)
    }


def _group(maps: Iterable[dict[str, _Value]]) -> dict[str, list[_Value]]:
    found: dict[str, list[_Value]] = {}
    for each in maps:
        for name, value in each.items():
            found.setdefault(name, []).append(value)
    return found
