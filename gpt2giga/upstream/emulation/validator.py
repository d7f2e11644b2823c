"""Does a document follow the JSON Schema that a client sent?"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeAlias

from gpt2giga.errors import BadRequest

# What is wrong with a document, in words; empty when nothing is.
Validate: TypeAlias = Callable[[Any], str]

# No JSON value, so no schema lets it pass early.
PROBE = object()
# Keywords of a schema that are looked at, once alone and then for each document: about a second. A few lines of
# references to references stand for more of them than there are atoms, and nobody else is served meanwhile.
MOST_KEYWORDS = 40_000
keywords_left: ContextVar[int] = ContextVar("keywords_left")
# What stands below these is a value, not a schema.
VALUES = ("const", "default", "enum", "examples")


class TooLarge(RecursionError):
    """A schema, or a document with it, that would take for ever."""


def validator(schema: dict[str, Any]) -> Validate:
    """Raises BadRequest for a schema that is none, before anybody is asked for a document."""
    import jsonschema  # takes a while to load, and most processes never need it
    from referencing.exceptions import Unresolvable

    keywords_left.set(MOST_KEYWORDS)
    try:
        checked = _compile(schema)
    except jsonschema.SchemaError as error:
        raise _refusal(f"is not valid JSON Schema: {error.message[:300]}") from None
    except Unresolvable as error:
        raise _refusal(f"refers to {error.ref[:300]!r}, which is not in it; addresses are not fetched") from None
    except (RecursionError, ValueError) as error:
        raise _refusal(f"cannot be used ({type(error).__name__}): it has no end, or an address that is none") from None

    def validate(document: Any) -> str:
        keywords_left.set(MOST_KEYWORDS)
        try:
            error = next(checked.iter_errors(document), None)
        except (Unresolvable, RecursionError, re.error) as failure:  # rare ways of referring that the check misses
            raise _refusal(f"cannot be used ({type(failure).__name__})") from None
        return f"{error.json_path}: {error.message}"[:500] if error else ""

    return validate


def _compile(schema: dict[str, Any]) -> Any:
    import jsonschema
    import referencing.jsonschema

    if not isinstance(schema.get("$schema", ""), str):
        raise ValueError("$schema is no string")
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    kind.check_schema(schema)
    specification = referencing.jsonschema.specification_with(kind.META_SCHEMA["$schema"])
    schema = _strip_dialects(schema)
    resource = specification.create_resource(schema)
    # An empty registry: a $ref to an address is an error, not a request to it.
    registry: Any = referencing.Registry()
    checked = _limit_keywords(kind)(schema, registry=registry)
    _check_references(resource, registry.resolver_with_root(resource), checked)
    return checked


def _strip_dialects(node: Any) -> Any:
    """Without the `$schema` of inner nodes: jsonschema would leave the bounded keywords for those it names."""
    if isinstance(node, list):
        return [_strip_dialects(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value if key in VALUES else _strip_dialects(value)
        for key, value in node.items()
        if key != "$schema" or not isinstance(value, str)
    }


@cache
def _limit_keywords(kind: Any) -> Any:
    """The same keywords, but only so many of them."""
    import jsonschema

    def limit(look: Callable[..., Any]) -> Callable[..., Any]:
        def look_and_count(*arguments: Any) -> Any:
            keywords_left.set(keywords_left.get() - 1)
            if keywords_left.get() < 0:
                raise TooLarge
            return look(*arguments)

        return look_and_count

    validators: Any = jsonschema.validators
    return validators.extend(kind, {name: limit(look) for name, look in kind.VALIDATORS.items()})


def _check_references(resource: Any, resolver: Any, checked: Any) -> None:
    """Every $ref leads somewhere, and none back to itself without a step into the document."""
    if isinstance(resource.contents, dict) and "$ref" in resource.contents:
        resolver.lookup(resource.contents["$ref"])
    for _ in checked.evolve(schema=resource.contents).iter_errors(PROBE):
        pass
    for part in resource.subresources():
        _check_references(part, resolver.in_subresource(part), checked)


def _refusal(why: str) -> BadRequest:
    return BadRequest(f"The schema of response_format {why}.", param="response_format", code="invalid_schema")
