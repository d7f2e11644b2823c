"""What tools and the choice among them have in common in all dialects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from gpt2giga.chat import Tool
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.errors import BadRequest

Mode: TypeAlias = Literal["auto", "none", "required"]

OPENAI_MODES: Mapping[str, Mode] = {"auto": "auto", "none": "none", "required": "required"}
# Of a choice among some of the tools.
ALLOWED_MODES: Mapping[str, Mode] = {"auto": "auto", "required": "required"}


def tools_by_name(tools: Iterable[tuple[Tool, str]]) -> dict[str, Tool]:
    """A tool that stands twice is taken once: contract 10.9 asks whether GigaChat takes equal names."""
    found: dict[str, Tool] = {}
    for tool, param in tools:
        if found.setdefault(tool.name, tool) != tool:
            raise invalid(param, f"names that differ; there is another {tool.name!r}")
    return found


def from_parameters(tool: Body, param: str) -> Any:
    parameters = tool.get("parameters")
    if parameters is not None and not isinstance(parameters, dict | bool):
        raise invalid(f"{param}.parameters", "a JSON Schema")
    return parameters


def unknown_tool(name: str, param: str, why: str = "is not in the list") -> BadRequest:
    return BadRequest(f"'{param}' names the tool {name!r}, which {why}.", param=param)


def no_tools(param: str, mode: str = "required") -> BadRequest:
    return BadRequest(f"'{param}' is {mode}, but there are no tools.", param=param)
