"""Which keywords a function's schema may hold (contract 3.1.4, 3.1.6, 3.1.7, 10.5): taken, and understood."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gpt2giga.language import _, N_
from gpt2giga.upstream.contract.facts import Facts, SCHEMA_KEYWORDS
from gpt2giga.upstream.learning.reading import check_whole, finish_reason
from gpt2giga.upstream.learning.topic import Answer, Asking, Request, Topic, Unclear
from gpt2giga.upstream.learning.v1_topics import called_with, chat, user

ORDER = (
    "Закажи пиццу: улица Мира, дом 5; размер 30; этаж 4; кусков 8; ссылка https://example.com/pizza; "
    "соусы: к пицце острый; пометки курьеру: домофон 15. Имя заказчика Анна."
)
ORDER_TOKENS = 400


@dataclass(frozen=True, slots=True)
class Probe:
    """A property of a function's parameters that needs one keyword. around: of the schema around it. fits: whether an
    argument is one."""

    property: str
    schema: Mapping[str, Any]
    fits: Callable[[Any], bool]
    around: Mapping[str, Any] = field(default_factory=dict)


def _is_number_or_nothing(value: Any) -> bool:
    return value is None or type(value) is int


# As pydantic and zod write them: optional values with null, references to models, literals.
PROBES = {
    "unions": Probe("size", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, _is_number_or_nothing),
    "references": Probe(
        "address",
        {"$ref": "#/$defs/Address"},
        lambda value: isinstance(value, dict) and isinstance(value.get("street"), str),
        {
            "$defs": {
                "Address": {"type": "object", "properties": {"street": {"type": "string"}}, "required": ["street"]}
            }
        },
    ),
    "type_lists": Probe("floor", {"type": ["integer", "null"]}, _is_number_or_nothing),
    "integer_enums": Probe("slices", {"type": "integer", "enum": [4, 8]}, lambda value: value in (4, 8)),
    "const": Probe("dish", {"const": "pizza"}, lambda value: value == "pizza"),
    "formats": Probe("link", {"type": "string", "format": "uri"}, lambda value: isinstance(value, str)),
    "additional_properties": Probe(
        "sauces",
        {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
        lambda value: isinstance(value, dict),
        {"additionalProperties": False},
    ),
    "open_objects": Probe("notes", {"type": "object"}, lambda value: isinstance(value, dict)),
}


def ask_schemas(model: str, facts: Facts) -> Asking:
    """All at once; one by one only those that did not come out of it."""
    answer = yield _request(model, SCHEMA_KEYWORDS, "all keywords of schemas")
    understood = _understood(answer, SCHEMA_KEYWORDS)
    left = [keyword for keyword in SCHEMA_KEYWORDS if keyword not in understood]
    if left:
        plain = yield _request(model, (), "a plain schema")
        if not _understood_name(plain):
            raise Unclear(_("a function is not called even with a plain schema ({outcome})", outcome=plain.outcome))
    for keyword in left:
        answer = yield _request(model, (keyword,), f"schema with {keyword}")
        found = _understood(answer, (keyword,))
        if not found:
            check_whole(answer)
        understood |= found
    return {"schema_keywords": frozenset(understood)}


def _request(model: str, keywords: Iterable[str], what: str) -> Request:
    probes = [PROBES[keyword] for keyword in keywords]
    properties = {probe.property: probe.schema for probe in probes} | {"name": {"type": "string"}}
    around = {name: value for probe in probes for name, value in probe.around.items()}
    schema = {"type": "object", "properties": properties, "required": list(properties), **around}
    function = {"name": "order", "description": "Заказ пиццы", "parameters": schema}
    fields: dict[str, Any] = {"functions": [function], "function_call": {"name": "order"}}
    return Request(what, chat(model, user(ORDER), max_tokens=ORDER_TOKENS, **fields))


def _understood(answer: Answer, keywords: Iterable[str]) -> set[str]:
    """Those whose arguments make sense. Raises Unclear."""
    if not answer.is_good:
        if not answer.is_refusal:
            raise Unclear(answer.outcome)
        return set()
    arguments = called_with(answer, "order")
    if arguments is None or finish_reason(answer.document) == "error":  # it could not write arguments (contract 4.5)
        return set()
    probes = {keyword: PROBES[keyword] for keyword in keywords}
    return {
        keyword
        for keyword, probe in probes.items()
        if probe.property in arguments and probe.fits(arguments[probe.property])
    }


def _understood_name(answer: Answer) -> bool:
    return answer.is_good and isinstance((called_with(answer, "order") or {}).get("name"), str)


SCHEMAS = Topic(
    "schemas", N_("which keywords a function's schema may hold"), ("schema_keywords",), 10, 6500, ask_schemas
)
