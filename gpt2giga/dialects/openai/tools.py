"""Tools, tool choice and calls of a Chat Completions request. Pure; raises BadRequest."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from gpt2giga.chat import Tool, ToolCall, ToolChoice
from gpt2giga.concurrency.waiting import in_turns
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.tools import (
    ALLOWED_MODES,
    ANTHROPICS_MODES,
    check_hosted,
    CUSTOM_INPUT,
    custom_parameters,
    from_arguments,
    from_parameters,
    function_extras,
    inner_tool,
    no_tools,
    OPENAI_MODES,
    tool_kind,
    tools_by_name,
    unknown_tool,
)
from gpt2giga.errors import BadRequest

KINDS = ("function", "custom")


@dataclass(frozen=True, slots=True)
class ChatTools:
    """`legacy`: the client uses `functions`, the form before `tools`, and wants its answers in that form.

    custom: the names of the tools that take a text, and whether each came in the form of Responses. ignored: what
    changes nothing.
    """

    tools: tuple[Tool, ...]
    choice: ToolChoice
    legacy: bool = False
    custom: Mapping[str, bool] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


NO_TOOLS = ChatTools((), ToolChoice())


def from_tools(body: Body, *, ignore_hosted: bool) -> ChatTools:
    """`tools` and `tool_choice`, or else the older `functions` and `function_call`."""
    if all(body.get(name) is None for name in ("tools", "functions", "tool_choice", "function_call")):
        return NO_TOOLS
    modern = _modern(body, ignore_hosted)
    legacy = _legacy(body)
    return legacy if legacy.tools and not modern.tools else modern


def _legacy(body: Body) -> ChatTools:
    listed = fields.objects(body, "functions")
    known = tools_by_name((_function(function, place), place) for function, place in listed)
    param, given = "function_call", body.get("function_call")
    choice = ToolChoice("named", _name(given, param)) if isinstance(given, dict) else _by_word(given, param)
    return _select(known, choice, [], param, legacy=True)


def _modern(body: Body, ignore_hosted: bool) -> ChatTools:
    listed: list[tuple[Tool, str]] = []
    custom: dict[str, bool] = {}
    hosted: list[str] = []
    for entry, place in fields.objects(body, "tools"):
        kind = _kind(entry, place)
        if kind not in KINDS:
            check_hosted(kind, place, ignore=ignore_hosted)
            hosted.append(kind)
            continue
        tool = _tool(entry, kind, place)
        listed.append((tool, place))
        if kind == "custom":
            custom[tool.name] = entry.get("custom") is None
    choice, allowed = _choice(body.get("tool_choice"), hosted)
    ignored = [f"tools.{kind}" for kind in dict.fromkeys(hosted)]
    if choice is None or (choice.mode == "required" and hosted and not listed):
        choice, ignored = ToolChoice(), [*ignored, "tool_choice"]
    found = _select(tools_by_name(listed), choice, allowed, "tool_choice")
    return replace(found, custom=custom, ignored=tuple(ignored))


def _select(
    known: Mapping[str, Tool], choice: ToolChoice, allowed: list[str], param: str, *, legacy: bool = False
) -> ChatTools:
    for name in [choice.name] if choice.mode == "named" else allowed:
        if name not in known:
            raise unknown_tool(name, param)
    tools = [tool for tool in known.values() if not allowed or tool.name in allowed]
    if choice.mode == "required" and not tools:
        raise no_tools(param)
    return ChatTools(tuple(tools), choice if tools else ToolChoice(), legacy)


def _kind(entry: Body, param: str) -> str:
    return tool_kind(entry, param) or "function"


def _inner(entry: Body, kind: str, param: str) -> tuple[Body, str]:
    """Who has neither form is told of this API's own."""
    if entry.get("name") is None:
        return fields.required_object(entry, kind, param)
    return inner_tool(entry, kind, param)


def _tool(entry: Body, kind: str, param: str) -> Tool:
    found, param = _inner(entry, kind, param)
    if kind == "custom":
        description = fields.string(found, "description", param)
        return Tool(_name(found, param), description, custom_parameters(found, param), takes_text=True)
    return _function(found, param)


def _function(function: Body, param: str) -> Tool:
    return Tool(
        _name(function, param),
        fields.string(function, "description", param),
        from_parameters(function, param),
        function_extras(function, param),
    )


def _name(holder: Body, param: str) -> str:
    return fields.required_string(holder, "name", param, "a name")


def _by_word(choice: Any, param: str) -> ToolChoice:
    if choice is None:
        return ToolChoice()
    if not isinstance(choice, str):
        fields.mapping(choice, param)
    return ToolChoice(fields.one_of(choice, OPENAI_MODES, param, f"one of {', '.join(OPENAI_MODES)}, or an object"))


def _choice(choice: Any, hosted: list[str]) -> tuple[ToolChoice | None, list[str]]:
    """The choice, None for one of a tool that is left out; and the names it is limited to, none for no limit."""
    param = "tool_choice"
    if not isinstance(choice, dict):
        return _by_word(choice, param), []
    kind = fields.string(choice, "type", param) or "function"
    if kind == "allowed_tools":
        allowed, place = (choice, param) if "mode" in choice else fields.required_object(choice, kind, param)
        return _from_allowed(allowed, place, hosted)
    if kind in ANTHROPICS_MODES:
        return ToolChoice(ANTHROPICS_MODES[kind]), []
    if kind in hosted:
        return None, []
    if kind != "tool" and kind not in KINDS:
        raise invalid(f"{param}.type", "function, custom, allowed_tools, or the type of one of the tools")
    return ToolChoice("named", _name(*_inner(choice, kind, param))), []


def _from_allowed(allowed: Body, param: str, hosted: list[str]) -> tuple[ToolChoice | None, list[str]]:
    mode = fields.one_of(allowed.get("mode"), ALLOWED_MODES, f"{param}.mode", "auto or required")
    listed = [(tool, _kind(tool, place), place) for tool, place in fields.objects(allowed, "tools", param)]
    names = [_name(*_inner(tool, kind, place)) for tool, kind, place in listed if kind not in hosted]
    if not listed:
        raise invalid(f"{param}.tools", "at least one tool")
    return (ToolChoice(mode) if names else None), names


def from_calls(message: Body, param: str) -> list[ToolCall]:
    """The calls of an assistant message, in either form. One that cannot be read, without a name for example, never was
    one; the others stay."""
    listed = message.get("tool_calls")
    found: list[ToolCall] = []
    for number, call in in_turns(listed if isinstance(listed, list) else ()):
        place = f"{param}.tool_calls[{number}]"
        with suppress(BadRequest):
            found.append(_call(fields.mapping(call, place), place))
    if not found:
        with suppress(BadRequest):
            legacy, place = fields.required_object(message, "function_call", param)
            found.append(_function_call(legacy, "", place))
    return found


def _call(call: Body, param: str) -> ToolCall:
    call_id = fields.string(call, "id", param)
    if call.get("custom") is not None:
        custom, place = fields.required_object(call, "custom", param)
        return ToolCall(call_id, _name(custom, place), {CUSTOM_INPUT: fields.string(custom, "input", place)})
    function, place = fields.required_object(call, "function", param)
    return _function_call(function, call_id, place)


def _function_call(function: Body, call_id: str, param: str) -> ToolCall:
    return ToolCall(call_id, _name(function, param), from_arguments(function.get("arguments")))
