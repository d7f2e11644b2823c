"""Both spellings of the API's names: `systemInstruction`, and `system_instruction` as in its protocol buffers. Pure."""

from __future__ import annotations

import re
from typing import Any

from gpt2giga.concurrency.waiting import give_way, in_turns
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body

UNDERSCORE = re.compile(r"(?<=[A-Za-z0-9])_([a-z])")
# What they hold has names of the client's own; schemas have a reader of their own.
CLIENTS = ("args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema")


def camel_body(body: Body) -> Body:
    """Raises BadRequest for one that is nested too deeply."""
    fields.check_nesting(body)
    return _camel_inside(body)


def _camel_inside(body: Body) -> Body:
    give_way()
    found = dict(camel(body))
    for name, value in found.items():
        if name in CLIENTS:
            continue
        if isinstance(value, dict):
            found[name] = _camel_inside(value)
        elif isinstance(value, list):
            found[name] = [_camel_inside(item) if isinstance(item, dict) else item for item in value]
    return found


def camel(names: Body) -> Body:
    """Those of this object alone."""
    if "_" not in "".join(names):
        return names
    return {UNDERSCORE.sub(lambda found: found[1].upper(), name): value for _, (name, value) in in_turns(names.items())}


def as_list(body: Body, name: str, within: str = "") -> list[Any]:
    """One object stands for a list of one, as in many of Google's own examples."""
    return [body[name]] if isinstance(body.get(name), dict) else fields.array(body, name, within)
