"""Tools and tool choice of a Chat Completions request. Pure; raises BadRequest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gpt2giga.chat import HostedTool, Tool, ToolChoice
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.hosted import HostedFound, HostedTools, options_of, union
from gpt2giga.dialects.tools import (
    ALLOWED_MODES,
    ANTHROPICS_MODES,
    custom_parameters,
    from_function,
    inner_tool,
    no_tools,
    OPENAI_MODES,
    settle,
    tool_kind,
    tool_name,
    tools_by_name,
    unknown_tool,
)

KINDS = ("function", "custom")
SEARCH, SEARCH_OPTIONS = "web_search", "web_search_options"
PARAMETERS = frozenset({"tools", "functions", "tool_choice", "function_call", SEARCH_OPTIONS})


@dataclass(frozen=True, slots=True)
class ChatTools:
    """`legacy`: the client uses `functions`, the form before `tools`, and wants its answers in that form.

    custom: the names of the tools that take a text, and whether each came in the form of Responses. hosted: what
    GigaChat does by itself. ignored: what changes nothing.
    """

    tools: tuple[Tool, ...]
    choice: ToolChoice
    legacy: bool = False
    custom: Mapping[str, bool] = field(default_factory=dict)
    hosted: tuple[HostedTool, ...] = ()
    ignored: tuple[str, ...] = ()


NO_TOOLS = ChatTools((), ToolChoice())


@dataclass(frozen=True, slots=True)
class Choice:
    """What `tool_choice` says. is_limited: only to `names` of the tools and to `hosted`."""

    choice: ToolChoice = ToolChoice()
    is_limited: bool = False
    names: tuple[str, ...] = ()
    hosted: tuple[HostedTool, ...] = ()


def from_tools(body: Body, *, ignore_hosted: bool, hosted_tools: HostedTools) -> ChatTools:
    """`tools` and `tool_choice`, or else the older `functions` and `function_call`."""
    modern = _modern(body, HostedFound(fields.string(body, "model"), hosted_tools, ignore_hosted))
    legacy = _legacy(body)
    if not legacy.tools or modern.tools:
        return modern
    return replace(legacy, hosted=modern.hosted, ignored=modern.ignored)


def _legacy(body: Body) -> ChatTools:
    listed = fields.objects(body, "functions")
    known = tools_by_name((from_function(function, place), place) for function, place in listed)
    param, given = "function_call", body.get("function_call")
    choice = ToolChoice("named", tool_name(given, param)) if isinstance(given, dict) else _by_word(given, param)
    return _select(known, (), Choice(choice), param, legacy=True)


def _modern(body: Body, hosted: HostedFound) -> ChatTools:
    listed: list[tuple[Tool, str]] = []
    custom: dict[str, bool] = {}
    for entry, place in fields.objects(body, "tools"):
        kind = _kind(entry, place)
        if kind not in KINDS:
            hosted.add(entry, kind, f"{place}.type")
            continue
        tool = _tool(entry, kind, place)
        listed.append((tool, place))
        if kind == "custom":
            custom[tool.name] = entry.get("custom") is None
    ignored = [f"tools.{name}" for name in (*hosted.left_out, *hosted.options)]
    ignored += _search_options(body, hosted)
    choice, offered = _choice(body.get("tool_choice"), hosted), hosted.tools()
    if choice is None or (choice.choice.mode == "required" and hosted.left_out and not listed and not offered):
        choice, ignored = Choice(), [*ignored, "tool_choice"]
    found = _select(tools_by_name(listed), offered, choice, "tool_choice")
    return replace(found, custom=custom, ignored=tuple(ignored))


def _search_options(body: Body, hosted: HostedFound) -> list[str]:
    """They ask for a search by themselves. Gives what of them changes nothing."""
    options = fields.optional_mapping(body, SEARCH_OPTIONS)
    if body.get(SEARCH_OPTIONS) is None:
        return []
    searches = hosted.offered(SEARCH)
    if not searches:
        return [SEARCH_OPTIONS]
    hosted.kinds.setdefault(SEARCH, searches)
    return options_of(options, SEARCH_OPTIONS)


def _select(
    known: Mapping[str, Tool], hosted: tuple[HostedTool, ...], wanted: Choice, param: str, *, legacy: bool = False
) -> ChatTools:
    choice = wanted.choice
    allowed = dict.fromkeys(wanted.names)
    for name in [choice.name] if choice.mode == "named" else allowed:
        if name not in known:
            raise unknown_tool(name, param)
    tools = tuple(tool for tool in known.values() if not wanted.is_limited or tool.name in allowed)
    hosted = wanted.hosted if wanted.is_limited else hosted
    if choice.mode == "required" and not tools and not hosted:
        raise no_tools(param)
    return ChatTools(tools, settle(choice, tools, hosted), legacy, hosted=() if choice.mode == "none" else hosted)


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
        return Tool(tool_name(found, param), description, custom_parameters(found, param), takes_text=True)
    return from_function(found, param)


def _by_word(choice: Any, param: str) -> ToolChoice:
    if choice is None:
        return ToolChoice()
    if not isinstance(choice, str):
        fields.mapping(choice, param)
    return ToolChoice(fields.one_of(choice, OPENAI_MODES, param, f"one of {', '.join(OPENAI_MODES)}, or an object"))


def _choice(choice: Any, hosted: HostedFound) -> Choice | None:
    """None for the choice of a tool that is left out."""
    param = "tool_choice"
    if not isinstance(choice, dict):
        return Choice(_by_word(choice, param))
    kind = fields.string(choice, "type", param) or "function"
    if kind == "allowed_tools":
        allowed, place = (choice, param) if "mode" in choice else fields.required_object(choice, kind, param)
        return _from_allowed(allowed, place, hosted)
    if kind in ANTHROPICS_MODES:
        return Choice(ToolChoice(ANTHROPICS_MODES[kind]))
    if found := hosted.chosen(kind):
        return Choice(ToolChoice("hosted", found[0]))
    if kind in hosted.left_out:
        return None
    if kind != "tool" and kind not in KINDS:
        raise invalid(f"{param}.type", "function, custom, allowed_tools, or the type of one of the tools")
    return Choice(ToolChoice("named", tool_name(*_inner(choice, kind, param))))


def _from_allowed(allowed: Body, param: str, hosted: HostedFound) -> Choice | None:
    mode = fields.one_of(allowed.get("mode"), ALLOWED_MODES, f"{param}.mode", "auto or required")
    names: list[str] = []
    found: list[tuple[HostedTool, ...]] = []
    listed = [(tool, _kind(tool, place), place) for tool, place in fields.objects(allowed, "tools", param)]
    for tool, kind, place in listed:
        if of_kind := hosted.chosen(kind):
            found.append(of_kind)
        elif kind not in hosted.left_out:
            names.append(tool_name(*_inner(tool, kind, place)))
    if not listed:
        raise invalid(f"{param}.tools", "at least one tool")
    return Choice(ToolChoice(mode), True, tuple(names), union(found)) if names or found else None
