"""One place of a JSON document spoilt: absent, doubled, of another type, too large, nested too deep, or no JSON."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeAlias

# The keys and numbers that lead to a value.
Place: TypeAlias = tuple[Any, ...]
# What is put there, as it stands in JSON; ABSENT and DOUBLED say what becomes of what was there.
Spoil: TypeAlias = tuple[Place, str]

# As they stand in JSON, or in what is none.
VALUES = (
    *("null", "true", "false", "0", "-1", "1", "1.5", "400", "599", "1e308", "1e999", "NaN", "Infinity", "-Infinity"),
    *(str(2**63 - 1), str(2**63), str(2**64), "-" + str(2**70), "1" + "0" * 400, "1" + "0" * 5000),
    *(
        '""',
        '"a"',
        '"0"',
        '"\\u0000\\n\\t"',
        '"\\ud83d"',
        '"\\ude00"',
        '"\t"',
        '"assistant function call"',
        '"data: x"',
    ),
    *("[]", "[[]]", "[null]", "{}", '{"a": 1}', '{"": {}}', '[{"index": 0}]', "nonsense", "", "'"),
    *("[" * depth + "]" * depth for depth in (200, 255, 900, 1500, 100_000)),
    '{"a":' * 900 + "1" + "}" * 900,
    json.dumps("ы" * 100_000, ensure_ascii=False),
    json.dumps([1] * 20_000),
)
ABSENT, DOUBLED = "absent", "doubled"


def places(value: Any, path: Place = ()) -> Iterator[Place]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


def spoil(document: Any, *spoils: Spoil) -> str:
    """The JSON text with these values in those places; a place that one of them took away stays away."""
    document, texts = copy.deepcopy(document), {}
    for number, (path, value) in enumerate(spoils):
        if not path:
            return value if value != ABSENT else ""
        mark = f"@{number}@"
        with suppress(LookupError, TypeError):  # another took the place away
            owner, last = find(document, path[:-1]), path[-1]
            was = owner[last]
            if value == ABSENT:
                del owner[last]
            elif value == DOUBLED and isinstance(owner, list):
                owner.insert(last, was)
            elif value == DOUBLED:
                owner[mark] = was
                texts[mark] = json.dumps(last)
            else:
                owner[last] = mark
                texts[mark] = value
    text = json.dumps(document, ensure_ascii=False)
    for mark, value in texts.items():
        text = text.replace(f'"{mark}"', value)
    return text


def find(document: Any, path: Place) -> Any:
    for key in path:
        document = document[key]
    return document


def all_spoils(document: Any) -> Iterator[Spoil]:
    """Every place with every value, and with what stands elsewhere under its name: another type, another's id.

    So too the places of JSON that stands there as text, such as a call's arguments.
    """
    namesakes: dict[str, list[str]] = {}
    for path in places(document):
        if path and isinstance(path[-1], str):
            namesakes.setdefault(path[-1], []).append(json.dumps(find(document, path), ensure_ascii=False))
    for path in places(document):
        others = namesakes.get(path[-1], []) if path and isinstance(path[-1], str) else []
        yield from ((path, value) for value in (ABSENT, *([DOUBLED] if path else []), *VALUES, *dict.fromkeys(others)))
        value = find(document, path)
        if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
            yield from ((path, json.dumps(spoil(json.loads(value), inner))) for inner in all_spoils(json.loads(value)))
