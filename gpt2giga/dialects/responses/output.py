"""The output items of one response while they come in, and the stream events that tell of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from gpt2giga.chat import Event, ReasoningDelta, RefusalDelta, TextDelta, ToolCall
from gpt2giga.dialects.responses.tools import SEARCH, Toolbox
from gpt2giga.dialects.tools import to_custom_input

JsonObject: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PartKind:
    """`part` and `text` are what its events are called after, `index` and `key` names of their fields."""

    item: str
    part: str
    text: str
    index: str
    key: str
    part_extra: Mapping[str, Any] = field(default_factory=dict)
    text_extra: Mapping[str, Any] = field(default_factory=dict)


KINDS: Mapping[str, PartKind] = {
    "output_text": PartKind(
        "message",
        "content_part",
        "output_text",
        "content_index",
        "text",
        part_extra={"annotations": [], "logprobs": []},
        text_extra={"logprobs": []},  # the official client fails without it
    ),
    "refusal": PartKind("message", "content_part", "refusal", "content_index", "refusal"),
    # As a summary, not as reasoning_text: summaries are what clients show.
    "summary_text": PartKind("reasoning", "reasoning_summary_part", "reasoning_summary_text", "summary_index", "text"),
}
PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "tool_search_call": "tsc",
}


def item_id(kind: str, key: str, number: int, side: str = "o") -> str:
    """An id that tells its response, so that the store can find the item by it. side: i for input, o for output."""
    return f"{PREFIXES.get(kind, 'item')}_{key}{side}{number}"


class Output:
    """Every method gives the events that tell of what it did. Events hold copies: they are sent later."""

    def __init__(self, key: str, toolbox: Toolbox) -> None:
        self.items: list[JsonObject] = []
        self._key = key
        self._toolbox = toolbox
        self._open: JsonObject = {}
        self._parts: list[JsonObject] = []
        self._kind = ""
        self._texts: list[str] = []

    def add(self, event: Event) -> list[JsonObject]:
        match event:
            case TextDelta(text):
                return self._say("output_text", text)
            case RefusalDelta(text):
                return self._say("refusal", text)
            case ReasoningDelta(text):
                return self._say("summary_text", text)
            case ToolCall():
                return [*self._close_item("completed"), *self._call(event)]
        return []

    def finish(self, *, complete: bool) -> list[JsonObject]:
        """There is always something to read, if only an empty text."""
        events: list[JsonObject] = []
        if not any(item["type"] != "reasoning" for item in (*self.items, self._open) if item):
            events = self._begin("output_text")
        return [*events, *self._close_item("completed" if complete else "incomplete")]

    def _say(self, kind: str, text: str) -> list[JsonObject]:
        opened = self._begin(kind)
        self._texts.append(text)
        form = KINDS[kind]
        return [*opened, {"type": f"response.{form.text}.delta", **self._at(form), "delta": text, **form.text_extra}]

    def _begin(self, kind: str) -> list[JsonObject]:
        """Opens the item and the part for a text of this kind, unless they are open."""
        if self._kind == kind:
            return []
        form = KINDS[kind]
        events = self._close_part()
        if self._open.get("type") != form.item:
            events += [*self._close_item("completed"), *self._open_item(form.item)]
        self._kind = kind
        part = {"type": kind, form.key: "", **form.part_extra}
        return [*events, {"type": f"response.{form.part}.added", **self._at(form), "part": part}]

    def _open_item(self, kind: str) -> list[JsonObject]:
        self._open = {"id": self._next_id(kind), "type": kind}
        if kind == "message":
            self._open |= {"status": "in_progress", "role": "assistant"}
        holder: JsonObject = {"content": []} if kind == "message" else {"summary": []}
        return [self._item_event("added", {**self._open, **holder})]

    def _close_part(self) -> list[JsonObject]:
        if not self._kind:
            return []
        form, text = KINDS[self._kind], "".join(self._texts)
        part = {"type": self._kind, form.key: text, **form.part_extra}
        at = self._at(form)
        self._parts.append(part)
        self._kind, self._texts = "", []
        return [
            {"type": f"response.{form.text}.done", **at, form.key: text, **form.text_extra},
            {"type": f"response.{form.part}.done", **at, "part": part},
        ]

    def _close_item(self, status: str) -> list[JsonObject]:
        events = self._close_part()
        if not self._open:
            return events
        if self._open["type"] == "message":
            item = {**self._open, "status": status, "content": self._parts}
        else:
            item = {**self._open, "summary": self._parts}
        events.append(self._item_event("done", item))
        self.items.append(item)
        self._open, self._parts = {}, []
        return events

    def _call(self, call: ToolCall) -> list[JsonObject]:
        tool = self._toolbox.client_tool(call.name)
        if tool.kind == SEARCH:
            return self._search(call)
        is_custom = tool.kind == "custom"
        kind, key = ("custom_tool_call", "input") if is_custom else ("function_call", "arguments")
        text = to_custom_input(call.arguments) if is_custom else orjson.dumps(call.arguments).decode()
        item = {"id": self._next_id(kind), "type": kind, "call_id": call.id, "name": tool.name}
        if tool.namespace:
            item["namespace"] = tool.namespace
        at = {"item_id": item["id"], "output_index": len(self.items)}
        name = "response.custom_tool_call_input" if is_custom else "response.function_call_arguments"
        named = {} if is_custom else {"name": tool.name}
        done = {**item, key: text, "status": "completed"}
        events = [
            self._item_event("added", {**item, key: "", "status": "in_progress"}),
            {"type": f"{name}.delta", **at, "delta": text},
            {"type": f"{name}.done", **at, **named, key: text},
            self._item_event("done", done),
        ]
        self.items.append(done)
        return events

    def _search(self, call: ToolCall) -> list[JsonObject]:
        kind = f"{SEARCH}_call"
        item: JsonObject = {"id": self._next_id(kind), "type": kind, "call_id": call.id, "execution": "client"}
        item["arguments"] = call.arguments
        done = {**item, "status": "completed"}
        events = [self._item_event("added", {**item, "status": "in_progress"}), self._item_event("done", done)]
        self.items.append(done)
        return events

    def _next_id(self, kind: str) -> str:
        return item_id(kind, self._key, len(self.items))

    def _at(self, form: PartKind) -> JsonObject:
        return {"item_id": self._open["id"], "output_index": len(self.items), form.index: len(self._parts)}

    def _item_event(self, what: str, item: JsonObject) -> JsonObject:
        return {"type": f"response.output_item.{what}", "output_index": len(self.items), "item": item}
