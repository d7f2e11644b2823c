"""tool_choice in all its forms. Pure; raises BadRequest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpt2giga.chat import HostedTool, Tool, ToolChoice
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.hosted import union
from gpt2giga.dialects.responses.tools import Toolbox
from gpt2giga.dialects.tools import (
    ALLOWED_MODES,
    ANTHROPICS_MODES,
    inner_tool,
    Mode,
    no_tools,
    OPENAI_MODES,
    settle,
    tool_kind,
    unknown_tool,
)

PARAM = "tool_choice"


@dataclass(frozen=True, slots=True)
class ToolSelection:
    """tools, hosted: those that may be used. ignored: the choice was of a tool that is left out."""

    tools: tuple[Tool, ...]
    choice: ToolChoice
    hosted: tuple[HostedTool, ...] = ()
    ignored: bool = False


def from_choice(body: Body, toolbox: Toolbox) -> ToolSelection:
    wanted: Any = body.get(PARAM)
    tools, hosted = toolbox.tools, toolbox.hosted.tools()
    if wanted is None:
        return _by_mode("auto", tools, hosted, toolbox)
    if isinstance(wanted, str):
        mode = fields.one_of(wanted, OPENAI_MODES, PARAM, "one of " + ", ".join(OPENAI_MODES) + ", or an object")
        return _by_mode(mode, tools, hosted, toolbox)
    wanted = fields.mapping(wanted, PARAM)
    kind = fields.required_string(wanted, "type", PARAM)
    if kind == "allowed_tools":
        return _from_allowed(*inner_tool(wanted, kind, PARAM), toolbox)
    if kind in ANTHROPICS_MODES:
        return _by_mode(ANTHROPICS_MODES[kind], tools, hosted, toolbox)
    if kind in ("function", "custom", "tool"):
        return ToolSelection(tools, ToolChoice("named", _flat(wanted, kind, toolbox, PARAM)), hosted)
    return _of_hosted(kind, toolbox)


def _by_mode(mode: Mode, tools: tuple[Tool, ...], hosted: tuple[HostedTool, ...], toolbox: Toolbox) -> ToolSelection:
    is_impossible = mode == "required" and not tools and not hosted
    if is_impossible and not toolbox.hosted.left_out:
        raise no_tools(PARAM)
    choice = settle(ToolChoice(mode), tools, hosted)
    return ToolSelection(tools, choice, () if mode == "none" else hosted, ignored=is_impossible)


def _of_hosted(kind: str, toolbox: Toolbox) -> ToolSelection:
    """A choice of what is left out leaves the choice to the model; of what is not there it is a mistake."""
    tools, hosted = toolbox.tools, toolbox.hosted.tools()
    if found := toolbox.hosted.chosen(kind):
        return ToolSelection(tools, ToolChoice("hosted", found[0]), hosted)
    if kind not in toolbox.hosted.left_out:
        raise invalid(
            f"{PARAM}.type", f"function, custom, allowed_tools, or the type of one of the tools, not {kind!r}"
        )
    return ToolSelection(tools, ToolChoice(), hosted, ignored=True)


def _from_allowed(wanted: Body, param: str, toolbox: Toolbox) -> ToolSelection:
    mode = fields.one_of(wanted.get("mode"), ALLOWED_MODES, f"{param}.mode", "auto or required")
    listed = wanted.get("tools")
    if not isinstance(listed, list) or not listed:
        raise invalid(f"{param}.tools", "a list of tools")
    names: set[str] = set()
    namespaces: set[str] = set()
    hosted: list[tuple[HostedTool, ...]] = []
    for tool, place in fields.each_object(listed, f"{param}.tools"):
        kind = tool_kind(tool, place) or fields.required_string(tool, "type", place)
        hosted.append(toolbox.hosted.chosen(kind))
        if kind == "namespace":
            namespaces.add(fields.required_string(tool, "name", place))
        elif not hosted[-1]:
            names |= _names(tool, kind, toolbox, place)
    names |= {flat for flat, tool in toolbox.client_tools.items() if tool.namespace in namespaces}
    return _by_mode(mode, tuple(tool for tool in toolbox.tools if tool.name in names), union(hosted), toolbox)


def _names(tool: Body, kind: str, toolbox: Toolbox, param: str) -> set[str]:
    if kind in ("function", "custom"):
        return {_flat(tool, kind, toolbox, param)}
    if kind not in toolbox.hosted.left_out:
        raise invalid(f"{param}.type", f"the type of one of the tools, not {kind!r}")
    return set()


def _flat(tool: Body, kind: str, toolbox: Toolbox, param: str) -> str:
    found, place = inner_tool(tool, kind, param)
    name = fields.required_string(found, "name", place)
    flat = toolbox.find(fields.string(tool, "namespace", param), name)
    if not flat:
        raise unknown_tool(name, param)
    return flat
