"""Tools and tool choice of a Messages request. Pure; raises BadRequest."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from gpt2giga.chat import HostedTool, Tool, ToolChoice
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.hosted import HostedFound, HostedTools, no_hosted_tools
from gpt2giga.dialects.messages import text_of
from gpt2giga.dialects.tools import ANTHROPICS_MODES, function_extras, no_tools, settle, tools_by_name, unknown_tool

# web_search_20250305, bash_20250124, ...: Claude knows them without a schema, GigaChat does not.
HOSTED = re.compile(r"[a-z0-9_]+_\d{8}|mcp_toolset")
TOOL_SEARCH = "tool_search_tool"

# An object of the request, and where it stands.
Placed: TypeAlias = tuple[Body, str]


@dataclass(frozen=True, slots=True)
class MessageTools:
    """hosted: what GigaChat does by itself. ignored: what changes nothing: types of Anthropic's own tools that were
    left out, and options of the others."""

    tools: tuple[Tool, ...]
    choice: ToolChoice
    hosted: tuple[HostedTool, ...] = ()
    ignored: tuple[str, ...] = ()
    several_calls: bool = True


def from_tools(body: Body, *, ignore_hosted: bool, hosted_tools: HostedTools = no_hosted_tools) -> MessageTools:
    """`messages` must have been read before: tools also come and go there."""
    blocks = list(_blocks(body["messages"]))
    entries = [*fields.objects(body, "tools"), *_definitions(blocks)]
    found = HostedFound(fields.string(body, "model"), hosted_tools, ignore_hosted)
    hosted_kinds = dict(_add_hosted(found, entries))
    custom = [(tool, place) for tool, place in entries if tool.get("type") in (None, "custom")]
    tools = tools_by_name((_tool(tool, place), f"{place}.name") for tool, place in custom)
    # With Anthropic's own search for tools left out nothing could ever load the rest.
    has_search = any(kind.startswith(TOOL_SEARCH) for kind in found.left_out)
    is_offered = {
        tool["name"]: has_search or not fields.boolean(tool, "defer_loading", place) for tool, place in custom
    } | _changes(blocks)
    offered = tuple(tool for tool in tools.values() if is_offered[tool.name])
    choice, several_calls = _choice(body.get("tool_choice"))
    if choice.mode == "named" and choice.name not in tools:
        ran = found.chosen(hosted_kinds.get(choice.name, ""))
        choice = ToolChoice("hosted", ran[0]) if ran else choice
    hosted = () if choice.mode == "none" else found.tools()
    _check_choice(choice, offered, hosted, hosted_kinds)
    ignored = (*found.left_out, *found.options)
    return MessageTools(offered, settle(choice, offered, hosted), hosted, ignored, several_calls)


def _blocks(messages: list[Any]) -> Iterator[Placed]:
    """The blocks that bring and take tools away. Old messages may hold anything."""
    for number, message in enumerate(messages):
        for n, block in enumerate(_objects(message, "content")):
            if block.get("type") in ("tool_result", "tool_addition", "tool_removal"):
                yield block, f"messages[{number}].content[{n}]"


def _objects(holder: Any, name: str) -> Iterator[Body]:
    """Of a list, an empty one in place of what is none."""
    found = holder.get(name) if isinstance(holder, dict) else ()
    return (item if isinstance(item, dict) else {} for item in (found if isinstance(found, list) else ()))


def _definitions(blocks: list[Placed]) -> Iterator[Placed]:
    for block, place in blocks:
        tool = block.get("tool")
        if isinstance(tool, dict) and tool.get("type") == "tool_definition":
            yield fields.required_object(tool, "definition", f"{place}.tool")


def _changes(blocks: list[Placed]) -> dict[str, bool]:
    """Tools that the conversation names: found by a search or added (True), or taken away again (False)."""
    found: dict[str, bool] = {}
    for block, _ in blocks:
        kind, tool = block["type"], block.get("tool")
        if kind == "tool_result":
            inner = (item for item in _objects(block, "content") if item.get("type") == "tool_reference")
            found |= {item["tool_name"]: True for item in inner if isinstance(item.get("tool_name"), str)}
        elif isinstance(tool, dict):
            definition = tool.get("definition")
            name = (definition if isinstance(definition, dict) else tool).get("name")
            found |= {name: kind == "tool_addition"} if isinstance(name, str) else {}
    return found


def _add_hosted(found: HostedFound, entries: list[Placed]) -> Iterator[tuple[str, str]]:
    """The name and the type of each."""
    for tool, place in entries:
        kind = tool.get("type")
        if kind in (None, "custom"):
            continue
        if not isinstance(kind, str) or not HOSTED.fullmatch(kind):
            raise invalid(f"{place}.type", f"custom; tools of type {kind!r} are not supported")
        found.add(tool, kind, place)
        yield text_of(tool, "name"), kind


def _tool(tool: Body, param: str) -> Tool:
    return Tool(
        fields.required_string(tool, "name", param, "a name"),
        fields.string(tool, "description", param),
        fields.mapping(tool.get("input_schema"), f"{param}.input_schema"),
        function_extras(tool, param),
    )


def _choice(choice: Any) -> tuple[ToolChoice, bool]:
    """The choice, and whether one answer may hold several calls."""
    if choice is None:
        return ToolChoice(), True
    choice = fields.mapping(choice, "tool_choice")
    several_calls = not fields.boolean(choice, "disable_parallel_tool_use", "tool_choice")
    kind = choice.get("type")
    if kind == "tool":
        name = fields.required_string(choice, "name", "tool_choice", "a name")
        return ToolChoice("named", name), several_calls
    mode = fields.one_of(kind, ANTHROPICS_MODES, "tool_choice.type", "auto, any, tool or none")
    return ToolChoice(mode), several_calls


def _check_choice(
    choice: ToolChoice, tools: tuple[Tool, ...], hosted: tuple[HostedTool, ...], hosted_names: Collection[str]
) -> None:
    """Claude Code asks for a search by name, and would take any other answer for what was found."""
    if choice.mode == "named" and choice.name not in {tool.name for tool in tools}:
        why = "runs at Anthropic; GigaChat has none" if choice.name in hosted_names else "is not in the list"
        raise unknown_tool(choice.name, "tool_choice", why)
    if choice.mode == "required" and not tools and not hosted:
        raise no_tools("tool_choice", "any")
