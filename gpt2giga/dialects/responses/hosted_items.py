"""The output items of what GigaChat does by itself, and the stream events that tell of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from gpt2giga.chat import HostedCall, HostedTool, Picture
from gpt2giga.dialects.pictures import to_base64

JsonObject: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ItemKind:
    """begun: the events that say it is at work. fields: what stands in its item besides id, type and status."""

    item: str
    begun: tuple[str, ...]
    fields: Mapping[str, Any]


# GigaChat does not tell what it searches for and which pages it opens, but clients want a text in these places.
KINDS: Mapping[HostedTool, ItemKind] = {
    "web_search": ItemKind(
        "web_search_call", ("in_progress", "searching"), {"action": {"type": "search", "query": ""}}
    ),
    "url_content_extraction": ItemKind(
        "web_search_call", ("in_progress", "searching"), {"action": {"type": "open_page", "url": ""}}
    ),
    "image_generate": ItemKind("image_generation_call", ("in_progress", "generating"), {"result": None}),
}
DRAWING: HostedTool = "image_generate"


class HostedItems:
    """Adds to the items of an output. One item may be at work while others are added behind it; it ends where it is.

    A drawing ends with its picture: its end may be told before.
    """

    def __init__(self, items: list[JsonObject], next_id: Callable[[str], str]) -> None:
        self._items, self._next_id = items, next_id
        self._places: dict[str, int] = {}
        self._running: dict[str, HostedTool] = {}

    def begins(self, call: HostedCall) -> bool:
        """Whether an item is added for it. That a drawing has ended may come behind its picture."""
        return call.id not in self._places and (call.tool != DRAWING or call.status != "completed")

    def is_drawing(self) -> bool:
        return DRAWING in self._running.values()

    def tell(self, call: HostedCall) -> list[JsonObject]:
        events = self._begin(call.id, call.tool) if self.begins(call) else []
        has_ended = call.status == "failed" or (call.status == "completed" and call.tool != DRAWING)
        return [*events, *self._end(call.id, call.status)] if has_ended and call.id in self._running else events

    def draw(self, picture: Picture) -> list[JsonObject]:
        """The picture of the oldest drawing at work, or one that nobody told of."""
        found = next((call_id for call_id, tool in self._running.items() if tool == DRAWING), "")
        events = [] if found else self._begin(found, DRAWING)
        if not picture.content:
            return [*events, *self._end(found, "failed")]
        form = picture.media_type.removeprefix("image/")
        return [*events, *self._end(found, "completed", result=to_base64(picture), output_format=form)]

    def finish(self) -> list[JsonObject]:
        """Of those whose end was never told."""
        running = [*self._running.items()]
        return [
            event
            for call_id, tool in running
            for event in self._end(call_id, "failed" if tool == DRAWING else "completed")
        ]

    def _begin(self, call_id: str, tool: HostedTool) -> list[JsonObject]:
        kind = KINDS[tool]
        item = {"id": self._next_id(kind.item), "type": kind.item, "status": "in_progress", **kind.fields}
        self._places[call_id], self._running[call_id] = len(self._items), tool
        self._items.append(item)
        events = [self._event(f"response.{kind.item}.{step}", call_id) for step in kind.begun]
        return [self._item_event("added", call_id), *events]

    def _end(self, call_id: str, status: str, **more: Any) -> list[JsonObject]:
        kind, place = KINDS[self._running.pop(call_id)], self._places[call_id]
        self._items[place] = {**self._items[place], "status": status, **more}
        told = [self._event(f"response.{kind.item}.completed", call_id)] if status == "completed" else []
        return [*told, self._item_event("done", call_id)]

    def _event(self, kind: str, call_id: str) -> JsonObject:
        place = self._places[call_id]
        return {"type": kind, "output_index": place, "item_id": self._items[place]["id"]}

    def _item_event(self, what: str, call_id: str) -> JsonObject:
        place = self._places[call_id]
        return {"type": f"response.output_item.{what}", "output_index": place, "item": self._items[place]}
