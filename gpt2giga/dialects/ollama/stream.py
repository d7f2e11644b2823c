"""Events -> the lines of Ollama's streams, and its whole answers. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeAlias

import orjson

from gpt2giga.chat import Done, Event, Picture, ReasoningDelta, RefusalDelta, TextDelta, ToolCall
from gpt2giga.dialects.pictures import to_markdown
from gpt2giga.errors import ProxyError

Line: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LineHead:
    """What all lines of one answer share. model: the name the client asked for. is_chat: of /api/chat, otherwise of
    /api/generate. started: nanoseconds of the monotonic clock."""

    model: str
    is_chat: bool
    shows_thoughts: bool = True
    created_at: str = field(default_factory=lambda: f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S.%fZ}")
    started: int = field(default_factory=time.monotonic_ns)

    def to_line(self, **more: Any) -> Line:
        said = {"message": {"role": "assistant", "content": "", **more}} if self.is_chat else {"response": "", **more}
        return {"model": self.model, "created_at": self.created_at, **said, "done": False}

    def to_end(self, reason: str) -> Line:
        return {**self.to_line(), "done": True, "done_reason": reason}


class LineStream:
    def __init__(self, head: LineHead) -> None:
        self._head, self._calls, self._pieces, self._began = head, 0, 0, 0
        self._before_text, _, self._after_text = orjson.dumps(head.to_line()).rpartition(b'""')

    def feed(self, events: list[Event], choice: int) -> list[Line | bytes]:
        if events and isinstance(events[0], TextDelta | ReasoningDelta | RefusalDelta):  # what is written bit by bit
            self._began, self._pieces = self._began or time.monotonic_ns(), self._pieces + 1
        lines: list[Line | bytes] = []
        for event in events:
            match event:
                case TextDelta(text) | RefusalDelta(text):  # nearly every line: all that stays the same is written once
                    lines.append(self._before_text + orjson.dumps(text) + self._after_text)
                case ReasoningDelta(text) if self._head.shows_thoughts:
                    lines.append(self._head.to_line(thinking=text))
                case ToolCall(call_id, name, arguments):
                    function = {"index": self._calls, "name": name, "arguments": arguments}
                    lines.append(self._head.to_line(tool_calls=[{"id": call_id, "function": function}]))
                    self._calls += 1
                case Picture():
                    lines.append(self._before_text + orjson.dumps(to_markdown(event)) + self._after_text)
                case Done():
                    lines.append(self._end(event))
        return lines

    def heartbeat(self, choice: int) -> list[Line]:
        """Ollama has none; every client adds up such a line."""
        return [self._head.to_line()]

    def finish(self) -> list[Line]:
        return []

    def fail(self, error: ProxyError) -> list[Any]:
        return [to_error(error)]

    def _end(self, done: Done) -> Line:
        """Calls end an answer as words do. Tokens that GigaChat did not tell are left out. What comes at once, such as
        calls and checked JSON, was written in the time before: clients show tokens per second."""
        now, started = time.monotonic_ns(), self._head.started
        began = self._began if self._pieces > 2 else started
        usage = done.usage and {"prompt_eval_count": done.usage.prompt, "eval_count": done.usage.completion}
        return {
            **self._head.to_end("stop" if done.finish == "tool_calls" else done.finish),
            "total_duration": now - started,
            "load_duration": 0,
            "prompt_eval_duration": began - started,
            "eval_duration": max(now - began, 1),  # clients divide by it
            **(usage or {}),
        }


def to_error(error: ProxyError) -> dict[str, str]:
    """The whole answer, and the last line of a stream that broke."""
    return {"error": error.message}


def to_answer(answers: Iterable[list[Event]], head: LineHead) -> Line:
    """What a client makes of the stream."""
    (events,) = answers
    made: list[Any] = LineStream(head).feed(events, 0)
    *lines, whole = [orjson.loads(line) if isinstance(line, bytes) else line for line in made]
    said = [line.get("message", line) for line in lines]
    names = [name for name in ("content", "response", "thinking") if any(name in part for part in said)]
    texts = {name: "".join(part.get(name, "") for part in said) for name in names}
    calls = [call for part in said for call in part.get("tool_calls", ())]
    whole.get("message", whole).update(**texts, **({"tool_calls": calls} if calls else {}))
    return dict(whole)
