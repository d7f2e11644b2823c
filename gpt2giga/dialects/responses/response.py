"""Events -> OpenAI response object. Pure. What strict clients check field by field is all there."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpt2giga.chat import Done, Event, Usage
from gpt2giga.dialects.fields import Body
from gpt2giga.dialects.responses.compaction import CompactionOutput
from gpt2giga.dialects.responses.output import Output
from gpt2giga.dialects.responses.request import conversation_id, wants_store
from gpt2giga.dialects.responses.tools import Toolbox

# What comes back as the client sent it, and what it means when the client did not.
ECHOED: Mapping[str, Any] = {
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What all events of one response share. compaction: the kind of item that is asked for instead of an answer; empty
    for an answer. background: nobody waits for it.
    """

    model: str
    echo: Mapping[str, Any]
    toolbox: Toolbox
    compaction: str = ""
    background: bool = False
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def id(self) -> str:
        return f"resp_{self.key}"

    def new_output(self) -> Output | CompactionOutput:
        return CompactionOutput(self.compaction, self.key) if self.compaction else Output(self.key, self.toolbox)


def to_echo(body: Body) -> dict[str, Any]:
    echo = {name: default if body.get(name) is None else body[name] for name, default in ECHOED.items()}
    conversation = conversation_id(body)
    return {
        **echo,
        **({"conversation": {"id": conversation}} if conversation else {}),
        "tools": [_echo_tool(tool) for tool in body.get("tools") or ()],
        "reasoning": {"effort": None, "summary": None, **(body.get("reasoning") or {})},
        "text": _echo_text(_without_nulls(body.get("text"))),
        "store": wants_store(body),
    }


def _echo_tool(tool: Body) -> Body:
    """strict: nothing enforces a schema, but the client's wish comes back."""
    if tool.get("type") == "function":
        return {"description": None, "parameters": None, **tool, "strict": bool(tool.get("strict"))}
    if tool.get("type") == "namespace":
        return {**tool, "tools": [_echo_tool(inner) for inner in tool.get("tools") or ()]}
    return tool


def _echo_text(text: Body) -> Body:
    wanted = text.get("format", {"type": "text"})
    if wanted.get("type") == "json_schema":
        wanted = {"description": None, "strict": False, **_without_nulls(wanted)}
    return {"verbosity": "medium", **text, "format": wanted}


def _without_nulls(values: Body | None) -> dict[str, Any]:
    return {name: value for name, value in (values or {}).items() if value is not None}


def to_object(
    head: ResponseHead, status: str, output: Sequence[dict[str, Any]] = (), usage: Usage | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "id": head.id,
        "object": "response",
        "created_at": head.created,
        "completed_at": None,
        "status": status,
        "background": head.background,
        "error": None,
        "incomplete_details": None,
        "model": head.model,
        "output": list(output),
        **head.echo,
        "service_tier": "default",
        "top_logprobs": 0,
        "usage": to_usage(usage) if usage else None,
        **more,
    }


def to_response(answers: Iterable[list[Event]], head: ResponseHead) -> dict[str, Any]:
    """The whole answer: what the events of the stream add up to."""
    (events,) = answers
    output = head.new_output()
    done = Done("stop", None)
    for event in events:
        output.add(event)
        if isinstance(event, Done):
            done = event
    output.finish(complete=not why_incomplete(done, head))
    return to_finished(head, output, done)


def to_compacted(answers: Iterable[list[Event]], head: ResponseHead, kept: Sequence[Any]) -> dict[str, Any]:
    """What POST /responses/compact gives: what the client is to go on with. kept: of what was said."""
    response = to_response(answers, head)
    return {
        "id": head.id,
        "object": "response.compaction",
        "created_at": head.created,
        "output": [*kept, *response["output"]],
        "usage": response["usage"],
    }


def to_finished(head: ResponseHead, output: Output | CompactionOutput, done: Done) -> dict[str, Any]:
    reason = why_incomplete(done, head)
    status, details = ("incomplete", {"reason": reason}) if reason else ("completed", None)
    completed = None if reason else int(time.time())
    usage = done.usage or Usage()
    return to_object(head, status, output.items, usage, incomplete_details=details, completed_at=completed)


def why_incomplete(done: Done, head: ResponseHead) -> str:
    """Empty when it is complete. A summary is cut at its end, where least is lost."""
    if head.compaction:
        return ""
    return {"length": "max_output_tokens", "content_filter": "content_filter"}.get(done.finish, "")


def to_usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }
