"""Reading one field of a request body: absent and null are None, a wrong type or value is a BadRequest naming it.

within: where in the body the object stands that has the field, for the error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpt2giga.errors import BadRequest

Body = Mapping[str, Any]


def invalid(param: str, expected: str) -> BadRequest:
    return BadRequest(f"Invalid value for '{param}': expected {expected}.", param=param, code="invalid_value")


def number(body: Body, name: str, low: float, high: float) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise invalid(name, f"a number from {low:g} to {high:g}")
    return float(value)


def integer(body: Body, name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise invalid(name, f"an integer from {low} to {high}")
    return value


def boolean(body: Body, name: str, within: str = "") -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(_path(name, within), "true or false")
    return bool(value)


def string(body: Body, name: str, within: str = "") -> str:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(_path(name, within), "a string")
    return value or ""


def listed(body: Body, name: str, within: str = "") -> list[Any]:
    value = body.get(name)
    if value is not None and not isinstance(value, list):
        raise invalid(_path(name, within), "a list")
    return value or []


def mapping(value: Any, param: str) -> Body:
    if not isinstance(value, dict):
        raise invalid(param, "an object")
    return value


def _path(name: str, within: str) -> str:
    return f"{within}.{name}" if within else name
