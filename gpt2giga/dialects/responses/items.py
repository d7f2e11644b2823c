"""Input items -> messages. Pure; raises BadRequest naming the item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gpt2giga.chat import Message, Text, ToolCall, ToolResult
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.messages import (
    each_turn,
    from_content,
    from_result,
    from_tool,
    is_resent,
    OPENAI_ROLES,
    reader_of,
    RESULTS,
    text_of,
)
from gpt2giga.dialects.pictures import NOTE
from gpt2giga.dialects.responses import compaction
from gpt2giga.dialects.responses.tools import Brought, is_callable, SEARCH, Toolbox
from gpt2giga.dialects.tools import CUSTOM_INPUT, from_arguments
from gpt2giga.errors import BadRequest, NotFound

REFERENCE = "item_reference"
REASONING = "reasoning"
REASONING_PREFIX = "rs_"  # how the ids of such items begin
# Traces of what OpenAI runs itself: nothing in them is for GigaChat. A trigger counts where it is the last item only.
FOREIGN = (
    "apply_patch_call",
    "apply_patch_call_output",
    "code_interpreter_call",
    "compaction_trigger",
    "computer_call",
    "computer_call_output",
    "configuration_update",
    "file_search_call",
    "local_shell_call",
    "local_shell_call_output",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_call",
    "mcp_list_tools",
    "program",
    "program_output",
    "shell_call",
    "shell_call_output",
)
# What GigaChat did by itself: its text, which follows, says what it has found. Of compactions only the newest counts,
# which is a message by then.
WITHOUT_WORDS = (REASONING, "additional_tools", "web_search_call", *compaction.KINDS)


# Codex offers its tools so to models of its own catalog, and what its search for tools has found.
BRINGS_TOOLS = ("additional_tools", "tool_search_output")
SEARCHES = ("tool_search_call", "tool_search_output")


RESENT = ("function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", *SEARCHES)


def from_input(value: Any) -> list[Any]:
    """The items of `input`; a text alone is the user's."""
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": value}]
    if value is not None and not isinstance(value, list):
        raise invalid("input", "a string or a list of items")
    return value or []


def kind_of(item: Any, param: str) -> str:
    """The shortest forms leave the type out: a message has a role, a reference has an id only."""
    item = fields.mapping(item, param)
    kind = fields.string(item, "type", param)
    return kind or ("message" if "role" in item or "id" not in item else REFERENCE)


def reference_ids(items: Iterable[Any]) -> list[str]:
    """The ids of earlier items that stand for those items, except reasoning, which is not needed."""
    numbered = enumerate(items)
    found = [item.get("id") for number, item in numbered if kind_of(item, f"input[{number}]") == REFERENCE]
    return [item_id for item_id in found if isinstance(item_id, str) and not item_id.startswith(REASONING_PREFIX)]


def resolve_references(items: Iterable[Any], known: Mapping[str, Any]) -> Iterator[Any]:
    """The items with every reference replaced. One to a reasoning item is dropped, as the item would be."""
    for number, item in enumerate(items):
        param = f"input[{number}]"
        if kind_of(item, param) != REFERENCE:
            yield item
            continue
        item_id = fields.required_string(item, "id", param)
        if item_id in known:
            yield known[item_id]
        elif not item_id.startswith(REASONING_PREFIX):
            words = f"Item with id '{item_id}' not found. Items of responses with store=false are not kept."
            raise NotFound(words, param=f"{param}.id", code="item_not_found")


def without_present(items: Iterable[Any], present: Mapping[str, Any]) -> Iterator[Any]:
    """present: the items of the conversation, by id. What refers to one of them says nothing new."""
    seen = {*present}
    for number, item in enumerate(items):
        item_id = item.get("id") if isinstance(item, dict) else None
        if not isinstance(item_id, str) or item_id not in seen:
            yield item
        elif kind_of(item, f"input[{number}]") != REFERENCE:
            raise duplicate_item(item_id, f"input[{number}].id")
        if isinstance(item_id, str):
            seen.add(item_id)


def duplicate_item(item_id: str, param: str) -> BadRequest:
    words = f"An item with id '{item_id}' is in the conversation already: leave it out, or send it without an id."
    return BadRequest(words, param=param, code="duplicate_item")


