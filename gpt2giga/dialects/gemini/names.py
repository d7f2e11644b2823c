"""Both spellings of the API's names: `systemInstruction`, and `system_instruction` as in its protocol buffers. Pure;
raises BadRequest naming the field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from gpt2giga.concurrency.waiting import in_turns
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body

UNDERSCORE = re.compile(r"(?<=[A-Za-z0-9])_([a-z])")


def camel(names: Body) -> Body:
    """Those of this object alone: what it holds may be the client's own."""
    if "_" not in "".join(names):
        return names
    return {UNDERSCORE.sub(lambda found: found[1].upper(), name): value for _, (name, value) in in_turns(names.items())}


def to_object(value: Any, param: str) -> Body:
    return camel(fields.mapping(value, param))


def inner(body: Body, name: str, within: str = "") -> Body:
    """Empty where there is none."""
    return camel(fields.optional_mapping(body, name, within))


def to_word(written: Any, words: Iterable[str]) -> Any:
    """google-generativeai sends the number that a word has in its protocol buffers, where they stand in this order."""
    return dict(enumerate(words)).get(written, written) if type(written) is int else written


def objects(body: Body, name: str, within: str = "") -> Iterator[tuple[Body, str]]:
    """Each object of a list, and where it stands."""
    for item, place in fields.each_object(as_list(body, name, within), fields.path(name, within)):
        yield camel(item), place


def as_list(body: Body, name: str, within: str = "") -> list[Any]:
    """One object stands for a list of one, as in many of Google's own examples."""
    return [body[name]] if isinstance(body.get(name), dict) else fields.array(body, name, within)
