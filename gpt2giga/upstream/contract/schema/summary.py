"""Schemas in a few words, for the descriptions of others: `{kind: "cat", lives?: integer}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from gpt2giga.upstream.contract.schema.shape import Child, LIMITS, Note, Shape
from gpt2giga.upstream.contract.schema.values import show

ShapeOf: TypeAlias = Callable[[Child], Shape]

_MOST = 12
_LONGEST = 1000
_DEEPEST = 2


def remark(note: Note, shape_of: ShapeOf) -> str:
    """Empty when there is nothing to choose from after all."""
    shapes = [part if isinstance(part, Shape) else shape_of(part) for part in note.parts]
    if note.glue != " or ":
        said = [_with_text(shape, shape_of) if note.glue == "; " else words(shape, shape_of) for shape in shapes]
    else:
        said = list(dict.fromkeys(_with_text(shape, shape_of) for shape in shapes))
        if len(said) == 1 and note.text == "one of: ":
            return ""
    return _cut(note.text + note.glue.join(said))


def words(shape: Shape, shape_of: ShapeOf, level: int = 0) -> str:
    if shape.never or shape.only_null:
        return "nothing" if shape.never else "null"
    if shape.enum is not None:
        return " | ".join(_first([show(value) for value in shape.enum]))
    kind = shape.kind
    if kind == "object":
        return _object(shape, shape_of, level)
    if kind == "array":
        return _array(shape, shape_of, level)
    # Keys inside are shown to tell branches apart; their limits stand where the key itself does.
    return ", ".join([kind or "any JSON value", *([] if level else _conditions(shape, kind))])


def _with_text(shape: Shape, shape_of: ShapeOf) -> str:
    said = words(shape, shape_of)
    if shape.kind == "object" and shape.title:
        said = f"{shape.title} {said}"
    return f"{said}: {shape.text.rstrip('.')}" if shape.text else said


def _object(shape: Shape, shape_of: ShapeOf, level: int) -> str:
    names = dict.fromkeys((*shape.properties, *shape.required))
    if level >= _DEEPEST or not names:
        return "object"
    return "{" + ", ".join(_first([_key(shape, name, shape_of, level) for name in list(names)[: _MOST + 1]])) + "}"


def _key(shape: Shape, name: str, shape_of: ShapeOf, level: int) -> str:
    key = f"{name}?" if shape.required and name not in shape.required else name
    if level or name not in shape.properties:
        return key
    return f"{key}: {words(shape_of(shape.properties[name]), shape_of, level + 1)}"


def _array(shape: Shape, shape_of: ShapeOf, level: int) -> str:
    if level >= _DEEPEST or not shape.items:
        return "array"
    return f"array of {words(shape_of(shape.items), shape_of, level + 1)}"


def _conditions(shape: Shape, kind: str) -> list[str]:
    limits = [f"{name} {show(shape.limits[name])}" for name in LIMITS.get(kind, ()) if name in shape.limits]
    if kind != "string":
        return limits
    pattern = [f"pattern {shape.pattern}"] if shape.pattern else []
    return [*limits, *pattern, *([f"format {shape.format}"] if shape.format else [])]


def _first(said: list[str]) -> list[str]:
    return said if len(said) <= _MOST else [*said[:_MOST], "..."]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
