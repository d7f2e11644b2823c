"""GigaChat's chats on v1: ChatRequest -> payload, and its answers, whole or streamed, -> events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from gpt2giga.chat import (
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
from gpt2giga.upstream.caller import ANYBODY, Spend
from gpt2giga.upstream.contract import answers
from gpt2giga.upstream.contract.answers import LEAK, MISREADINGS, string, Unreadable, whole_number
from gpt2giga.upstream.contract.call_ids import call_id
from gpt2giga.upstream.contract.facts import Facts
from gpt2giga.upstream.contract.history import History, PARAGRAPH, Spoken
from gpt2giga.upstream.contract.schema import write_out_root
from gpt2giga.upstream.contract.stream import Stream
from gpt2giga.upstream.contract.tool_names import ToolNames

# 0 is refused, and below 0.001 the service is deterministic (contract 3.0.7).
LOWEST_TEMPERATURE = 0.0001
FINISH: dict[str, Literal["stop", "length", "content_filter"]] = {"length": "length", "blacklist": "content_filter"}
NO_NAMES = ToolNames()
CONTINUE = "Continue."


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
    messages = V1History(chat.messages, names, files, facts, send_state_id=send_state_id).write()
    if functions and messages[-1]["role"] == "assistant":
        # GigaChat-3 refuses functions unless the user or a function spoke last (contract 3.1.25).
        messages.append({"role": "user", "content": CONTINUE})
    payload = {
        "model": model,
        "messages": messages,
        "functions": functions or None,
        "function_call": _function_call(chat.tool_choice, names) if functions else None,
        "response_format": chat.json_format and response_format(chat.json_format),
        "temperature": to_temperature(chat.temperature, facts),
        "top_p": chat.top_p,
        "max_tokens": chat.max_tokens,
        "reasoning_effort": chat.reasoning_effort if facts.effort else None,
    }
    return {**{name: value for name, value in payload.items() if value is not None}, **chat.extras}


def _function_call(choice: ToolChoice, names: ToolNames) -> str | dict[str, str] | None:
    if choice.mode == "named":
        return {"name": names.to_gigachat(choice.name)}
    return "none" if choice.mode == "none" else None


def to_temperature(temperature: float | None, facts: Facts) -> float | None:
    return temperature if temperature is None or facts.temperature_zero else max(temperature, LOWEST_TEMPERATURE)


def response_format(json_format: JsonFormat) -> dict[str, Any] | None:
    """A root without keywords of its own names nothing that the model must give (contract 3.2.3)."""
    schema = json_format.schema
    return None if schema is None else {"type": "json_schema", "schema": write_out_root(schema), "strict": True}


class V1History(History):
    """Several calls of one turn become call, result, call, result (contract 3.1.21)."""

    def _to_message(self, spoken: Spoken) -> dict[str, Any]:
        message = {"role": spoken.role, "content": PARAGRAPH.join(spoken.texts)}
        return {**message, "attachments": [spoken.file_id]} if spoken.file_id else message

    def _add_calls(self, answered: list[tuple[ToolCall, str]]) -> None:
        """The assistant's text before the first call goes into the call's message, where contract 3.1.16 would have
        none."""
        text = self._text_before_call()
        for call, result in answered:
            name = self._names.to_gigachat(call.name)
            written = {
                "role": "assistant",
                "content": text,
                "function_call": {"name": name, "arguments": call.arguments},
            }
            state = self._state_of(call)
            self._written.append({**written, "functions_state_id": state} if state else written)
            self._written.append({"role": "function", "name": name, "content": result})
            text = ""


def from_completion(completion: Any, names: ToolNames, spend: Spend = ANYBODY.spend) -> list[Event]:
    """`completion` is JSON as it came: the SDK's models cost more than all that is done here, and refuse answers that
    can be read. Raises Unreadable, UpstreamCut, UpstreamError.
    """
    answer = Answer(names)
    events: list[Event] = []
    try:
        answer.add(completion, events)
        return events + answer.end()
    finally:
        spend(answer.usage)


class Answer(answers.Answer):
    # Where a choice holds what the model said.
    _key = "message"

    def add(self, document: Any, events: list[Event]) -> None:
        try:
            choices, usage = document["choices"], document.get("usage")
            self.usage = _usage(usage) if usage else self.usage
            if choices == []:
                return
            said = choices[0][self._key]
            if finish := choices[0].get("finish_reason"):
                self._finish = string(finish)
            if said.get("role") == "function_in_progress":  # progress of a built-in function, no text (contract 4.14)
                return
            if thought := said.get("reasoning_content"):
                events.append(ReasoningDelta(string(thought)))
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
                events += self._end_before_call()
                events.append(self._call(said["function_call"], call_id(said.get("functions_state_id"))))
        except MISREADINGS as error:
            raise Unreadable(document) from error

    def end(self) -> list[Event]:
        finish = self._check_finish()
        done = Done("tool_calls" if self._called else FINISH.get(finish, "stop"), self.usage)
        return [*self._end_of_text(), done] if self._held or self._thoughts else [done]


class StreamedAnswer(Stream, Answer):
    _key = "delta"
    _text_key = "content"

    def _texts(self, document: Any) -> list[dict[str, Any]]:
        return [document["choices"][0]["delta"]]


def _usage(usage: dict[str, Any]) -> Usage:
    """GigaChat leaves cached tokens out of prompt_tokens, OpenAI counts them in (contract 4.9)."""
    cached = whole_number(usage.get("precached_prompt_tokens") or 0)
    return Usage(whole_number(usage["prompt_tokens"]) + cached, whole_number(usage["completion_tokens"]), cached)
