"""Where a `$ref` points."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

_MISSING = object()


def reference(raw: dict[str, Any]) -> str | None:
    for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
        value = raw.get(keyword)
        if isinstance(value, str):
            return value or "#"
    return None


def name_of(ref: str) -> str:
    """The last word of a reference, empty for the document itself."""
    return _unescape(ref.rsplit("/", 1)[-1].lstrip("#"))


def definitions(raw: dict[str, Any]) -> dict[str, Any]:
    maps = (raw.get(keyword) for keyword in ("$defs", "definitions"))
    return {name: node for found in maps if isinstance(found, dict) for name, node in found.items()}


def find(root: Any, ref: str, scope: dict[str, Any]) -> Any:
    """What ref stands for; None when nothing does.

    scope: the definitions of the nodes around. A model's schema pasted into a tool's keeps its `$defs`
    where it was pasted, so its pointers miss the root (MCP servers in Python do that).
    """
    target = _follow(root, ref) if ref.startswith("#") else _MISSING
    if target is _MISSING:
        return scope.get(name_of(ref))
    return target


def _follow(root: Any, pointer: str) -> Any:
    if pointer == "#":
        return root
    if not pointer.startswith("#/"):
        return _MISSING
    node = root
    for step in pointer[2:].split("/"):
        node = _step(node, _unescape(step))
    return node


def _step(node: Any, key: str) -> Any:
    if isinstance(node, dict):
        return node.get(key, _MISSING)
    if isinstance(node, list) and key.isdecimal() and len(key) < 6 and int(key) < len(node):
        return node[int(key)]
    return _MISSING


def _unescape(step: str) -> str:
    return unquote(step).replace("~1", "/").replace("~0", "~")
