"""Events -> Anthropic message. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gpt2giga.chat import Done, Event, ReasoningDelta, RefusalDelta, TextDelta, ToolCall, Usage
from gpt2giga.dialects.anthropic.controls import Thoughts
from gpt2giga.dialects.tokens import estimate

# Clients keep it and send it back; GigaChat's thoughts are never read again, so there is nothing to sign.
SIGNATURE = "Z3B0MmdpZ2E="
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


@dataclass(frozen=True, slots=True)
class Head:
    """What all of one answer shares.

    model: the name the client asked for. filtered_as: the stop reason of a text that GigaChat's filter stopped.
    prompt: an estimate of the prompt's tokens, for as long as GigaChat has not said.
    """

    id: str
    model: str
    thoughts: Thoughts
    filtered_as: str
    prompt: int

    @classmethod
    def new(cls, model: str, *, thoughts: Thoughts, filtered_as: str, prompt: int) -> Head:
        reason = "refusal" if filtered_as == "content_filter" else "end_turn"
        return cls("msg_" + secrets.token_hex(16), model, thoughts, reason, prompt)


@dataclass(slots=True)
class Tally:
    """What the end of an answer says of all of it."""

    head: Head
    letters: int = 0
    refused: bool = False

    def add(self, event: Event) -> None:
        if isinstance(event, TextDelta | RefusalDelta | ReasoningDelta):
            self.letters += len(event.text)
        self.refused = self.refused or isinstance(event, RefusalDelta)

    def stop(self, done: Done) -> dict[str, Any]:
        return {"stop_reason": self._reason(done), "stop_sequence": done.stopped_by or None}

    def _reason(self, done: Done) -> str:
        if self.refused:
            return "refusal"
        if done.stopped_by:
            return "stop_sequence"
        return STOP_REASONS.get(done.finish, self.head.filtered_as)

    def usage(self, done: Done) -> dict[str, int]:
        """A streamed text that a stop sequence cuts comes without GigaChat's figures."""
        return to_usage(done.usage or Usage(self.head.prompt, estimate(self.letters)))


def to_message(answers: Iterable[list[Event]], head: Head) -> dict[str, Any]:
    (events,) = answers
    content: list[dict[str, Any]] = []
    tally = Tally(head)
    end: dict[str, Any] = {}
    for event in events:
        tally.add(event)
        match event:
            case TextDelta(text) | RefusalDelta(text):
                _add(content, to_block("text"), text)
            case ReasoningDelta(text) if head.thoughts != "none":
                _add(
                    content, {**to_block("thinking"), "signature": SIGNATURE}, text if head.thoughts == "shown" else ""
                )
            case ToolCall():
                content.append(to_tool_use(event, event.arguments))
            case Done():
                end = {**tally.stop(event), "usage": tally.usage(event)}
    return {**to_opening(head), "content": content, **end}


def _add(content: list[dict[str, Any]], block: dict[str, Any], text: str) -> None:
    """To the last block if it is of the same kind, as a stream does."""
    kind = block["type"]
    if not content or content[-1]["type"] != kind:
        content.append(block)
    content[-1][kind] += text


def to_opening(head: Head) -> dict[str, Any]:
    """The message as it is known before the first word."""
    return {
        "id": head.id,
        "type": "message",
        "role": "assistant",
        "model": head.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": to_usage(Usage(head.prompt)),
    }


def to_block(kind: str) -> dict[str, Any]:
    """An empty text or thinking block; the text stands under the name of the kind."""
    return {"type": kind, kind: "", **({"signature": ""} if kind == "thinking" else {})}


def to_tool_use(call: ToolCall, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}


def to_usage(usage: Usage) -> dict[str, int]:
    """Anthropic leaves the cached tokens out of input_tokens."""
    return {
        "input_tokens": usage.prompt - usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.completion,
    }
