"""What good requests of all dialects have in common."""

from __future__ import annotations

from typing import Any

from tests.pictures import data_url, png

# Stand for the ids of a kept response, of one of its items and of uploads, which are known when they are there.
KEPT, ITEM, TEXT_FILE, PNG_FILE, BATCH_FILE = "@kept@", "@item@", "@text@", "@png@", "@batch@"
MODEL, NEWER = "GigaChat-2-Max", "GigaChat-3-Ultra"
PICTURE = data_url(png(), "image/png")
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": {"Place": {"type": "object", "properties": {"near": {"$ref": "#/$defs/Place"}}, "title": "Place"}},
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Город", "minLength": 1, "maxLength": 50, "pattern": "^\\p{L}+$"},
        "days": {"anyOf": [{"type": "integer", "minimum": 0, "exclusiveMaximum": 9}, {"type": "null"}], "default": 1},
        "kind": {"enum": ["дождь", 1, None, {"a": 1}], "nullable": True},
        "list": {"type": ["array", "null"], "items": {"$ref": "#/$defs/Place"}, "minItems": 1, "uniqueItems": True},
        "pair": {"prefixItems": [{"const": 1}, {"oneOf": [{"type": "number", "multipleOf": 0.5}]}], "items": False},
        "at": {"allOf": [{"type": "string", "format": "date-time"}, {"not": {"const": "a"}}], "examples": ["a"]},
    },
    "patternProperties": {"^x-": {"type": "boolean"}},
    "required": ["city"],
    "additionalProperties": False,
}
FUNCTION = {"name": "weather", "description": "Погода", "parameters": SCHEMA, "strict": True}
PLAIN_SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}


def words_of(error: Any) -> str:
    """Empty where an error says nothing; Ollama's is the words themselves."""
    if isinstance(error, str):
        return error
    kind = "status" if "status" in error else "type"  # Google's word for it
    words = [error[name] for name in (kind, "message")]
    return " ".join(words) if all(isinstance(word, str) and word for word in words) else ""
