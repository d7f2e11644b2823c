"""Do the arguments of a call have the keys and types that the client's schema wants? Pure.

Not by jsonschema, which takes long to load, and longer to read a schema than a call is worth: agents live by
calls. What is not understood here counts as right.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, islice
from typing import Any

from gpt2giga.concurrency.waiting import give_way
from gpt2giga.upstream.contract.schema.node import Location
from gpt2giga.upstream.contract.schema.refs import definitions, Document, reference
from gpt2giga.upstream.contract.schema.values import fits, type_from_word, type_of

# Looks at a value by a schema, and names and values that each walks past; references to references could make more of
# them than there are atoms. What is not looked at any more counts as right.
MOST_STEPS = 5000
LETTERS_OF_A_STEP = 50  # of a reference
DEEPEST = 40
MOST_FAULTS = 10


def faults(arguments: dict[str, Any], schema: Any) -> list[str]:
    """In words for the model, without the values."""
    if not isinstance(schema, dict):
        return []
    # Arguments are an object. A schema of something else is an author's mistake, and no model can follow it.
    return _Check(schema).look(arguments, {**schema, "type": "object"}, "", 0)


class _Check:
    def __init__(self, schema: dict[str, Any]) -> None:
        self._document = Document(schema)
        self._location = Location(0, frozenset(), definitions(schema), schema)
        self._steps_left = MOST_STEPS

    def look(self, value: Any, schema: Any, place: str, depth: int) -> list[str]:
        if not isinstance(schema, dict) or depth > DEEPEST:
            return []
        enum = _list(schema, "enum")
        if not self._may_take(1 + len(enum) + len(_list(schema, "type"))):
            return []
        if value in enum:  # whatever the type beside it says
            return []
        if value is None and schema.get("nullable") is True:  # OpenAPI's word, whatever else stands there
            return []
        kinds = _kinds(schema)
        if kinds and not any(fits(value, kind) for kind in kinds):
            return [f"{place or 'the whole'} must be {' or '.join(kinds)}, not {type_of(value)}"]
        found = self._combined(value, schema, place, depth + 1)
        if isinstance(value, dict):
            found += self._keys(value, schema, place, depth + 1)
        elif isinstance(value, list):
            items, first = schema.get("items"), enumerate(value[:MOST_STEPS])
            found += _first(self.look(item, items, f"{place}[{number}]", depth + 1) for number, item in first)
        return found[:MOST_FAULTS]

    def _may_take(self, steps: int) -> bool:
        give_way()
        self._steps_left -= steps
        return self._steps_left >= 0

    def _combined(self, value: Any, schema: dict[str, Any], place: str, depth: int) -> list[str]:
        ref = reference(schema)
        parts = []
        if ref and self._may_take(len(ref) // LETTERS_OF_A_STEP):
            parts = [self._document.find(ref, self._location)]
        found = _first(self.look(value, part, place, depth) for part in (*parts, *_list(schema, "allOf")))
        for union in (_list(schema, "anyOf"), _list(schema, "oneOf")):
            closest: list[str] | None = None
            for branch in union:
                look = self.look(value, branch, place, depth)
                closest = look if closest is None or len(look) < len(closest) else closest
                if not closest:
                    break
            found += closest or []
        return found

    def _keys(self, value: dict[str, Any], schema: dict[str, Any], place: str, depth: int) -> list[str]:
        known = schema.get("properties")
        properties = known if isinstance(known, dict) else {}
        if not self._may_take(len(properties) + len(_list(schema, "required"))):
            return []
        required = {name: None for name in _list(schema, "required") if isinstance(name, str)}
        required |= {
            name: None for name, raw in properties.items() if isinstance(raw, dict) and raw.get("required") is True
        }
        missing = (f"{_join(place, name)} is missing" for name in required if name not in value)
        # pydantic 1 writes Optional[str] as a string that is not required.
        given = (name for name in properties if name in value and (value[name] is not None or name in required))
        looks = (self.look(value[name], properties[name], _join(place, name), depth) for name in given)
        return [*islice(missing, MOST_FAULTS), *_first(looks)]


def _first(looks: Iterable[list[str]]) -> list[str]:
    """As many as anybody is told; the others are not looked for."""
    return list(islice(chain.from_iterable(looks), MOST_FAULTS))


def _kinds(schema: dict[str, Any]) -> list[str]:
    """The types that are allowed; none when any may be."""
    given = schema.get("type")
    words = [word for word in (given if isinstance(given, list) else [given]) if isinstance(word, str)]
    kinds = [type_from_word(word) for word in words]
    if not all(kinds):
        return []
    nullable = ["null"] if kinds and schema.get("nullable") is True else []
    return [kind for kind in kinds if kind] + nullable


def _list(schema: dict[str, Any], keyword: str) -> list[Any]:
    value = schema.get(keyword)
    return value if isinstance(value, list) else []


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
