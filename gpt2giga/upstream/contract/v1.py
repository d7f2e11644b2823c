"""GigaChat's chats on v1: ChatRequest -> payload, and completions -> events; streams are in stream.py. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from gpt2giga.bounded_json import whole_characters
from gpt2giga.chat import (
    arguments_from_json,
    ChatRequest,
    Done,
    Event,
    File,
    Image,
    JsonFormat,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolChoice,
    Usage,
)
from gpt2giga.errors import UpstreamCut, UpstreamError
from gpt2giga.upstream.contract.call_ids import call_id
from gpt2giga.upstream.contract.facts import Facts
from gpt2giga.upstream.contract.history import to_messages
from gpt2giga.upstream.contract.schema import write_out_root
from gpt2giga.upstream.contract.thoughts import Thoughts
from gpt2giga.upstream.contract.tool_names import ToolNames
from gpt2giga.upstream.partial_match import possible_start

# 0 is refused, and below 0.001 the service is deterministic (contract 3.0.7).
LOWEST_TEMPERATURE = 0.0001
# What may leak as text before a call (contract 3.1.28).
LEAK = "assistant function call"
FINISH: dict[str, Literal["stop", "length", "content_filter"]] = {"length": "length", "blacklist": "content_filter"}
NO_NAMES = ToolNames()
# The largest that clients in JavaScript read exactly.
LARGEST_NUMBER = 2**53


def tool_names(chat: ChatRequest) -> ToolNames:
    names = [tool.name for tool in chat.tools]
    names += [part.name for message in chat.messages for part in message.parts if isinstance(part, ToolCall)]
    return ToolNames(names) if names else NO_NAMES


def to_payload(
    chat: ChatRequest,
    model: str,
    names: ToolNames,
    files: Mapping[Image | File, str],
    functions: list[dict[str, Any]],
    facts: Facts,
    *,
    send_state_id: bool,
) -> dict[str, Any]:
    """What goes over the wire, key for key. `model` is GigaChat's id, `files` the id of each file, `functions` what
    `to_functions` made of the tools."""
    messages = to_messages(chat.messages, names, files, send_state_id=send_state_id)
    if functions and messages[-1]["role"] == "assistant":
        # GigaChat-3 refuses functions unless the user or a function spoke last (contract 3.1.25).
        messages.append({"role": "user", "content": "Continue."})
    payload = {
        "model": model,
        "messages": messages,
        "functions": functions or None,
        "function_call": _function_call(chat.tool_choice, names) if functions else None,
        "response_format": chat.json_format and _response_format(chat.json_format),
        "temperature": _temperature(chat.temperature, facts),
        "top_p": chat.top_p,
        "max_tokens": chat.max_tokens,
        "reasoning_effort": chat.reasoning_effort if facts.effort else None,
    }
    return {**{name: value for name, value in payload.items() if value is not None}, **chat.extras}


def _function_call(choice: ToolChoice, names: ToolNames) -> str | dict[str, str] | None:
    if choice.mode == "named":
        return {"name": names.to_gigachat(choice.name)}
    return "none" if choice.mode == "none" else None


def _response_format(json_format: JsonFormat) -> dict[str, Any] | None:
    """A root without keywords of its own names nothing that the model must give (contract 3.2.3)."""
    schema = json_format.schema
    return None if schema is None else {"type": "json_schema", "schema": write_out_root(schema), "strict": True}


def _temperature(asked: float | None, facts: Facts) -> float | None:
    return asked if asked is None or facts.temperature_zero else max(asked, LOWEST_TEMPERATURE)


class Unreadable(Exception):
    """An answer, or a chunk of one, that does not have the documented form (contract 4.1, 4.10)."""

    def __init__(self, document: Any) -> None:
        super().__init__("not the documented form")
        self.document = document


def from_completion(completion: Any, names: ToolNames) -> list[Event]:
    """`completion` is JSON as it came: the SDK's models cost more than all that is done here, and refuse answers that
    can be read. Raises Unreadable, UpstreamCut, UpstreamError.
    """
    answer = Answer(names)
    events: list[Event] = []
    answer.add(completion, "message", events)
    return events + answer.end()


class Answer:
    """One answer while it comes in. The call may arrive with the finish reason, before it (contract 4.13), or after
    leaked text (contract 3.1.28)."""

    def __init__(self, names: ToolNames) -> None:
        self._names = names
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._called = False
        self._held = ""
        self._has_spoken, self._backticks = False, 0
        self._thoughts: Thoughts | None = None

    def add(self, document: Any, key: str, events: list[Event]) -> None:
        """Appends what it says to `events`. `key`: where a choice holds what the model said. Raises Unreadable."""
        try:
            choices, usage = document["choices"], document.get("usage")
            self._usage = _usage(usage) if usage else self._usage
            if choices == []:
                return
            said = choices[0][key]
            if finish := choices[0].get("finish_reason"):
                self._finish = _string(finish)
            if said.get("role") == "function_in_progress":  # progress of a built-in function, no text (contract 4.14)
                return
            if thought := said.get("reasoning_content"):
                events.append(ReasoningDelta(_string(thought)))
            if text := said.get("content"):
                if not isinstance(text, str):
                    raise TypeError("text")
                if LEAK[0] in text or self._held:  # most pieces have not even the first letter
                    text = self._safe(text)
                if self._thoughts or "<" in text:
                    events += self._part(text)
                elif text:
                    self._has_spoken = self._has_spoken or not text.isspace()
                    self._backticks += text.count("`")
                    events.append(TextDelta(text))
            if said.get("function_call") and not self._called:
                self._called = True
                self._held = ""
                events += self._thoughts.end() if self._thoughts else []
                events.append(self._call(said["function_call"], said.get("functions_state_id")))
        except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise Unreadable(document) from error

    def end(self) -> list[Event]:
        """Raises UpstreamCut without a finish reason (contract 7.7: the SDK ends silently), UpstreamError."""
        if self._finish is None:
            raise UpstreamCut("GigaChat's answer ended before it was whole.", transient=True)
        if self._finish == "error":  # contract 4.5: the model wrote invalid arguments
            raise UpstreamError(
                "GigaChat's model produced an invalid function call. Try again.", code="upstream_model_error"
            )
        finish = "tool_calls" if self._called else FINISH.get(self._finish, "stop")
        done = Done(finish, self._usage)
        rest = self._part(whole_characters(self._held)) if self._held else []
        return [*rest, *(self._thoughts.end() if self._thoughts else []), done]

    def _part(self, text: str) -> list[Event]:
        """Thoughts among the text, once it has had a < in it."""
        self._thoughts = self._thoughts or Thoughts(has_spoken=self._has_spoken, backticks=self._backticks)
        return self._thoughts.feed(text)

    def _safe(self, text: str) -> str:
        """Holds back what may be the beginning of a leaked call until it is known not to be one."""
        if self._held:
            text = whole_characters(self._held + text)
        safe = possible_start(text, LEAK)
        text, self._held = text[:safe], text[safe:]
        return text

    def _call(self, call: dict[str, Any], state_id: str | None) -> ToolCall:
        """Arguments are an object (contract 3.1.14); text, as other services write them, is understood too."""
        arguments = call.get("arguments") or {}
        if isinstance(arguments, str):
            arguments = arguments_from_json(arguments)
        if not isinstance(arguments, dict):
            raise TypeError("arguments")
        return ToolCall(call_id(state_id), self._names.from_gigachat(_string(call["name"])), arguments)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    return value


def whole_number(value: Any) -> int:
    """Of tokens, bytes and the like. Raises Unreadable."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise Unreadable(value) from None
    if not 0 <= number <= LARGEST_NUMBER:
        raise Unreadable(value)
    return number


def _usage(usage: dict[str, Any]) -> Usage:
    """GigaChat leaves cached tokens out of prompt_tokens, OpenAI counts them in (contract 4.9)."""
    cached = whole_number(usage.get("precached_prompt_tokens") or 0)
    return Usage(whole_number(usage["prompt_tokens"]) + cached, whole_number(usage["completion_tokens"]), cached)
