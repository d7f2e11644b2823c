"""Schemas in a few words, for the descriptions of others: `{kind: "cat", lives?: integer}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from gpt2giga.upstream.contract.schema.node import Child, LIMITS, Node, Note
from gpt2giga.upstream.contract.schema.values import show

Resolve: TypeAlias = Callable[[Child], Node]

_MOST_ENTRIES = 12
_LONGEST_REMARK = 1000
_MOST_LEVELS = 2


def remark(note: Note, resolve: Resolve) -> str:
    """Empty when there is nothing to choose from after all."""
    nodes = [part if isinstance(part, Node) else resolve(part) for part in note.parts]
    describe = _with_description if note.glue in (" or ", "; ") else summarize
    said = [describe(node, resolve) for node in nodes]
    if note.glue == " or ":
        said = list(dict.fromkeys(said))
        if len(said) == 1 and note.text == "one of: ":
            return ""
    text = note.text + note.glue.join(said)
    return text if len(text) <= _LONGEST_REMARK else f"{text[:_LONGEST_REMARK]}..."


def summarize(node: Node, resolve: Resolve, level: int = 0) -> str:
    if node.never or node.only_null:
        return "nothing" if node.never else "null"
    if node.enum is not None:
        return " | ".join(_shorten([show(value) for value in node.enum]))
    kind = node.kind
    if kind == "object":
        return _object(node, resolve, level)
    if kind == "array":
        return _array(node, resolve, level)
    # Keys inside are shown to tell branches apart; their limits stand where the key itself does.
    return ", ".join([kind or "any JSON value", *([] if level else _conditions(node, kind))])


def _with_description(node: Node, resolve: Resolve) -> str:
    said = summarize(node, resolve)
    if node.kind == "object" and node.title:
        said = f"{node.title} {said}"
    return f"{said}: {node.description.rstrip('.')}" if node.description else said


def _object(node: Node, resolve: Resolve, level: int) -> str:
    names = list(dict.fromkeys((*node.properties, *node.required)))[: _MOST_ENTRIES + 1]
    if level >= _MOST_LEVELS or not names:
        return "object"
    return (
        "{" + ", ".join(_shorten([_key(node, name, resolve, level) for name in list(names)[: _MOST_ENTRIES + 1]])) + "}"
    )


def _key(node: Node, name: str, resolve: Resolve, level: int) -> str:
    key = f"{name}?" if node.required and name not in node.required else name
    if level or name not in node.properties:
        return key
    return f"{key}: {summarize(resolve(node.properties[name]), resolve, level + 1)}"


def _array(node: Node, resolve: Resolve, level: int) -> str:
    if level >= _MOST_LEVELS or not node.items:
        return "array"
    return f"array of {summarize(resolve(node.items), resolve, level + 1)}"


def _conditions(node: Node, kind: str) -> list[str]:
    conditions = [f"{name} {show(node.limits[name])}" for name in LIMITS.get(kind, ()) if name in node.limits]
    if kind == "string":
        texts = (("pattern", node.pattern), ("format", node.format))
        conditions += [f"{name} {text}" for name, text in texts if text]
    return conditions


def _shorten(said: list[str]) -> list[str]:
    return said if len(said) <= _MOST_ENTRIES else [*said[:_MOST_ENTRIES], "..."]
