"""Events -> OpenAI chat completion chunks. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from gpt2giga.chat import Citation, Done, Event, Picture, ReasoningDelta, RefusalDelta, TextDelta, ToolCall, Usage
from gpt2giga.dialects.openai.annotations import Mark, to_annotations
from gpt2giga.dialects.openai.errors import to_error
from gpt2giga.dialects.openai.response import ChatHead, sum_usages, to_call, to_finish, to_function, to_usage
from gpt2giga.dialects.pictures import to_markdown
from gpt2giga.errors import ProxyError

DONE = "[DONE]"
KIND = "chat.completion.chunk"

# Where a call of each kind holds what the model wrote.
SAID = {"function": "arguments", "custom": "input"}

Chunk = dict[str, Any]


class ChunkStream:
    """The chunks of one response, with one answer for each choice, one after the other.

    The first chunk of a choice carries the role, be it a heartbeat: LangChain.js takes a message without one for no
    answer of an assistant, and loses its tool calls. The usage is left out where GigaChat did not tell it.
    """

    def __init__(self, head: ChatHead, *, include_usage: bool) -> None:
        self._head = head
        self._include_usage = include_usage
        self._choice = -1
        self._calls = 0
        self._before_text = self._after_text = b""
        self._usages: list[Usage | None] = []
        self._letters = 0
        self._marks: list[Mark] = []

    def feed(self, events: list[Event], choice: int) -> list[Chunk | bytes]:
        chunks: list[Chunk | bytes] = [*self._begin(choice)] if choice != self._choice else []
        for event in events:
            match event:
                case TextDelta(text):  # nearly every chunk, so all that stays the same is written once
                    chunks.append(self._before_text + orjson.dumps(text) + self._after_text)
                    self._letters += len(text)
                case ReasoningDelta(text):
                    chunks.append(self._chunk({"reasoning_content": text}))
                case RefusalDelta(text):
                    chunks.append(self._chunk({"refusal": text}))
                case ToolCall():
                    chunks += [self._chunk(delta) for delta in self._to_deltas(event)]
                    self._calls += 1
                case Picture():
                    picture = to_markdown(event)
                    self._marks.append((self._letters, len(picture)))
                    chunks.append(self._chunk({"content": picture}))
                case Citation():
                    self._marks.append(event)
                case Done(finish, usage):
                    if self._marks and (sources := to_annotations(self._marks)):
                        chunks.append(self._chunk(sources))
                    chunks.append(self._chunk({}, to_finish(finish, self._head)))
                    self._usages.append(usage)
        return chunks

    def heartbeat(self, choice: int) -> list[Chunk]:
        """OpenClaw's watchdog does not count SSE comments, but it counts this, which changes nothing."""
        return self._begin(choice) if choice != self._choice else [self._chunk({"content": ""})]

    def finish(self) -> list[Chunk | str]:
        if self._include_usage and (usage := to_usage(sum_usages(self._usages))):
            return [{**self._head.to_object(KIND, []), "usage": usage}, DONE]
        return [DONE]

    def fail(self, error: ProxyError) -> list[Chunk]:
        """[DONE] would make the cut answer look whole."""
        return [to_error(error)]

    def _begin(self, choice: int) -> list[Chunk]:
        self._choice, self._calls = choice, 0
        self._letters, self._marks = 0, []
        self._before_text, _, self._after_text = orjson.dumps(self._chunk({"content": ""})).rpartition(b'""')
        return [self._chunk({"role": "assistant", "content": "", "refusal": None})]

    def _to_deltas(self, call: ToolCall) -> list[dict[str, Any]]:
        """The call with its name first and its arguments after it, as clients are used to add them up. The older form
        has a place for one."""
        if self._head.legacy_functions and self._calls:
            return []
        if self._head.legacy_functions:
            function = to_function(call)
            opening = {**function, "arguments": ""}
            return [{"function_call": opening}, {"function_call": {"arguments": function["arguments"]}}]
        whole = to_call(call, self._head)
        rest = {kind: {said: whole[kind][said]} for kind, said in SAID.items() if kind in whole}
        opened = {kind: {**whole[kind], said: ""} for kind, said in SAID.items() if kind in whole}
        return [
            {"tool_calls": [{"index": self._calls, **whole, **opened}]},
            {"tool_calls": [{"index": self._calls, **rest}]},
        ]

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> Chunk:
        choice = {"index": self._choice, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._head.to_object(KIND, [choice])
