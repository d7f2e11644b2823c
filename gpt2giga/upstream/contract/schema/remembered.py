"""What is found out of a schema is remembered, for agents send the same list of tools every turn."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import orjson

from gpt2giga.upstream.contract.schema.convert import to_function_parameters
from gpt2giga.upstream.contract.schema.native import as_written, used_keywords
from gpt2giga.upstream.contract.schema.openapi import to_json_schema

# Bytes. Longer ones are rare, and would leave no room for others.
LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Conversion:
    """parameters: converted. native: as it was written. keywords: what GigaChat would have to understand to take that;
    None: more than it may."""

    parameters: dict[str, Any]
    native: Any
    keywords: frozenset[str] | None


class Conversions:
    """By the schema's JSON. The one not asked for longest makes room.

    most_bytes: of all that JSON. With what it becomes it takes about ten times as much memory.
    """

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes
        self._found: OrderedDict[bytes, Conversion] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, schema: bytes) -> Conversion:
        with self._lock:
            if schema in self._found:
                self._found.move_to_end(schema)
                return self._found[schema]
        raw = to_json_schema(orjson.loads(schema))
        native = as_written(raw)
        converted = Conversion(to_function_parameters(raw), native, used_keywords(native))
        if len(schema) > LONGEST:
            return converted
        with self._lock:
            if schema not in self._found:
                self._found[schema] = converted
                self._left -= len(schema)
            while self._left < 0:
                forgotten, _ = self._found.popitem(last=False)
                self._left += len(forgotten)
        return converted
