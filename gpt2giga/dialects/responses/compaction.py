"""Compaction items: a summary that stands for all that was said before it. Pure.

A client keeps such an item and sends it back, to any process and after any restart, so the summary itself is in it. It
is opaque, not secret: whoever has it has had the conversation.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence
from typing import Any

from gpt2giga.chat import Done, Event, TextDelta
from gpt2giga.dialects.responses.hosted_items import JsonObject
from gpt2giga.dialects.responses.output import item_id
from gpt2giga.errors import Filtered, PromiseBroken

COMPACTION = "compaction"
TRIGGER = "compaction_trigger"
# Codex had the last name before; it asks with such an item that has no content. The second one is in older histories.
KINDS = (COMPACTION, "compaction_summary", "context_compaction")
# What asks for a compaction, and the kind of the item that answers it.
ANSWERED_BY = {TRIGGER: COMPACTION, "context_compaction": "context_compaction"}

MARK = "g2g1."
# Bytes of a summary. One token is no longer than some dozens, and a summary has some thousands.
LONGEST = 256 * 1024
# What a base64 of it may take; zlib makes hardly anything longer.
LONGEST_CONTENT = 2 * LONGEST
INTRODUCTION = "What was said earlier in this conversation was replaced by this summary of it:"
# Each may cost what the longest does, and hold nothing.
MOST_LOOKED_AT = 10
# Before a compaction, these stay: clients put their rules and the user's requests there.
STAYING_ROLES = ("user", "system", "developer")


def pack(summary: str) -> str:
    return MARK + base64.b64encode(zlib.compress(summary.encode()[:LONGEST])).decode()


def unpack(content: Any) -> str:
    """Empty for what is not ours, or was damaged: OpenAI's own can be read by nobody else."""
    if not is_ours(content) or len(content) > LONGEST_CONTENT:
        return ""
    unpacking = zlib.decompressobj()
    try:
        packed = base64.b64decode(content.removeprefix(MARK), validate=True)
        summary = unpacking.decompress(packed, LONGEST)  # a small one may hold very much
    except (binascii.Error, ValueError, zlib.error):
        return ""
    return summary.decode(errors="ignore") if unpacking.eof else ""


def is_ours(content: Any) -> bool:
    return isinstance(content, str) and content.startswith(MARK)


def compacted(items: Sequence[Any]) -> list[Any]:
    """With the newest summary as a message of the user, and without what it stands for."""
    found = [n for n, item in enumerate(items) if _is_compaction(item) and is_ours(item.get("encrypted_content"))]
    for place in found[: -MOST_LOOKED_AT - 1 : -1]:
        if summary := unpack(items[place]["encrypted_content"]):
            message = {"type": "message", "role": "user", "content": f"{INTRODUCTION}\n\n{summary}"}
            return [*filter(_stays, items[:place]), message, *items[place + 1 :]]
    return [*items]


def _is_compaction(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") in KINDS


def _stays(item: Any) -> bool:
    return isinstance(item, dict) and item.get("role") in STAYING_ROLES


def asked_for(items: Sequence[Any]) -> str:
    """The kind of item that the last of them asks for; empty where it asks for none."""
    last = items[-1] if items and isinstance(items[-1], dict) else {}
    return ANSWERED_BY.get(str(last.get("type")), "") if last.get("encrypted_content") is None else ""


class CompactionOutput:
    """As Output: all that was said becomes one item, which is whole or not there at all."""

    def __init__(self, kind: str, key: str) -> None:
        self.items: list[JsonObject] = []
        self._kind, self._key = kind, key
        self._texts: list[str] = []

    def whole(self) -> list[JsonObject]:
        return self.items

    def add(self, event: Event) -> list[JsonObject]:
        """Raises Filtered, PromiseBroken: what is no summary may not take the place of a conversation."""
        if isinstance(event, TextDelta):
            self._texts.append(event.text)
        elif isinstance(event, Done):
            if event.finish == "content_filter" or event.was_filtered:
                raise Filtered("GigaChat's filter answered instead of a summary, so the conversation stays as it is.")
            if not "".join(self._texts).strip():
                raise PromiseBroken("GigaChat gave no summary, so the conversation stays as it is.")
        return []

    def finish(self, *, complete: bool) -> list[JsonObject]:
        item = {
            "id": item_id(self._kind, self._key, 0),
            "type": self._kind,
            "encrypted_content": pack("".join(self._texts).strip()),
        }
        self.items.append(item)
        return [{"type": f"response.output_item.{what}", "output_index": 0, "item": item} for what in ("added", "done")]
