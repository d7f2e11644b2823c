"""Tools, and the choice among them. Pure; raises BadRequest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gpt2giga.chat import Tool, ToolChoice
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body
from gpt2giga.dialects.gemini.names import inner, objects, to_word
from gpt2giga.dialects.hosted import HostedFound
from gpt2giga.dialects.tools import Mode, no_tools, tool_name, tools_by_name, unknown_tool

CONFIG = "toolConfig.functionCallingConfig"
# In the order of their numbers.
MODES: Mapping[str, Mode] = {
    "MODE_UNSPECIFIED": "auto",
    "AUTO": "auto",
    "ANY": "required",
    "NONE": "none",
    "VALIDATED": "auto",
}


def from_tools(body: Body, hosted: HostedFound) -> tuple[tuple[Tool, ...], ToolChoice]:
    """Whatever is no declaration of a function runs at Google; `hosted` keeps it."""
    tools = tools_by_name(_declared(body, hosted))
    config = inner(inner(body, "toolConfig"), "functionCallingConfig", "toolConfig")
    word = to_word(config.get("mode"), MODES)
    mode = fields.one_of(fields.string({"mode": word}, "mode", CONFIG).upper() or "AUTO", MODES, f"{CONFIG}.mode")
    allowed = dict.fromkeys(fields.texts(config, "allowedFunctionNames", CONFIG))
    for name in allowed:
        if name not in tools:
            raise unknown_tool(name, f"{CONFIG}.allowedFunctionNames")
    offered = tuple(tool for tool in tools.values() if not allowed or tool.name in allowed)
    if mode == "required" and not offered and not hosted.tools():
        raise no_tools(f"{CONFIG}.mode", "ANY")
    if mode == "required" and len(allowed) == 1:
        return offered, ToolChoice("named", *allowed)
    return offered, ToolChoice(mode)


def _declared(body: Body, hosted: HostedFound) -> Iterator[tuple[Tool, str]]:
    for tool, place in objects(body, "tools"):
        for kind in tool:
            for found, _ in objects(tool, kind, place) if kind != "functionDeclarations" else ():
                hosted.add(found, kind, f"{place}.{kind}")
        for function, param in objects(tool, "functionDeclarations", place):
            yield _tool(function, param), f"{param}.name"


def _tool(function: Body, param: str) -> Tool:
    """Its schema may also be JSON Schema, in a field of its own."""
    schema = fields.optional_mapping(function, "parametersJsonSchema", param)
    schema = schema or fields.optional_mapping(function, "parameters", param)
    return Tool(tool_name(function, param), fields.string(function, "description", param), schema)
