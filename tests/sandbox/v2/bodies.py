"""Requests of v2 and their parts, for the tests beside."""

from __future__ import annotations

from typing import Any

WEATHER = {
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TIME = {"name": "time", "parameters": {"type": "object", "properties": {}}}
USER = {"role": "user", "content": [{"text": "Привет"}]}


def functions(*specifications: dict[str, Any]) -> dict[str, Any]:
    return {"functions": {"specifications": list(specifications or (WEATHER, TIME))}}


def call(name: str = "weather", **fields: Any) -> dict[str, Any]:
    return {"function_call": {"name": name, "arguments": {}, **fields}}


def result(name: str = "weather", value: Any = "{}", **fields: Any) -> dict[str, Any]:
    return {"function_result": {"name": name, "result": value, **fields}}


def asked(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(parts)}


def told(*parts: dict[str, Any], role: str = "function") -> dict[str, Any]:
    return {"role": role, "content": list(parts)}
