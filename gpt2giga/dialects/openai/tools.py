"""Tools, tool choice and calls of a Chat Completions request. Pure; raises BadRequest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpt2giga.chat import arguments_from_json, Tool, ToolCall, ToolChoice
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.tools import ALLOWED_MODES, from_parameters, no_tools, OPENAI_MODES, tools_by_name, unknown_tool


@dataclass(frozen=True, slots=True)
class ChatTools:
    """`legacy`: the client uses `functions`, the form before `tools`, and wants its answers in that form."""

    tools: tuple[Tool, ...]
    choice: ToolChoice
    legacy: bool


NO_TOOLS = ChatTools((), ToolChoice(), legacy=False)


def from_tools(body: Body) -> ChatTools:
    """`tools` and `tool_choice`, or else the older `functions` and `function_call`."""
    if all(body.get(name) is None for name in ("tools", "functions", "tool_choice", "function_call")):
        return NO_TOOLS
    modern = _read_tools(body, "tools", "tool_choice", legacy=False)
    legacy = _read_tools(body, "functions", "function_call", legacy=True)
    return legacy if legacy.tools and not modern.tools else modern


def _read_tools(body: Body, list_name: str, choice_name: str, *, legacy: bool) -> ChatTools:
    listed = fields.objects(body, list_name)
    known = tools_by_name((_tool(tool, place, legacy=legacy), place) for tool, place in listed)
    choice, allowed = _choice(body.get(choice_name), choice_name, legacy=legacy)
    for name in [choice.name] if choice.mode == "named" else allowed:
        if name not in known:
            raise unknown_tool(name, choice_name)
    tools = [tool for tool in known.values() if not allowed or tool.name in allowed]
    if choice.mode == "required" and not tools:
        raise no_tools(choice_name)
    return ChatTools(tuple(tools), choice if tools else ToolChoice(), legacy)


def _tool(tool: Body, param: str, *, legacy: bool) -> Tool:
    if not legacy and tool.get("type", "function") != "function":
        raise invalid(f"{param}.type", f"function; tools of type {tool.get('type')!r} are not supported")
    function, param = (tool, param) if legacy else _function(tool, param)
    parameters = from_parameters(function, param)
    return Tool(_name(function, param), fields.string(function, "description", param), parameters)


def _name(holder: Body, param: str) -> str:
    return fields.required_string(holder, "name", param, "a name")


def _choice(choice: Any, param: str, *, legacy: bool) -> tuple[ToolChoice, list[str]]:
    """The choice, and the names it is limited to; none means no limit."""
    if choice is None:
        return ToolChoice(), []
    if isinstance(choice, str):
        expected = "one of " + ", ".join(OPENAI_MODES) + ", or an object"
        return ToolChoice(fields.one_of(choice, OPENAI_MODES, param, expected)), []
    choice = fields.mapping(choice, param)
    if not legacy and choice.get("type") == "allowed_tools":
        return _from_allowed(*fields.required_object(choice, "allowed_tools", param))
    named, param = (choice, param) if legacy else _function(choice, param)
    return ToolChoice("named", _name(named, param)), []


def _from_allowed(allowed: Body, param: str) -> tuple[ToolChoice, list[str]]:
    mode = fields.one_of(allowed.get("mode"), ALLOWED_MODES, f"{param}.mode", "auto or required")
    names = [_name(*_function(tool, place)) for tool, place in fields.objects(allowed, "tools", param)]
    if not names:
        raise invalid(f"{param}.tools", "at least one tool")
    return ToolChoice(mode), names


def _function(holder: Body, param: str) -> tuple[Body, str]:
    return fields.required_object(holder, "function", param)


def from_calls(message: Body, param: str) -> list[ToolCall]:
    """The calls of an assistant message, in either form."""
    found = [_call(call, place) for call, place in fields.objects(message, "tool_calls", param)]
    if message.get("function_call") is None:
        return found
    legacy, place = fields.required_object(message, "function_call", param)
    return found or [_function_call(legacy, "", place)]


def _call(call: Body, param: str) -> ToolCall:
    function, place = _function(call, param)
    return _function_call(function, fields.string(call, "id", param), place)


def _function_call(function: Body, call_id: str, param: str) -> ToolCall:
    arguments = fields.string(function, "arguments", param)
    return ToolCall(call_id, _name(function, param), arguments_from_json(arguments))
