"""Both spellings of the API's names: `systemInstruction`, and `system_instruction` as in its protocol buffers. Pure."""

from __future__ import annotations

import re
from typing import Any

from gpt2giga.concurrency.waiting import in_turns
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body

UNDERSCORE = re.compile(r"(?<=[A-Za-z0-9])_([a-z])")


def camel(body: Body) -> Body:
    """The names of this object alone, not those inside of it."""
    if "_" not in "".join(body):
        return body
    return {UNDERSCORE.sub(lambda found: found[1].upper(), name): value for _, (name, value) in in_turns(body.items())}


def inner(body: Body, name: str, within: str = "") -> Body:
    """An object in a field; an empty one where there is none."""
    return camel(fields.optional_mapping(body, name, within))


def as_list(body: Body, name: str, within: str = "") -> list[Any]:
    """One object stands for a list of one, as in many of Google's own examples."""
    return [body[name]] if isinstance(body.get(name), dict) else fields.array(body, name, within)
