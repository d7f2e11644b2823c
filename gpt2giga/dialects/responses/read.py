"""Reading fields of nested objects, each named by its path. Pure; raises BadRequest."""

from __future__ import annotations

from typing import Any

from gpt2giga.dialects.fields import Body, invalid


def optional_string(holder: Body, name: str, param: str) -> str:
    value = holder.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(f"{param}.{name}", "a string")
    return value or ""


def required_string(holder: Body, name: str, param: str, expected: str = "a string that is not empty") -> str:
    value = holder.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(f"{param}.{name}", expected)
    return value


def items(value: Any, param: str) -> list[Any]:
    """A list; absent and null are an empty one."""
    if value is not None and not isinstance(value, list):
        raise invalid(param, "a list")
    return value or []
