"""Reading one field of a request body: absent and null are None or empty, a wrong one is a BadRequest naming it.

within: where in the body the object stands that has the field, for the error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from gpt2giga.bounded_json import is_writable
from gpt2giga.concurrency.waiting import in_turns
from gpt2giga.errors import BadRequest

T = TypeVar("T")
Body = Mapping[str, Any]

INT32 = 2**31 - 1


def invalid(param: str, expected: str) -> BadRequest:
    return BadRequest(f"Invalid value for '{param}': expected {expected}.", param=param, code="invalid_value")


def check_nesting(body: Body) -> None:
    """Whatever a dialect writes again, to GigaChat or to the client, must be possible to write."""
    if is_writable(body):  # one look at all of them is cheaper than one at each
        return
    for name, value in body.items():
        if not is_writable(value):
            raise invalid(name, "JSON that is nested less deeply")


def number(body: Body, name: str, low: float, high: float) -> float | None:
    value = body.get(name)
    if value is not None and (type(value) not in (int, float) or not low <= value <= high):
        raise invalid(name, f"a number from {low:g} to {high:g}")
    return None if value is None else float(value)


def integer(body: Body, name: str, low: int, high: int, within: str = "") -> int | None:
    """100.0 is one: languages whose numbers are all of one type write it so."""
    value = body.get(name)
    if type(value) is float and value.is_integer():
        value = int(value)
    if value is not None and (type(value) is not int or not low <= value <= high):
        raise invalid(path(name, within), f"an integer from {low} to {high}")
    return value


def token_limit(body: Body, name: str) -> int | None:
    """-1 is llama.cpp's word for no limit, and its clients'."""
    return None if body.get(name) == -1 else integer(body, name, 1, INT32)


def texts(body: Body, name: str, within: str = "") -> list[str]:
    found = array(body, name, within)
    if not all(isinstance(text, str) for text in found):
        raise invalid(path(name, within), "a list of texts")
    return found


def boolean(body: Body, name: str, within: str = "") -> bool:
    return bool(_optional(body, name, within, bool, "true or false"))


def string(body: Body, name: str, within: str = "") -> str:
    return _optional(body, name, within, str, "a string") or ""


def text(value: Any, param: str, expected: str = "a text that is not empty") -> str:
    if not isinstance(value, str) or not value:
        raise invalid(param, expected)
    return value


def required_string(body: Body, name: str, within: str, expected: str = "a string that is not empty") -> str:
    return text(body.get(name), path(name, within), expected)


def array(body: Body, name: str, within: str = "") -> list[Any]:
    return _optional(body, name, within, list, "a list") or []


def objects(body: Body, name: str, within: str = "") -> Iterator[tuple[Body, str]]:
    """Each object of a list, and where it stands."""
    return each_object(array(body, name, within), path(name, within))


def each_object(items: Iterable[Any], param: str) -> Iterator[tuple[Body, str]]:
    for number, item in in_turns(items):
        place = f"{param}[{number}]"
        yield mapping(item, place), place


def mapping(value: Any, param: str, expected: str = "an object") -> Body:
    if not isinstance(value, dict):
        raise invalid(param, expected)
    return value


def optional_mapping(body: Body, name: str, within: str = "") -> Body:
    return _optional(body, name, within, dict, "an object") or {}


def unfolded(body: Body, within: str) -> Body:
    """What an object holds, by the names that its fields have in the request."""
    return {path(name, within): value for name, value in body.items()}


def required_object(body: Body, name: str, within: str) -> tuple[Body, str]:
    """The object, and where it stands."""
    place = path(name, within)
    return mapping(body.get(name), place), place


def _optional(body: Body, name: str, within: str, kind: type[T], expected: str) -> T | None:
    value = body.get(name)
    if value is None or isinstance(value, kind):
        return value
    raise invalid(path(name, within), expected)


def one_of(value: Any, meanings: Mapping[str, T], param: str, expected: str = "") -> T:
    """What the client's word means."""
    if not isinstance(value, str) or value not in meanings:
        raise invalid(param, expected or "one of " + ", ".join(meanings))
    return meanings[value]


def path(name: str, within: str) -> str:
    return f"{within}.{name}" if within else name
