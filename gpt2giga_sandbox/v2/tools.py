"""Strict checks of tools and of the choice among them (contract 5.2, 5.3, 5.11, 5.36)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpt2giga_sandbox.character import Character
from gpt2giga_sandbox.refusal import bad_json, check_types, invalid, Refusal

BUILT_IN = ("code_interpreter", "image_generate", "model_3d_generate", "url_content_extraction", "web_search")
CONFIG: dict[str, type | tuple[type, ...]] = {
    "mode": str,
    "tool_name": str,
    "function_name": str,
    "functions_names_any": list,
}


@dataclass(frozen=True)
class Choice:
    """`name` is of the tool or function that is forced; `eligible` are the functions of which `any` wants one."""

    mode: str
    tool: str = ""
    function: str = ""
    eligible: tuple[str, ...] = ()

    def as_v1(self, functions: list[dict[str, Any]]) -> dict[str, Any]:
        if not functions:
            return {}
        call: Any = "auto"
        if self.mode == "none" or self.tool:
            call = "none"
        elif self.function:
            call = {"name": self.function}
        return {"functions": functions, "function_call": call}


def check_tools(tools: list[Any], character: Character) -> tuple[list[Any], tuple[str, ...]]:
    """The functions, and the names of the built-in tools."""
    functions: list[Any] = []
    names: list[str] = []
    for tool in tools:
        # A tool as OpenAI writes it, with its type beside it, is answered with 400 (contract 5.26).
        if not isinstance(tool, dict) or len(tool) != 1:
            raise bad_json()
        ((name, config),) = tool.items()
        if not isinstance(config, dict):
            raise bad_json()
        if name == "functions":
            check_types(config, {"specifications": list})
            functions += config.get("specifications", [])
        else:
            _check_built_in(name, config, character)
            names.append(name)
    return functions, tuple(names)


def _check_built_in(name: str, config: dict[str, Any], character: Character) -> None:
    if name not in BUILT_IN:
        raise Refusal(404, f"Unknown tool {name}")
    if name not in character.tools:
        raise Refusal(422, f"Tool {name} is unavailable")
    if name == "web_search":
        check_types(config, {"type": str, "indexes": list, "flags": list})


def check_config(
    config: dict[str, Any], functions: list[dict[str, Any]], tools: tuple[str, ...], character: Character
) -> Choice:
    check_types(config, CONFIG)
    mode = config.get("mode", "")
    names = [function["name"] for function in functions]
    if mode == "forced":
        return _forced(config, names, tools)
    if mode == "any" and character.any_mode:
        return _any(config, names)
    if mode not in ("auto", "none"):
        raise invalid(f"unknown tool_config mode {mode}")
    return Choice(mode)


def _forced(config: dict[str, Any], names: list[str], tools: tuple[str, ...]) -> Choice:
    tool, function = config.get("tool_name", ""), config.get("function_name", "")
    if bool(tool) == bool(function):
        raise invalid("tool_config needs tool_name or function_name in mode forced")
    if tool and tool not in tools:
        raise invalid(f"tool {tool} of tool_config is not in tools")
    if function and function not in names:
        raise invalid(f"function {function} of tool_config is not in tools")
    return Choice("forced", tool=tool, function=function)


def _any(config: dict[str, Any], names: list[str]) -> Choice:
    eligible = config.get("functions_names_any", names)
    for name in eligible:
        if not isinstance(name, str):
            raise bad_json()
        if name not in names:
            raise invalid(f"function {name} of tool_config is not in tools")
    if not eligible:
        raise invalid("tool_config needs a function in mode any")
    return Choice("any", eligible=tuple(eligible))
