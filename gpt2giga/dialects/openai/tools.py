"""Tools, tool choice and calls of a Chat Completions request. Pure; raises BadRequest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from gpt2giga.chat import arguments_from_json, Tool, ToolCall, ToolChoice
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.errors import BadRequest

MODES: dict[str, Literal["auto", "none", "required"]] = {"auto": "auto", "none": "none", "required": "required"}


@dataclass(frozen=True, slots=True)
class Tooling:
    """`legacy`: the client uses `functions`, the form before `tools`, and wants its answers in that form."""

    tools: tuple[Tool, ...]
    choice: ToolChoice
    legacy: bool


def from_tools(body: Body) -> Tooling:
    """`tools` and `tool_choice`, or else the older `functions` and `function_call`."""
    modern = _tooling(body, "tools", "tool_choice", legacy=False)
    legacy = _tooling(body, "functions", "function_call", legacy=True)
    return legacy if legacy.tools and not modern.tools else modern


def _tooling(body: Body, list_name: str, choice_name: str, *, legacy: bool) -> Tooling:
    tools = _tools(fields.listed(body, list_name), list_name, legacy=legacy)
    choice, allowed = _choice(body.get(choice_name), choice_name, legacy=legacy)
    known = {tool.name for tool in tools}
    for name in [choice.name] if choice.mode == "named" else allowed:
        if name not in known:
            raise BadRequest(f"'{choice_name}' names the tool {name!r}, which is not in the list.", param=choice_name)
    tools = [tool for tool in tools if not allowed or tool.name in allowed]
    if choice.mode == "required" and not tools:
        raise BadRequest(f"'{choice_name}' is required, but there are no tools.", param=choice_name)
    return Tooling(tuple(tools), choice if tools else ToolChoice(), legacy)


def _tools(tools: list[Any], param: str, *, legacy: bool) -> list[Tool]:
    """A tool that stands twice is taken once; whether GigaChat takes equal names is not known (contract 10.9)."""
    found: dict[str, Tool] = {}
    for i, item in enumerate(tools):
        place = f"{param}[{i}]"
        tool = _tool(fields.mapping(item, place), place, legacy=legacy)
        if found.setdefault(tool.name, tool) != tool:
            raise invalid(place, f"names that differ; there is another {tool.name!r}")
    return [*found.values()]


def _tool(tool: Body, param: str, *, legacy: bool) -> Tool:
    if not legacy and tool.get("type", "function") != "function":
        raise invalid(f"{param}.type", f"function; tools of type {tool.get('type')!r} are not supported")
    function, param = (tool, param) if legacy else _function(tool, param)
    parameters = function.get("parameters")
    if parameters is not None and not isinstance(parameters, dict | bool):
        raise invalid(f"{param}.parameters", "a JSON Schema")
    return Tool(_name(function, param), fields.string(function, "description", param), parameters)


def _name(holder: Body, param: str) -> str:
    name = fields.string(holder, "name", param)
    if not name:
        raise invalid(f"{param}.name", "a name")
    return name


def _choice(choice: Any, param: str, *, legacy: bool) -> tuple[ToolChoice, list[str]]:
    """The choice, and the names it is limited to; none means no limit."""
    if choice is None:
        return ToolChoice(), []
    if isinstance(choice, str):
        if choice not in MODES:
            raise invalid(param, "one of " + ", ".join(MODES) + ", or an object")
        return ToolChoice(MODES[choice]), []
    choice = fields.mapping(choice, param)
    if not legacy and choice.get("type") == "allowed_tools":
        return _allowed(choice.get("allowed_tools"), f"{param}.allowed_tools")
    named, param = (choice, param) if legacy else _function(choice, param)
    return ToolChoice("named", _name(named, param)), []


def _allowed(allowed: Any, param: str) -> tuple[ToolChoice, list[str]]:
    allowed = fields.mapping(allowed, param)
    if allowed.get("mode") not in ("auto", "required"):
        raise invalid(f"{param}.mode", "auto or required")
    names = []
    for i, tool in enumerate(fields.listed(allowed, "tools", param)):
        place = f"{param}.tools[{i}]"
        names.append(_name(*_function(fields.mapping(tool, place), place)))
    if not names:
        raise invalid(f"{param}.tools", "at least one tool")
    return ToolChoice(MODES[allowed["mode"]]), names


def _function(holder: Body, param: str) -> tuple[Body, str]:
    """The object with the name, and where it stands."""
    return fields.mapping(holder.get("function"), f"{param}.function"), f"{param}.function"


def from_calls(message: Body, param: str) -> list[ToolCall]:
    """The calls of an assistant message, in either form."""
    calls = fields.listed(message, "tool_calls", param)
    found = [_call(call, f"{param}.tool_calls[{i}]") for i, call in enumerate(calls)]
    if message.get("function_call") is None:
        return found
    legacy = fields.mapping(message["function_call"], f"{param}.function_call")
    return found or [_function_call(legacy, "", f"{param}.function_call")]


def _call(call: Any, param: str) -> ToolCall:
    call = fields.mapping(call, param)
    function, place = _function(call, param)
    return _function_call(function, fields.string(call, "id", param), place)


def _function_call(function: Body, call_id: str, param: str) -> ToolCall:
    arguments = fields.string(function, "arguments", param)
    return ToolCall(call_id, _name(function, param), arguments_from_json(arguments))
