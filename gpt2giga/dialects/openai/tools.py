"""Tools, tool choice, calls and results of a Chat Completions request. Pure; raises BadRequest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from typing import Literal

from gpt2giga.chat import arguments_from_json
from gpt2giga.chat import Tool
from gpt2giga.chat import ToolCall
from gpt2giga.chat import ToolChoice
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body
from gpt2giga.dialects.fields import invalid
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
    legacy = bool(body.get("functions")) and not body.get("tools")
    name = "functions" if legacy else "tools"
    tools = tuple(_tools(body.get(name), name, legacy=legacy))
    choice_name = "function_call" if legacy else "tool_choice"
    allowed, choice = _choice(body.get(choice_name), choice_name, legacy=legacy)
    _check_choice(choice, tools, choice_name)
    if allowed is not None:
        tools = tuple(tool for tool in tools if tool.name in allowed)
    return Tooling(tools, choice if tools else ToolChoice(), legacy)


def _tools(tools: Any, param: str, *, legacy: bool) -> list[Tool]:
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise invalid(param, "a list")
    found = [_tool(fields.mapping(tool, f"{param}[{i}]"), f"{param}[{i}]", legacy) for i, tool in enumerate(tools)]
    seen: set[str] = set()
    for i, tool in enumerate(found):
        if tool.name in seen:
            raise invalid(f"{param}[{i}]", f"names that differ; {tool.name!r} stands twice")
        seen.add(tool.name)
    return found


def _tool(tool: Body, param: str, legacy: bool) -> Tool:
    function = tool
    if not legacy:
        if tool.get("type", "function") != "function":
            raise invalid(f"{param}.type", f"function; tools of type {tool.get('type')!r} are not supported")
        param = f"{param}.function"
        function = fields.mapping(tool.get("function"), param)
    return Tool(
        _name(function, param),
        _optional_string(function, "description", param),
        _parameters(function.get("parameters"), f"{param}.parameters"),
    )


def _name(function: Body, param: str) -> str:
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise invalid(f"{param}.name", "a name")
    return name


def _optional_string(holder: Body, name: str, param: str) -> str:
    value = holder.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(f"{param}.{name}", "a string")
    return value or ""


def _parameters(parameters: Any, param: str) -> Any:
    if parameters is not None and not isinstance(parameters, dict | bool):
        raise invalid(param, "a JSON Schema")
    return parameters


def _choice(choice: Any, param: str, *, legacy: bool) -> tuple[set[str] | None, ToolChoice]:
    """The names that are allowed (None: all of them), and the mode."""
    if choice is None:
        return None, ToolChoice()
    if isinstance(choice, str):
        if choice not in MODES:
            raise invalid(param, "one of " + ", ".join(MODES) + ", or an object")
        return None, ToolChoice(MODES[choice])
    choice = fields.mapping(choice, param)
    if not legacy and choice.get("type") == "allowed_tools":
        return _allowed(fields.mapping(choice.get("allowed_tools"), f"{param}.allowed_tools"), param)
    named = choice if legacy else fields.mapping(choice.get("function"), f"{param}.function")
    return None, ToolChoice("named", _name(named, param))


def _allowed(allowed: Body, param: str) -> tuple[set[str], ToolChoice]:
    mode, tools = allowed.get("mode"), allowed.get("tools")
    if mode not in ("auto", "required") or not isinstance(tools, list):
        raise invalid(f"{param}.allowed_tools", "a mode (auto or required) and a list of tools")
    names = {_name(fields.mapping(fields.mapping(tool, param).get("function"), param), param) for tool in tools}
    return names, ToolChoice(MODES[mode])


def _check_choice(choice: ToolChoice, tools: tuple[Tool, ...], param: str) -> None:
    if choice.mode == "named" and choice.name not in {tool.name for tool in tools}:
        raise BadRequest(f"'{param}' names the tool {choice.name!r}, which is not in the list.", param=param)
    if choice.mode == "required" and not tools:
        raise BadRequest(f"'{param}' is required, but there are no tools.", param=param)


def from_calls(message: Body, param: str) -> list[ToolCall]:
    """The calls of an assistant message, in either form."""
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise invalid(f"{param}.tool_calls", "a list")
    found = [_call(call, f"{param}.tool_calls[{i}]") for i, call in enumerate(calls or ())]
    if not found and message.get("function_call") is not None:
        found = [_function_call(message["function_call"], "", f"{param}.function_call")]
    return found


def _call(call: Any, param: str) -> ToolCall:
    call = fields.mapping(call, param)
    return _function_call(call.get("function"), _optional_string(call, "id", param), f"{param}.function")


def _function_call(function: Any, call_id: str, param: str) -> ToolCall:
    function = fields.mapping(function, param)
    arguments = _optional_string(function, "arguments", param)
    return ToolCall(call_id, _name(function, param), arguments_from_json(arguments))
