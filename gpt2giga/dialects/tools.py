"""What tools and the choice among them have in common in all dialects.

A custom tool takes one text instead of arguments: GigaChat gets a function with one parameter. Tools that their vendor
runs are in hosted.py.

Cursor sends tools to both APIs of OpenAI in the forms of three: that of Chat Completions, where all that a tool is
stands in an object of its type's name; that of Responses, where it stands beside the type; and Anthropic's, without a
type.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeAlias

import orjson

from gpt2giga.chat import arguments_from_json, HostedTool, Tool, ToolCall, ToolChoice
from gpt2giga.concurrency.waiting import in_turns
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.errors import BadRequest

Mode: TypeAlias = Literal["auto", "none", "required"]

CUSTOM_INPUT = "input"  # the one parameter of a custom tool

OPENAI_MODES: Mapping[str, Mode] = {"auto": "auto", "none": "none", "required": "required"}
# Of a choice among some of the tools.
ALLOWED_MODES: Mapping[str, Mode] = {"auto": "auto", "required": "required"}
ANTHROPICS_MODES: Mapping[str, Mode] = {"auto": "auto", "none": "none", "any": "required"}


def tools_by_name(tools: Iterable[tuple[Tool, str]]) -> dict[str, Tool]:
    """A tool that stands twice is taken once: contract 10.9 asks whether GigaChat takes equal names."""
    found: dict[str, Tool] = {}
    for tool, param in tools:
        if found.setdefault(tool.name, tool) != tool:
            raise invalid(param, f"names that differ; there is another {tool.name!r}")
    return found


def settle(choice: ToolChoice, tools: Collection[Tool], hosted: Sequence[HostedTool]) -> ToolChoice:
    """The choice among what is there. Where that is only what GigaChat does by itself, `required` is the first of it:
    what the client's first tool is for."""
    if tools or choice.mode == "hosted":
        return choice
    return ToolChoice("hosted", hosted[0]) if choice.mode == "required" and hosted else ToolChoice()


def tool_name(holder: Body, param: str) -> str:
    return fields.required_string(holder, "name", param, "a name")


def tool_kind(tool: Body, param: str) -> str:
    """Anthropic's tools have a schema of their own name, and mostly no type. Empty where there is neither."""
    kind = fields.string(tool, "type", param)
    return "function" if kind in ("", "custom") and "input_schema" in tool else kind


def inner_tool(tool: Body, kind: str, param: str) -> tuple[Body, str]:
    """What tells of a tool of this kind, and where it stands."""
    return (tool, param) if tool.get(kind) is None else fields.required_object(tool, kind, param)


def from_parameters(tool: Body, param: str) -> Any:
    name = "input_schema" if "input_schema" in tool else "parameters"
    parameters = tool.get(name)
    if parameters is not None and not isinstance(parameters, dict | bool):
        raise invalid(f"{param}.{name}", "a JSON Schema")
    return parameters


def function_extras(tool: Body, param: str) -> dict[str, Any]:
    """What GigaChat's functions have and other vendors' tools have not (contract 3.1.1)."""
    extras = {
        "few_shot_examples": fields.array(tool, "few_shot_examples", param),
        "return_parameters": fields.optional_mapping(tool, "return_parameters", param),
    }
    return {name: value for name, value in extras.items() if value}


def from_function(function: Body, param: str) -> Tool:
    return Tool(
        tool_name(function, param),
        fields.string(function, "description", param),
        from_parameters(function, param),
        function_extras(function, param),
    )


def custom_parameters(tool: Body, param: str) -> dict[str, Any]:
    """A grammar cannot be enforced, but the model can be told."""
    words = "The whole input of the tool, as plain text."
    if tool.get("format") is not None:
        form, place = fields.required_object(tool, "format", param)
        if isinstance(form.get("grammar"), dict):  # so in Chat Completions
            form, place = form["grammar"], f"{place}.grammar"
        definition = fields.string(form, "definition", place)
        if definition:
            syntax = fields.string(form, "syntax", place)
            words += f" It must follow this {syntax} grammar:\n{definition}"
    text = {"type": "string", "description": words}
    return {"type": "object", "properties": {CUSTOM_INPUT: text}, "required": [CUSTOM_INPUT]}


def to_custom_input(arguments: Mapping[str, Any]) -> str:
    """The text that a custom tool wants. A model may call its parameter by another name."""
    texts = [value for value in arguments.values() if isinstance(value, str)]
    if isinstance(arguments.get(CUSTOM_INPUT), str):
        return str(arguments[CUSTOM_INPUT])
    return texts[0] if len(texts) == len(arguments) == 1 else orjson.dumps(dict(arguments)).decode()


def from_arguments(arguments: Any) -> dict[str, Any]:
    """JSON in a text; some clients and servers have the object itself, or whatever a model wrote in its place."""
    if arguments is None or isinstance(arguments, str):
        return arguments_from_json(arguments or "")
    return arguments if isinstance(arguments, dict) else {"value": arguments}


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
        return ToolCall(call_id, tool_name(custom, place), {CUSTOM_INPUT: fields.string(custom, "input", place)})
    function, place = fields.required_object(call, "function", param)
    return _function_call(function, call_id, place)


def _function_call(function: Body, call_id: str, param: str) -> ToolCall:
    return ToolCall(call_id, tool_name(function, param), from_arguments(function.get("arguments")))


def unknown_tool(name: str, param: str, why: str = "is not in the list") -> BadRequest:
    return BadRequest(f"'{param}' names the tool {name!r}, which {why}.", param=param)


def no_tools(param: str, mode: str = "required") -> BadRequest:
    return BadRequest(f"'{param}' is {mode}, but there are no tools.", param=param)
