"""Two meanings in one node: both at once (allOf, `$ref` with neighbours), or either (anyOf, oneOf, type lists)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeAlias

from gpt2giga.upstream.contract.schema.shape import Child, Joined, LOWER, Note, RANK, Shape
from gpt2giga.upstream.contract.schema.values import fits, identity, unique

_Choice: TypeAlias = Callable[[Any, Any], Any]


def both(a: Shape, b: Shape) -> Shape:
    """Where they cannot both hold, `a` wins: the node itself knows better than what it refers to."""
    return Shape(
        types=_shared_types(a.types, b.types),
        nullable=a.nullable or b.nullable,
        never=a.never or b.never,
        text=_sentences((a.text, b.text)),
        title=a.title or b.title,
        open=a.open and b.open,
        properties=_join_keys((a.properties, b.properties), any=False),
        required=tuple(dict.fromkeys(a.required + b.required)),
        items=_join([child for child in (a.items, b.items) if child], any=False),
        enum=_shared_values(a.enum, b.enum),
        default=a.default or b.default,
        limits=_limits((a.limits, b.limits), lower=max, upper=min),
        pattern=a.pattern or b.pattern,
        format=a.format or b.format,
        notes=a.notes + b.notes + _second_pattern(a, b),
    )


def either(shapes: list[Shape]) -> Shape:
    possible = [shape for shape in shapes if not shape.never]
    real = [shape for shape in possible if not shape.only_null]
    nullable = any(shape.nullable for shape in possible)
    if not real:
        return Shape(types=() if nullable else None, nullable=nullable, never=not possible)
    return replace(_either(real), nullable=nullable)


def split(shape: Shape) -> Shape:
    """A type list is a union whose branches share their keywords."""
    kinds = sorted(shape.types or (), key=RANK.index)
    branches = [branch for branch in (_branch(shape, kind) for kind in kinds) if branch.enum != []]
    if not branches:
        return replace(shape, types=tuple(kinds[:1]))
    merged = either(branches)
    return replace(
        merged,
        nullable=shape.nullable,
        text=shape.text,
        title=shape.title,
        default=shape.default,
        notes=[note for note in shape.notes if not note.kind] + merged.notes,
    )


def _branch(shape: Shape, kind: str) -> Shape:
    return Shape(
        types=(kind,),
        open=shape.open,
        properties=shape.properties if kind == "object" else {},
        required=shape.required if kind == "object" else (),
        items=shape.items if kind == "array" else None,
        enum=None if shape.enum is None else [value for value in shape.enum if fits(value, kind)],
        limits=shape.limits,
        pattern=shape.pattern if kind == "string" else "",
        format=shape.format if kind == "string" else "",
        notes=[note for note in shape.notes if note.kind and note.is_about(kind)],
    )


def _either(shapes: list[Shape]) -> Shape:
    if len(shapes) == 1:
        return shapes[0]
    if all(shape.enum is not None for shape in shapes):
        return _values(shapes)
    kind = min((shape.kind for shape in shapes), key=RANK.index)
    same = [shape for shape in shapes if _speaks_of(shape, kind)]
    others = [shape for shape in shapes if not _speaks_of(shape, kind)]
    merged = same[0] if len(same) == 1 else _alike(same, kind)
    if not others:
        return merged
    if merged.enum is not None:
        # With an enum the model could never say any of the others.
        others, merged = shapes, replace(merged, enum=None)
        return replace(merged, types=(kind,), notes=[*merged.notes, Note("", "one of: ", tuple(others), " or ")])
    return replace(merged, notes=[*merged.notes, Note("", "or ", tuple(others), " or ")])


def _speaks_of(shape: Shape, kind: str) -> bool:
    return shape.kind == kind or (kind == "number" and shape.kind == "integer")


def _values(shapes: list[Shape]) -> Shape:
    values = unique(value for shape in shapes for value in shape.enum or ())
    text, shapes = _common_text(shapes)
    explained = [shape for shape in shapes if shape.text]
    notes = [Note("", "", tuple(explained), "; ")] if explained else []
    return Shape(enum=values, text=text, default=_first_default(shapes), notes=_notes(shapes) + notes)


def _alike(shapes: list[Shape], kind: str) -> Shape:
    """Branches of one type: what any of them allows, and in words what each of them does."""
    text, shapes = _common_text([replace(shape, types=(kind,)) for shape in shapes])
    required = [shape.required for shape in shapes]
    return Shape(
        types=(kind,),
        text=text,
        open=any(shape.open for shape in shapes),
        properties=_join_keys((shape.properties for shape in shapes), any=True),
        required=tuple(name for name in required[0] if all(name in names for names in required)),
        items=_join([shape.items for shape in shapes if shape.items], any=True),
        default=_first_default(shapes),
        limits=_common_limits([shape.limits for shape in shapes]),
        pattern=_same(shape.pattern for shape in shapes),
        format=_same(shape.format for shape in shapes),
        notes=[*_notes(shapes), Note("", "one of: ", tuple(shapes), " or ")],
    )


def _common_text(shapes: list[Shape]) -> tuple[str, list[Shape]]:
    """What every branch says is said once."""
    text = _same(shape.text for shape in shapes)
    return text, [replace(shape, text="") for shape in shapes] if text else shapes


def _same(words: Iterable[str]) -> str:
    found = set(words)
    return found.pop() if len(found) == 1 else ""


def _sentences(texts: tuple[str, str]) -> str:
    first, second = texts
    return first if second in first else f"{first} {second}".strip()


def _first_default(shapes: list[Shape]) -> tuple[Any, ...]:
    return next((shape.default for shape in shapes if shape.default), ())


def _notes(shapes: list[Shape]) -> list[Note]:
    return [note for shape in shapes for note in shape.notes]


def _second_pattern(a: Shape, b: Shape) -> list[Note]:
    two = a.pattern and b.pattern and a.pattern != b.pattern
    return [Note("string", f"pattern: {b.pattern}")] if two else []


def _shared_types(a: tuple[str, ...] | None, b: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if not a or not b:
        return a or b if a is None or b is None else a
    exact = [kind for kind in a if kind in b or (kind == "integer" and "number" in b)]
    narrowed = ["integer"] if "number" in a and "integer" in b else []
    return tuple(exact + narrowed) or a


def _shared_values(a: list[Any] | None, b: list[Any] | None) -> list[Any] | None:
    if a is None or b is None:
        return b if a is None else a
    known = {identity(value) for value in b}
    return [value for value in a if identity(value) in known] or a


def _join_keys(maps: Iterable[dict[str, Child]], *, any: bool) -> dict[str, Child]:
    found: dict[str, list[Child]] = {}
    for properties in maps:
        for name, child in properties.items():
            found.setdefault(name, []).append(child)
    return {name: joined for name, children in found.items() if (joined := _join(children, any=any))}


def _join(children: list[Child], *, any: bool) -> Child | None:
    if len(children) < 2:
        return children[0] if children else None
    flat: list[Child] = []
    for child in children:
        flat += child.children if isinstance(child, Joined) and child.any == any else (child,)
    return Joined(tuple(flat), any)


def _common_limits(maps: list[dict[str, int | float]]) -> dict[str, int | float]:
    common = set(maps[0]).intersection(*maps[1:])
    kept = [{name: value for name, value in limits.items() if name in common} for limits in maps]
    return _limits(kept, lower=min, upper=max)


def _limits(maps: Iterable[dict[str, Any]], *, lower: _Choice, upper: _Choice) -> dict[str, int | float]:
    found: dict[str, int | float] = {}
    for limits in maps:
        for name, value in limits.items():
            choose = lower if name in LOWER else upper
            found[name] = choose(found[name], value) if name in found else value
    return found
