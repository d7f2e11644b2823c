"""What the chats of more than one API take."""

from __future__ import annotations

from gpt2giga.dialects.controls import EXTRAS, MOST_STOPS
from gpt2giga.dialects.fields import INT32
from gpt2giga.openapi.schema import (
    either,
    FLAG,
    integer,
    list_of,
    number,
    OBJECT,
    of_check,
    one_of,
    or_null,
    Schema,
    TEXT,
)

TOKENS = either(integer(1, INT32), {"const": -1, "description": "no limit"})
STOPS = either(TEXT, list_of(TEXT, maxItems=MOST_STOPS))
CONTENT = either(TEXT, list_of(OBJECT))
MESSAGE: Schema = {"type": "object", "properties": {"role": TEXT, "content": or_null(CONTENT)}, "required": ["role"]}
TYPED: Schema = {"type": "object", "properties": {"type": TEXT}, "required": ["type"]}
FORMAT: Schema = {
    "type": "object",
    "properties": {"type": one_of("text", "json_object", "json_schema")},
    "required": ["type"],
}
CHOICE = either(TEXT, OBJECT)
GIGACHATS: dict[str, Schema] = {
    "extra_body": {**OBJECT, "description": "may hold the parameters that only GigaChat has"},
    **{name: of_check(check) for name, check in EXTRAS.items()},
}
OF_ALL_CHATS: dict[str, Schema] = {
    "model": TEXT,
    "stream": FLAG,
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    **GIGACHATS,
}
