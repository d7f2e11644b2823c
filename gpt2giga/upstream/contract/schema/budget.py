"""How much a schema may grow: a few lines of `$ref` can stand for more nodes than there are atoms."""

from __future__ import annotations

from typing import Any

from gpt2giga.concurrency.waiting import give_way

_COST_OF_NODE = 64
_COST_OF_ENTRY = 8


class TooLarge(Exception):
    """Not for clients: the schema is tried again with less depth."""


class Budget:
    def __init__(self, most: int) -> None:
        self._left = most

    def spend(self, node: Any) -> None:
        give_way()
        self._left -= _cost(node)
        if self._left < 0:
            raise TooLarge


def weigh(schema: object, most: int) -> int:
    """What it takes to read all nodes once. No recursion, the depth is the client's."""
    weight = 0
    waiting = [schema]
    while waiting and weight < most:
        item = waiting.pop()
        if isinstance(item, dict):
            weight += _cost(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return weight


def _cost(node: Any) -> int:
    return _COST_OF_NODE + (sum(map(_length, node.values())) if isinstance(node, dict) else 0)


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    return _COST_OF_ENTRY * len(value) if isinstance(value, (list, dict)) else 0
