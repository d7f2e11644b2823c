"""Legacy completions, the form before chat, which old scripts still use. Pure."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gpt2giga.chat import ChatRequest, Done, Event, Message, Text, TextDelta, Usage
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, INT32, invalid
from gpt2giga.dialects.openai.errors import to_error
from gpt2giga.dialects.openai.request import from_stop, include_usage, MOST_CHOICES
from gpt2giga.dialects.openai.response import added, to_usage
from gpt2giga.dialects.openai.stream import DONE
from gpt2giga.dialects.parameters import any_integer, ignored, Parameter, penalty
from gpt2giga.errors import BadRequest, ProxyError

MOST_PROMPTS = 20
IGNORED: Mapping[str, Parameter] = {
    "best_of": Parameter("ignored", "", any_integer),
    "frequency_penalty": Parameter("ignored", "", penalty),
    "logit_bias": Parameter("ignored", "", fields.optional_mapping),
    "logprobs": Parameter("ignored", "", any_integer),
    "presence_penalty": Parameter("ignored", "", penalty),
    "seed": Parameter("ignored", "", any_integer),
    "user": Parameter("ignored", "", fields.string),
}


@dataclass(frozen=True, slots=True)
class Head:
    """What all objects of one answer share.

    before: what stands before each answer, the prompt when its echo is asked for. filtered_as: as in chats.
    """

    id: str
    created: int
    model: str
    before: list[str]
    filtered_as: str

    @classmethod
    def new(cls, model: str, before: list[str], *, filtered_as: str) -> Head:
        return cls("cmpl-" + secrets.token_hex(16), int(time.time()), model, before, filtered_as)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the client wants its answers; `before` stands before each. ignored: parameters that change nothing."""

    before: list[str]
    stream: bool
    include_usage: bool
    ignored: tuple[str, ...]


def from_completion_request(body: Body) -> tuple[list[ChatRequest], Delivery]:
    """A chat for each answer."""
    if fields.string(body, "suffix"):
        raise BadRequest("GigaChat cannot insert text: 'suffix' is not supported.", param="suffix")
    n = fields.integer(body, "n", 1, MOST_CHOICES) or 1
    prompts = [prompt for prompt in _prompts(body.get("prompt")) for _ in range(n)]
    delivery = Delivery(
        before=prompts if fields.boolean(body, "echo") else [""] * len(prompts),
        stream=fields.boolean(body, "stream"),
        include_usage=include_usage(body),
        ignored=tuple(ignored(body, IGNORED)),
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
        max_tokens=fields.integer(body, "max_tokens", 1, INT32),
        stop=from_stop(body),
    )


def to_completion(answers: Iterable[list[Event]], head: Head) -> dict[str, Any]:
    choices = []
    total: Usage | None = Usage()
    for index, events in enumerate(answers):
        text, finish = head.before[index], "stop"
        for event in events:
            match event:
                case TextDelta(piece):
                    text += piece
                case Done(finish, usage):
                    total = added(total, usage)
        choices.append(_choice(text, index, _finish(finish, head)))
    return {**_part(head, choices), "usage": to_usage(total)}


class CompletionStream:
    """One answer after the other, each behind its echo."""

    def __init__(self, head: Head, *, include_usage: bool) -> None:
        self._head = head
        self._include_usage = include_usage
        self._before = [*head.before]
        self._usage: Usage | None = Usage()

    def feed(self, events: list[Event], choice: int) -> list[dict[str, Any]]:
        parts = []
        for event in events:
            match event:
                case TextDelta(piece):
                    parts.append(self._part(piece, choice))
                case Done(finish, usage):
                    parts.append(self._part("", choice, _finish(finish, self._head)))
                    self._usage = added(self._usage, usage)
        return parts

    def heartbeat(self, choice: int) -> list[dict[str, Any]]:
        return [_part(self._head, [_choice("", 0)])]

    def finish(self) -> list[dict[str, Any] | str]:
        if self._include_usage and self._usage:
            return [{**_part(self._head, []), "usage": to_usage(self._usage)}, DONE]
        return [DONE]

    def fail(self, error: ProxyError) -> list[dict[str, Any]]:
        return [to_error(error)]

    def _part(self, text: str, choice: int, finish: str | None = None) -> dict[str, Any]:
        before, self._before[choice] = self._before[choice], ""
        return _part(self._head, [_choice(before + text, choice, finish)])


def _choice(text: str, index: int, finish: str | None = None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _finish(finish: str, head: Head) -> str:
    return head.filtered_as if finish == "content_filter" else finish


def _part(head: Head, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": head.id,
        "object": "text_completion",
        "created": head.created,
        "model": head.model,
        "choices": choices,
    }
