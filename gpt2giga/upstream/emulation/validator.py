"""Does a document follow the JSON Schema that a client sent?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import cache, partial
from typing import Any, TypeAlias

import orjson

from gpt2giga.bounded_json import has_more_values, is_writable
from gpt2giga.concurrency.waiting import give_way
from gpt2giga.errors import BadRequest
from gpt2giga.upstream.contract.schema.openapi import to_json_schema
from gpt2giga.upstream.emulation.patterns import pattern_keywords, Patterns

# What is wrong with a document, in words; empty when nothing is.
Validate: TypeAlias = Callable[[Any], str]

# No JSON value, so no schema lets it pass early.
PROBE = object()
# Keywords of a schema that are looked at: to see whether it is one, once alone, and then for each document. It takes a
# second or two. A few lines of references to references stand for more of them than there are atoms.
MOST_KEYWORDS = 80_000
# Long lists of a schema or a document count for more.
ENTRIES_OF_A_KEYWORD = 16
LETTERS_OF_A_KEYWORD = 1000


class TooLarge(RecursionError):
    """A schema, or a document with it, that would take for ever."""


class _Check:
    """What may still be done for one document."""

    def __init__(self) -> None:
        self.keywords_left = MOST_KEYWORDS
        self.patterns = Patterns()

    def spend(self, value: Any, document: Any) -> None:
        entries = sum(len(each) for each in (value, document) if isinstance(each, (list, dict)))
        letters = len(document) if isinstance(document, str) else 0  # errors repeat them
        self.keywords_left -= 1 + entries // ENTRIES_OF_A_KEYWORD + letters // LETTERS_OF_A_KEYWORD
        if self.keywords_left < 0:
            raise TooLarge
        give_way()


check: ContextVar[_Check] = ContextVar("check")


def from_clients_schema(schema: dict[str, Any], most_values: int, param: str) -> dict[str, Any]:
    """As JSON Schema. param: where it stands. Raises BadRequest for one that has too many values, or can no more be
    written: what may be null takes more levels in JSON Schema than in OpenAPI's."""
    if has_more_values(orjson.dumps(schema), most_values):
        raise _refusal(param, f"has more than the {most_values} values that GPT2GIGA_MAX_SCHEMA_VALUES allows")
    converted: dict[str, Any] = to_json_schema(schema)
    if not is_writable(converted):
        raise _refusal(param, "is nested too deeply")
    return converted


def validator(schema: dict[str, Any], param: str) -> Validate:
    """Raises BadRequest for a schema that is none, before anybody is asked for a document. param: where it stands."""
    import jsonschema  # takes a while to load, and most processes never need it
    from referencing.exceptions import Unresolvable

    refusal = partial(_refusal, param)
    try:
        checked = _compile(schema)
    except jsonschema.SchemaError as error:
        raise refusal(f"is not valid JSON Schema: {error.message[:300]}") from None
    except Unresolvable as error:
        raise refusal(f"refers to {error.ref[:300]!r}, which is not in it; addresses are not fetched") from None
    except TooLarge:
        raise refusal(f"cannot be used: it has no end, or takes more than {MOST_KEYWORDS} steps to check") from None
    except (RecursionError, ValueError) as error:
        raise refusal(f"cannot be used ({type(error).__name__}): it has no end, or an address that is none") from None

    def validate(document: Any) -> str:
        check.set(_Check())
        try:
            error = next(checked.iter_errors(document), None)
        except (Unresolvable, RecursionError) as failure:  # rare ways of referring that the check misses
            raise refusal(f"cannot be used ({type(failure).__name__})") from None
        return f"{error.json_path}: {error.message}"[:500] if error else ""

    return validate


def _compile(schema: dict[str, Any]) -> Any:
    import jsonschema
    import referencing.jsonschema

    if not isinstance(schema.get("$schema", ""), str):
        raise ValueError("$schema is no string")
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    written = orjson.dumps(schema)
    bounded = _bounded(kind, b'"patternProperties"' in written or b'"dependentSchemas"' in written)
    check.set(_Check())
    for error in bounded(kind.META_SCHEMA).iter_errors(schema):
        raise jsonschema.SchemaError.create_from(error)
    resource = referencing.jsonschema.specification_with(kind.META_SCHEMA["$schema"]).create_resource(schema)
    # Nothing else is in the registry: a $ref to an address is an error, not a request to it. What can be referred to
    # is looked for once, and not at each reference.
    registry: Any = referencing.Registry()
    uri = resource.id() or ""
    resolver = registry.with_resource(uri, resource).crawl().resolver(uri)
    checked = bounded(schema, _resolver=resolver)
    check.set(_Check())
    _check_references(resource, resolver, checked)
    return checked


@cache
def _bounded(kind: Any, searches_for_keys: bool) -> Any:
    """The same keywords, but only so many of them, and patterns by an engine that ends."""
    import attrs
    import jsonschema

    def bound(look: Callable[..., Any]) -> Callable[..., Any]:
        def look_and_count(validator: Any, value: Any, document: Any, schema: Any) -> Any:
            check.get().spend(value, document)
            return look(validator, value, document, schema)

        return look_and_count

    ours = {
        **kind.VALIDATORS,
        **pattern_keywords(kind.VALIDATORS, lambda: check.get().patterns),
        "uniqueItems": _unique_items,
    }
    if searches_for_keys:  # by itself: patterns without an end, and each schema below another one twice
        ours["unevaluatedProperties"] = _unchecked
    validators: Any = jsonschema.validators
    bounded = validators.extend(kind, {name: bound(look) for name, look in ours.items()})
    # Its own would leave the bounded keywords where an inner schema has a `$schema`.
    bounded.evolve = lambda validator, **changes: attrs.evolve(validator, **changes)
    return bounded


def _unchecked(*_: Any) -> None:
    """In the place of a keyword."""


def _unique_items(validator: Any, wanted: Any, document: Any, schema: Any) -> Iterator[Any]:
    """jsonschema's own compares each item with each other."""
    import jsonschema

    items = document if wanted and isinstance(document, list) else []
    if len({orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in items}) < len(items):
        yield jsonschema.ValidationError("an array has equal items")


def _check_references(resource: Any, resolver: Any, checked: Any) -> None:
    """Every $ref leads somewhere, and none back to itself without a step into the document."""
    if isinstance(resource.contents, dict) and "$ref" in resource.contents:
        resolver.lookup(resource.contents["$ref"])
    for _ in checked.evolve(schema=resource.contents).iter_errors(PROBE):
        pass
    for part in resource.subresources():
        _check_references(part, resolver.in_subresource(part), checked)


def _refusal(param: str, why: str) -> BadRequest:
    return BadRequest(f"The schema of '{param}' {why}.", param=param, code="invalid_schema")
