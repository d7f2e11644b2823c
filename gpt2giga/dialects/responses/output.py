"""The output items of one response while they come in, and the stream events that tell of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gpt2giga.chat import Citation, Event, HostedCall, Picture, ReasoningDelta, RefusalDelta, TextDelta, ToolCall
from gpt2giga.dialects.responses.hosted_items import HostedItems, JsonObject
from gpt2giga.dialects.responses.tools import SEARCH, Toolbox
from gpt2giga.dialects.tools import to_custom_input


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
ADDED = "response.output_text.annotation.added"
# Items that a client shows as the way to an answer.
UNREAD = ("reasoning", "web_search_call")
PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "tool_search_call": "tsc",
    "web_search_call": "ws",
    "image_generation_call": "ig",
    "compaction": "cmp",
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
        self._annotations: list[JsonObject] = []
        self._told = 0  # letters of the answer's text before the open part
        self._hosted = HostedItems(self.items, self._next_id)

    def whole(self) -> list[JsonObject]:
        """Without what is still at work."""
        return [item for item in self.items if item.get("status") != "in_progress"]

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
            case HostedCall():
                before = self._close_item("completed") if self._hosted.begins(event) else []
                return [*before, *self._hosted.tell(event)]
            case Picture():
                before = [] if self._hosted.is_drawing() else self._close_item("completed")
                return [*before, *self._hosted.draw(event)]
            case Citation():
                return self._cite(event)
        return []

    def finish(self, *, complete: bool) -> list[JsonObject]:
        """There is always something to read, if only an empty text."""
        events = self._hosted.finish()
        if all(item["type"] in UNREAD for item in (*self.items, self._open) if item):
            events += self._begin("output_text")
        return [*events, *self._close_item("completed" if complete else "incomplete")]

    def _say(self, kind: str, text: str) -> list[JsonObject]:
        opened = self._begin(kind)
        self._texts.append(text)
        form = KINDS[kind]
        return [*opened, {"type": f"response.{form.text}.delta", **self._at(form), "delta": text, **form.text_extra}]

    def _cite(self, citation: Citation) -> list[JsonObject]:
        """Its place counts within the part. Where no text is open, an empty one holds it."""
        opened = self._begin("output_text")
        length = sum(map(len, self._texts))
        start, end = (min(max(place - self._told, 0), length) for place in (citation.start, citation.end))
        found = {"type": "url_citation", "url": citation.url, "title": citation.title}
        annotation = {**found, "start_index": start, "end_index": max(start, end)}
        self._annotations.append(annotation)
        number = {"annotation_index": len(self._annotations) - 1, "annotation": annotation}
        return [*opened, {"type": ADDED, **self._at(KINDS["output_text"]), **number}]

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
        if self._kind == "output_text":
            part["annotations"], self._annotations = self._annotations, []
            self._told += len(text)
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
