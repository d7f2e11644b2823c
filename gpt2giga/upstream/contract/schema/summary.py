"""Schemas in a few words, for the descriptions of others: `{kind: "cat", lives?: integer}`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from gpt2giga.upstream.contract.schema.node import Child, LIMITS, Node, Note
from gpt2giga.upstream.contract.schema.values import show

Resolve: TypeAlias = Callable[[Child], Node]

_MOST_ENTRIES = 12
# Without the values of enums, for which the model may have no other place to look.
_LONGEST_REMARK = 1000
_MOST_LEVELS = 2


def remark(note: Note, resolve: Resolve) -> str:
    """Empty when there is nothing to choose from after all."""
    nodes = [part if isinstance(part, Node) else resolve(part) for part in note.parts]
    is_choice = note.glue == " or "
    # The keys of branches of one type are among the node's own properties, with all their values.
    words = _Words(resolve, shows_all_values=note.text != "one of: ")
    describe = words.with_description if is_choice or note.glue == "; " else words.of
    said = [describe(node) for node in nodes]
    most = _LONGEST_REMARK + sum(len(each) for node, each in zip(nodes, said, strict=True) if node.enum is not None)
    if is_choice:
        said = list(dict.fromkeys(said))
        if len(said) == 1 and note.text == "one of: ":
            return ""
    text = note.text + note.glue.join(said)
    return text if len(text) <= most else f"{text[:most]}..."


@dataclass(frozen=True, slots=True)
class _Words:
    resolve: Resolve
    shows_all_values: bool

    def of(self, node: Node, level: int = 0) -> str:
        if node.never or node.only_null:
            return "nothing" if node.never else "null"
        if node.enum is not None:
            values = [show(value) for value in node.enum]
            return " | ".join(values if self.shows_all_values or not level else _shorten(values))
        kind = node.kind
        if kind == "object":
            return self._object(node, level)
        if kind == "array":
            return self._array(node, level)
        # Keys inside are shown to tell branches apart; their limits stand where the key itself does.
        return ", ".join([kind or "any JSON value", *([] if level else _conditions(node, kind))])

    def with_description(self, node: Node) -> str:
        said = self.of(node)
        if node.kind == "object" and node.title:
            said = f"{node.title} {said}"
        return f"{said}: {node.description.rstrip('.')}" if node.description else said

    def _object(self, node: Node, level: int) -> str:
        names = list(dict.fromkeys((*node.properties, *node.required)))[: _MOST_ENTRIES + 1]
        if level >= _MOST_LEVELS or not names:
            return "object"
        return "{" + ", ".join(_shorten([self._key(node, name, level) for name in names])) + "}"

    def _key(self, node: Node, name: str, level: int) -> str:
        key = f"{name}?" if node.required and name not in node.required else name
        if level or name not in node.properties:
            return key
        return f"{key}: {self.of(self.resolve(node.properties[name]), level + 1)}"

    def _array(self, node: Node, level: int) -> str:
        if level >= _MOST_LEVELS or not node.items:
            return "array"
        return f"array of {self.of(self.resolve(node.items), level + 1)}"


def _conditions(node: Node, kind: str) -> list[str]:
    conditions = [f"{name} {show(node.limits[name])}" for name in LIMITS.get(kind, ()) if name in node.limits]
    if kind == "string":
        texts = (("pattern", node.pattern), ("format", node.format))
        conditions += [f"{name} {text}" for name, text in texts if text]
    return conditions


def _shorten(said: list[str]) -> list[str]:
    return said if len(said) <= _MOST_ENTRIES else [*said[:_MOST_ENTRIES], "..."]
