"""Events -> OpenAI chat completion chunks. Pure."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any

from gpt2giga.chat import Done, Event, ReasoningDelta, RefusalDelta, TextDelta, ToolCall, Usage
from gpt2giga.dialects.openai.response import added, Head, to_finish, to_function, to_usage

DONE = "[DONE]"


def heartbeat(head: Head) -> dict[str, Any]:
    """A sign of life that changes nothing. OpenClaw's watchdog does not count SSE comments, but it counts this."""
    return _chunk(head, {"content": ""}, 0)


def to_chunks(
    answers: Iterable[Iterable[Event]], head: Head, *, include_usage: bool
) -> Generator[dict[str, Any] | str, None, None]:
    """One answer for each choice, one after the other.

    The first chunk carries the role and comes with the first event, so that a refusal can still be a status.
    The usage is left out where GigaChat did not tell it.
    """
    total: Usage | None = Usage()
    for index, events in enumerate(answers):
        started, calls = False, 0
        for event in events:
            if not started:
                started = True
                yield _chunk(head, {"role": "assistant", "content": "", "refusal": None}, index)
            match event:
                case TextDelta(text):
                    yield _chunk(head, {"content": text}, index)
                case ReasoningDelta(text):
                    yield _chunk(head, {"reasoning_content": text}, index)
                case RefusalDelta(text):
                    yield _chunk(head, {"refusal": text}, index)
                case ToolCall():
                    yield from (_chunk(head, delta, index) for delta in _to_deltas(event, calls, head))
                    calls += 1
                case Done(finish, usage):
                    yield _chunk(head, {}, index, to_finish(finish, head))
                    total = added(total, usage)
    if include_usage and total:
        yield {**_chunk(head, {}, 0), "choices": [], "usage": to_usage(total)}
    yield DONE


def _to_deltas(call: ToolCall, index: int, head: Head) -> Iterator[dict[str, Any]]:
    """The call with its name first and its arguments after it, as clients are used to add them up."""
    function = to_function(call)
    opening = {"name": function["name"], "arguments": ""}
    rest = {"arguments": function["arguments"]}
    if head.legacy_functions:
        yield {"function_call": opening}
        yield {"function_call": rest}
    else:
        yield {"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": opening}]}
        yield {"tool_calls": [{"index": index, "function": rest}]}


def _chunk(head: Head, delta: dict[str, Any], index: int, finish: str | None = None) -> dict[str, Any]:
    return {
        "id": head.id,
        "object": "chat.completion.chunk",
        "created": head.created,
        "model": head.model,
        "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