def brought_tools(items: Sequence[Any], *, are_past: bool = False) -> Iterator[Brought]:
    """Each tool that an item brings. What a search has found is history: only what can be used.

    are_past: all of them are old. Otherwise those are that stand before something that the model or a tool wrote.
    """
    newest = len(items)
    while not are_past and newest and not is_resent_item(items[newest - 1]):
        newest -= 1
    for number, item in enumerate(items):
        param = f"input[{number}]"
        kind = kind_of(item, param)
        if kind == "additional_tools" and number >= newest:
            yield from (Brought(tool, place) for tool, place in fields.objects(item, "tools", param))
        elif kind in BRINGS_TOOLS:
            listed = item.get("tools")
            tools = [tool for tool in listed if isinstance(tool, dict)] if isinstance(listed, list) else []
            usable = (tool for tool in tools if kind == "additional_tools" or is_callable(tool))
            yield from (Brought(tool, f"{param}.tools", is_old=True) for tool in usable)


def foreign_kinds(items: Iterable[Any]) -> list[str]:
    """Of what is left out. OpenAI's own compactions cannot be read either."""
    kinds = ((kind_of(item, "input"), item) for item in items)
    return [
        kind
        for kind, item in kinds
        if kind in FOREIGN or (kind in compaction.KINDS and not compaction.is_ours(item.get("encrypted_content")))
    ]


def is_resent_item(item: Any) -> bool:
    """Calls and results, which are read or left out: one without a name never was a call."""
    return is_resent(item) or (isinstance(item, dict) and item.get("type") in RESENT)


def from_items(items: Sequence[Any], toolbox: Toolbox) -> tuple[Message, ...]:
    def read(item: Any, param: str, is_old: bool) -> Iterator[Message]:
        kind = kind_of(item, param)
        if kind in SEARCHES and not item.get("call_id"):  # OpenAI's own
            return
        if kind not in (*WITHOUT_WORDS, *FOREIGN):
            yield reader_of(kind, READERS, param, "items")(item, param, toolbox, is_old)

    return tuple(each_turn(items, "input", read, is_resent_item))


def _message(item: Body, param: str, toolbox: Toolbox, is_old: bool) -> Message:
    if item.get("role") in RESULTS:
        return from_tool(item, param)
    role = fields.one_of(item.get("role"), OPENAI_ROLES, f"{param}.role")
    return Message(role, tuple(from_content(item.get("content"), role, f"{param}.content", is_old=is_old)))


def _function_call(item: Body, param: str, toolbox: Toolbox, is_old: bool) -> Message:
    return _call(item, param, toolbox, from_arguments(item.get("arguments")))


def _custom_call(item: Body, param: str, toolbox: Toolbox, is_old: bool) -> Message:
    return _call(item, param, toolbox, {CUSTOM_INPUT: fields.string(item, "input", param)})


def _call(item: Body, param: str, toolbox: Toolbox, arguments: dict[str, Any]) -> Message:
    namespace = fields.string(item, "namespace", param)
    name = toolbox.flat_name(namespace, fields.required_string(item, "name", param))
    return Message("assistant", (ToolCall(fields.required_string(item, "call_id", param), name, arguments),))


def _drawing(item: Body, param: str, toolbox: Toolbox, is_old: bool) -> Message:
    """One without a picture has failed."""
    return Message("assistant", (Text(NOTE),) if item.get("result") else ())


def _search_call(item: Body, param: str, toolbox: Toolbox, is_old: bool) -> Message:
    arguments = item.get("arguments")
    return _call({**item, "name": SEARCH}, param, toolbox, arguments if isinstance(arguments, dict) else {})


def _search_output(item: Body, param: str, toolbox: Toolbox, is_old: bool) -> Message:
    """The tools themselves are offered as all others are."""
    names = [name for found in brought_tools([item]) if (name := text_of(found.tool, "name"))]
    said = Text(f"Found, and to be called from now on: {', '.join(names)}" if names else "Nothing was found.")
    return Message("user", (ToolResult(fields.required_string(item, "call_id", param), "", (said,)),))


def _output(item: Body, param: str, toolbox: Toolbox, is_old: bool) -> Message:
    call_id = fields.required_string(item, "call_id", param, "the id of a tool call")
    parts = from_result(item.get("output"), f"{param}.output")
    return Message("user", (ToolResult(call_id, "", parts),))


READERS: dict[str, Callable[[Body, str, Toolbox, bool], Message]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _output,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _output,
    "image_generation_call": _drawing,
    "tool_search_call": _search_call,
    "tool_search_output": _search_output,
}
