"""Legacy completions, the form before chat, which old scripts still use. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gpt2giga.chat import ChatRequest, Done, Event, Message, Text, TextDelta, Usage
from gpt2giga.dialects import fields
from gpt2giga.dialects.controls import from_extras, from_stops
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.openai.errors import to_error
from gpt2giga.dialects.openai.request import include_usage, MOST_CHOICES
from gpt2giga.dialects.openai.response import ChatHead, sum_usages, to_finish, to_usage
from gpt2giga.dialects.openai.stream import DONE
from gpt2giga.dialects.parameters import any_integer, list_ignored, NO_SUFFIX, Parameter, penalty
from gpt2giga.errors import ProxyError

KIND = "text_completion"
MOST_PROMPTS = 20
TABLE: Mapping[str, Parameter] = {
    "best_of": Parameter("ignored", "", any_integer),
    "frequency_penalty": Parameter("ignored", "", penalty),
    "logit_bias": Parameter("ignored", "", fields.optional_mapping),
    "logprobs": Parameter("ignored", "", any_integer),
    "presence_penalty": Parameter("ignored", "", penalty),
    "seed": Parameter("ignored", "", any_integer),
    "suffix": NO_SUFFIX,
    "user": Parameter("ignored", "", fields.string),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionHead(ChatHead):
    """before: what stands before each answer, the prompt when its echo is asked for."""

    before: list[str]
    id: str = field(default_factory=lambda: "cmpl-" + secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class CompletionDelivery:
    """How the client wants its answers; `before` stands before each. ignored: parameters that change nothing."""

    before: list[str]
    stream: bool
    include_usage: bool
    ignored: tuple[str, ...]


def from_completion_request(body: Body) -> tuple[list[ChatRequest], CompletionDelivery]:
    """A chat for each answer."""
    n = fields.integer(body, "n", 1, MOST_CHOICES) or 1
    prompts = [prompt for prompt in _prompts(body.get("prompt")) for _ in range(n)]
    delivery = CompletionDelivery(
        before=prompts if fields.boolean(body, "echo") else [""] * len(prompts),
        stream=fields.boolean(body, "stream"),
        include_usage=include_usage(body),
        ignored=tuple(list_ignored(body, TABLE)),
    )
    return [_chat(body, prompt) for prompt in prompts], delivery


def _prompts(prompt: Any) -> list[str]:
    prompts = prompt if isinstance(prompt, list) else [prompt]
    if not prompts or len(prompts) > MOST_PROMPTS or not all(isinstance(text, str) and text for text in prompts):
        raise invalid("prompt", f"a text, or a list of 1 to {MOST_PROMPTS} texts")
    return prompts


def _chat(body: Body, prompt: str) -> ChatRequest:
    return ChatRequest(
        model=fields.string(body, "model"),
        messages=(Message("user", (Text(prompt),)),),
        temperature=fields.number(body, "temperature", 0, 2),
        top_p=fields.number(body, "top_p", 0, 1),
        max_tokens=fields.token_limit(body, "max_tokens"),
        stop=from_stops(body.get("stop"), "stop"),
        extras=from_extras(body),
    )


class CompletionStream:
    """One answer after the other, each behind its echo."""

    def __init__(self, head: CompletionHead, *, include_usage: bool) -> None:
        self._head = head
        self._include_usage = include_usage
        self._before = [*head.before]
        self._usages: list[Usage | None] = []

    def feed(self, events: list[Event], choice: int) -> list[dict[str, Any]]:
        parts = []
        for event in events:
            match event:
                case TextDelta(piece):
                    parts.append(self._part(piece, choice))
                case Done(finish, usage):
                    parts.append(self._part("", choice, to_finish(finish, self._head)))
                    self._usages.append(usage)
        return parts

    def heartbeat(self, choice: int) -> list[dict[str, Any]]:
        return [self._head.to_object(KIND, [_choice("", choice)])]

    def finish(self) -> list[dict[str, Any] | str]:
        if self._include_usage and (usage := self.usage()):
            return [{**self._head.to_object(KIND, []), "usage": usage}, DONE]
        return [DONE]

    def usage(self) -> dict[str, Any] | None:
        return to_usage(sum_usages(self._usages))

    def fail(self, error: ProxyError) -> list[dict[str, Any]]:
        return [to_error(error)]

    def _part(self, text: str, choice: int, finish: str | None = None) -> dict[str, Any]:
        before, self._before[choice] = self._before[choice], ""
        return self._head.to_object(KIND, [_choice(before + text, choice, finish)])


def to_completion(answers: Iterable[list[Event]], head: CompletionHead) -> dict[str, Any]:
    """What the streams of the answers add up to."""
    stream = CompletionStream(head, include_usage=True)
    choices = []
    for index, events in enumerate(answers):
        parts = [choice for part in stream.feed(events, index) for choice in part["choices"]]
        choices.append({**parts[-1], "text": "".join(part["text"] for part in parts)})
    return {**head.to_object(KIND, choices), "usage": stream.usage()}


def _choice(text: str, index: int, finish: str | None = None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}
