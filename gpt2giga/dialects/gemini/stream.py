"""Events -> GenerateContentResponse: of a whole answer, or one for each chunk of a stream. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from gpt2giga.chat import Citation, Done, Event, Picture, ReasoningDelta, RefusalDelta, TextDelta, ToolCall, Usage
from gpt2giga.dialects.gemini.errors import to_error
from gpt2giga.dialects.pictures import to_base64
from gpt2giga.errors import ProxyError

Chunk: TypeAlias = dict[str, Any]
FINISH_REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}


@dataclass(frozen=True, slots=True)
class GenerateHead:
    """What all chunks of one answer share. model: the name the client asked for. thoughts: are they shown? cites: may
    the text rest on pages?"""

    model: str
    thoughts: bool
    cites: bool
    candidates: int = 1
    id: str = field(default_factory=lambda: secrets.token_hex(12))

    def to_chunk(self, candidate: dict[str, Any]) -> Chunk:
        return {"candidates": [candidate], "modelVersion": self.model, "responseId": self.id}


class GenerateStream:
    """The chunks of one response, with one candidate after the other.

    Each has a part, also the last of a candidate: chats of Google's SDKs forget an answer with a chunk that has none.
    No chunk is a sign of life, for they would keep it as a part of the answer; and of comments some of them make JSON.
    """

    def __init__(self, head: GenerateHead) -> None:
        self._head, self._choice, self._text = head, -1, ""
        self._before_text = self._after_text = b""
        self._usage: Usage | None = Usage()

    def feed(self, events: list[Event], choice: int) -> list[Chunk | bytes]:
        if choice != self._choice:
            self._begin(choice)
        chunks: list[Chunk | bytes] = []
        for event in events:
            match event:
                case TextDelta(text):  # nearly every chunk, so all that stays the same is written once
                    chunks.append(self._before_text + orjson.dumps(text) + self._after_text)
                    if self._head.cites:
                        self._text += text
                case ReasoningDelta(text) if self._head.thoughts:
                    chunks.append(self._chunk({"text": text, "thought": True}))
                case RefusalDelta(text):
                    self._has_refused = True
                    chunks.append(self._chunk({"text": text}))
                case ToolCall(call_id, name, arguments):
                    chunks.append(self._chunk({"functionCall": {"id": call_id, "name": name, "args": arguments}}))
                case Picture(_, media_type, content) if content:
                    blob = {"mimeType": media_type, "data": to_base64(event)}
                    chunks.append(self._chunk({"inlineData": blob}))
                case Citation():
                    self._citations.append(event)
                case Done():
                    chunks.append(self._end(event))
        return chunks

    def heartbeat(self, choice: int) -> list[Chunk]:
        return []

    def finish(self) -> list[Chunk]:
        return []

    def fail(self, error: ProxyError) -> list[Chunk]:
        return [to_error(error)]

    def _begin(self, choice: int) -> None:
        self._choice, self._has_refused, self._text = choice, False, ""
        self._citations: list[Citation] = []
        self._before_text, _, self._after_text = orjson.dumps(self._chunk({"text": ""})).partition(b'""')

    def _chunk(self, part: dict[str, Any]) -> Chunk:
        return self._head.to_chunk({"content": {"parts": [part], "role": "model"}, "index": self._choice})

    def _end(self, done: Done) -> Chunk:
        """The last has the usage of all candidates, unless GigaChat did not tell it of one."""
        chunk = self._chunk({"text": ""})
        [candidate] = chunk["candidates"]
        candidate["finishReason"] = "SAFETY" if self._has_refused else FINISH_REASONS[done.finish]
        if self._citations:
            candidate["groundingMetadata"] = to_grounding(self._citations, self._text)
        self._usage = self._usage + done.usage if self._usage and done.usage else None
        if self._usage and self._choice == self._head.candidates - 1:
            chunk["usageMetadata"] = to_usage(self._usage)
        return chunk


def to_response(answers: Iterable[list[Event]], head: GenerateHead) -> Chunk:
    """What a client makes of the stream."""
    made, whole = GenerateStream(head), head.to_chunk({})
    candidates = []
    for choice, events in enumerate(answers):
        parts: list[dict[str, Any]] = []
        for item in made.feed(events, choice):
            chunk = orjson.loads(item) if isinstance(item, bytes) else item
            whole |= chunk
            _add(parts, chunk["candidates"][0]["content"]["parts"][0])
        candidates.append({**whole["candidates"][0], "content": {"parts": parts, "role": "model"}})
    return {**whole, "candidates": candidates}


def _add(parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
    """A text goes on where the one before it is of its kind; an empty one is only the end of a stream."""
    if parts and "text" in part and parts[-1].keys() == part.keys():
        parts[-1] = {**parts[-1], "text": parts[-1]["text"] + part["text"]}
    elif not parts or part != {"text": ""}:
        parts.append(part)


def to_grounding(citations: list[Citation], text: str) -> dict[str, Any]:
    """The pages, and which passages rest on them; places count in bytes."""
    pages = {citation.url: citation.title for citation in citations}
    numbers = {url: number for number, url in enumerate(pages)}
    supports = []
    for citation in citations:
        passage = text[citation.start : citation.end]
        start = len(text[: citation.start].encode())
        segment = {"startIndex": start, "endIndex": start + len(passage.encode()), "text": passage}
        supports.append({"segment": segment, "groundingChunkIndices": [numbers[citation.url]]})
    chunks = [{"web": {"uri": url, "title": title}} for url, title in pages.items()]
    return {"groundingChunks": chunks, "groundingSupports": supports}


def to_usage(usage: Usage) -> dict[str, int]:
    """Thoughts are counted apart from the answer."""
    counted = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": usage.completion - usage.reasoning,
        "totalTokenCount": usage.prompt + usage.completion,
    }
    more = {"cachedContentTokenCount": usage.cached, "thoughtsTokenCount": usage.reasoning}
    return counted | {name: number for name, number in more.items() if number}
