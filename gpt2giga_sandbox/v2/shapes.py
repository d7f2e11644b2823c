"""The JSON of an answer of v2, whole and as named events (contract 5.13, 5.16, 5.17, 5.20, 5.21, 5.22, 5.23, 5.24)."""

from __future__ import annotations

from typing import Any

from gpt2giga_sandbox.answers import Answer
from gpt2giga_sandbox.shapes import compact, pieces, spoken_tokens, stable_id, Turn
from gpt2giga_sandbox.steps import Step

DELTA, END = "response.message.delta", "response.message.done"
Event = tuple[str, dict[str, Any]]


def whole(answer: Answer, turn: Turn, state_id: str, call_ids: bool) -> dict[str, Any]:
    """`state_id` is empty where neither functions nor tools had to do with the answer."""
    thoughts = [{"role": "reasoning", "content": [{"text": answer.reasoning}]}] if answer.reasoning else []
    said = {"text": answer.text}
    if answer.sources:
        said["inline_data"] = _sources(answer)  # type: ignore[assignment]
    parts: list[dict[str, Any]] = [{"files": list(answer.files)}] if answer.files else []
    parts += [said] if answer.text or not (parts or answer.calls) else []
    content = [*parts, *_calls(answer, state_id, call_ids)]
    messages = [*thoughts, {**_author(state_id), "content": content}]
    return {**_head(turn), "messages": messages, **_tail(answer, turn)}


def events(answer: Answer, turn: Turn, state_id: str, call_ids: bool) -> list[Event]:
    told = [*_tool_events(answer, turn)]
    told += [_event(DELTA, turn, {"text": piece}, "reasoning") for piece in pieces(answer, answer.reasoning)]
    if answer.sources:
        told.append(_event(DELTA, turn, {"inline_data": _sources(answer)}))
    if answer.files:
        told.append(_event(DELTA, turn, {"files": list(answer.files)}))
    told += [_event(DELTA, turn, {"text": piece}) for piece in pieces(answer, answer.text)]
    last: dict[str, Any] = {}
    if state_id:
        calls = _calls(answer, state_id, call_ids)
        last = {"messages": [{**_author(state_id), **({"content": calls} if calls else {})}]}
    return [*told, (END, {**_head(turn), **last, **_tail(answer, turn)})]


def _tool_events(answer: Answer, turn: Turn) -> list[Event]:
    if not answer.tool:
        return []
    # The id is empty on the public host.
    execution: dict[str, Any] = {"id": "", "name": answer.tool}
    begun = {**execution, "seconds_left": 1} if answer.files else execution
    return [
        _event("response.tool.in_progress", turn, {"tool_execution": begun}),
        _event("response.tool.completed", turn, {"tool_execution": {**execution, "status": "success"}}),
    ]


def _event(name: str, turn: Turn, part: dict[str, Any], role: str = "assistant") -> Event:
    return name, {**_head(turn), "messages": [{"role": role, "content": [part]}]}


def _head(turn: Turn) -> dict[str, Any]:
    return {"model": turn.model.versioned, "created_at": turn.created}


def _author(state_id: str) -> dict[str, Any]:
    return {"role": "assistant", **({"tool_state_id": state_id} if state_id else {})}


def _sources(answer: Answer) -> dict[str, Any]:
    return {"images": [], "sources": answer.sources}


def _calls(answer: Answer, state_id: str, call_ids: bool) -> list[dict[str, Any]]:
    found = []
    for number, call in enumerate(answer.calls):
        told = {"name": call.name, "arguments": call.arguments}
        found.append({"function_call": {"id": stable_id([state_id, number]), **told} if call_ids else told})
    return found


def _tail(answer: Answer, turn: Turn) -> dict[str, Any]:
    spoken = spoken_tokens(answer)
    usage = {
        "input_tokens": turn.prompt_tokens,
        "input_tokens_details": {"prompt_tokens": turn.prompt_tokens, "cached_tokens": turn.cached_tokens},
        "output_tokens": spoken,
        "total_tokens": turn.prompt_tokens + spoken,
    }
    return {"finish_reason": answer.finish_reason, "usage": {**usage, **(answer.usage or {})}}


def frame(event: str, data: object) -> bytes:
    return f"event: {event}\ndata: ".encode() + compact(data) + b"\n\n"


def framed(step: Step) -> list[bytes]:
    """The frames of a script: a pair is an event and its data, an object is an event by what it holds, and a string
    stands for itself."""
    return [_framed(told) for told in step.frames or []]


def _framed(told: Any) -> bytes:
    if isinstance(told, str):
        return told.encode(errors="replace")
    if isinstance(told, (list, tuple)):
        return frame(*told)
    return frame(END if "finish_reason" in told else DELTA, told)
