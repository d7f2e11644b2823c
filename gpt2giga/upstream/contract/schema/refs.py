"""Where a `$ref` points."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import unquote

from gpt2giga.upstream.contract.schema.node import Location

_MISSING = object()
# "id" is draft 4's, and zod's.
_IDS, _ANCHORS = ("$id", "id"), ("$anchor", "$dynamicAnchor")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_LONGEST_CHAIN = 8


def reference(raw: dict[str, Any]) -> str | None:
    for keyword in _REFERENCES:
        value = raw.get(keyword)
        if isinstance(value, str):
            return value or "#"
    return None


def name_of(ref: str) -> str:
    """The last word of a reference, empty for the document itself."""
    return _unescape(ref.rsplit("/", 1)[-1].lstrip("#"))


def is_resource(raw: dict[str, Any]) -> bool:
    """References in it that begin with `#` count from here."""
    return isinstance(raw.get("$id"), str) and not raw["$id"].startswith("#")


def definitions(raw: dict[str, Any]) -> dict[str, Any]:
    maps = (raw.get(keyword) for keyword in ("$defs", "definitions"))
    return {name: node for found in maps if isinstance(found, dict) for name, node in found.items()}


class Document:
    """A schema, and what can be referred to in it."""

    def __init__(self, root: Any) -> None:
        self.root = root

    def find(self, ref: str, location: Location) -> Any:
        """What ref stands for; None when nothing does.

        A model's schema pasted into a tool's keeps its `$defs` where it was pasted, so its pointers miss the root (MCP
        servers in Python do that).
        """
        address, _, fragment = ref.partition("#")
        for base in [self._identified(address)] if address else [location.resource, self.root]:
            found = base
            if fragment.startswith("/"):
                found = _follow(base, fragment)
            elif fragment:
                found = self._named.get(f"#{fragment}", _MISSING)
            if found is not _MISSING:
                return found
        return location.scope.get(name_of(ref))

    def _identified(self, address: str) -> Any:
        """TypeBox's recursion refers to `$id`s. Where they are addresses, a reference may have the end of one only."""
        return self._named.get(address, self._named.get(name_of(address), _MISSING))

    @cached_property
    def _named(self) -> dict[str, Any]:
        """All nodes with an id or an anchor. No recursion, the depth is the client's."""
        found: dict[str, Any] = {}
        waiting = [self.root]
        while waiting:
            item = waiting.pop()
            if isinstance(item, dict):
                for name in _names(item):
                    found.setdefault(name, item)
                waiting.extend(item.values())
            elif isinstance(item, list):
                waiting.extend(item)
        return found


def write_out_root(schema: Any) -> Any:
    """A root that only refers gets the keywords of what it refers to; references inside stay as they are, and right."""
    root = schema
    for _ in range(_LONGEST_CHAIN):
        if not isinstance(root, dict) or "properties" in root:
            return root
        ref, parts = reference(root), root.get("allOf")
        if ref:
            target = Document(schema).find(ref, Location(0, frozenset(), definitions(schema), schema))
        else:  # pydantic 1 wraps a reference in it
            target = parts[0] if isinstance(parts, list) and len(parts) == 1 else None
        if not isinstance(target, dict):
            return root
        found = {name: value for name, value in target.items() if name not in _IDS + _ANCHORS}
        replaced = _REFERENCES if ref else ("allOf",)
        own = {name: value for name, value in root.items() if name not in replaced}
        root = {**found, **own}
    return schema


def _names(node: dict[str, Any]) -> list[str]:
    """Drafts 6 and 7 have no word of their own for an anchor: it is an id that begins with `#`."""
    ids = [node[keyword] for keyword in _IDS if isinstance(node.get(keyword), str)]
    anchors = [f"#{node[keyword]}" for keyword in _ANCHORS if isinstance(node.get(keyword), str)]
    names = [each if each.startswith("#") else each.rstrip("#") for each in ids]
    return [*names, *(name_of(name) for name in names if not name.startswith("#")), *anchors]


def _follow(node: Any, pointer: str) -> Any:
    for step in pointer[1:].split("/"):
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
