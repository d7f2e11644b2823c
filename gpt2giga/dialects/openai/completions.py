"""POST /v1/completions: the form before chat, which old scripts still use."""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response

from gpt2giga.chat import ChatRequest, Done, Event, Message, Text, TextDelta, Usage
from gpt2giga.config.settings import Settings
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.openai.controls import from_stop
from gpt2giga.dialects.openai.errors import to_error
from gpt2giga.dialects.openai.parameters import an_integer, an_object, ignored, penalty, TypeCheck
from gpt2giga.dialects.openai.request import include_usage, INT32, MOST_CHOICES
from gpt2giga.dialects.openai.response import added, to_usage
from gpt2giga.dialects.openai.stream import DONE
from gpt2giga.errors import BadRequest
from gpt2giga.telemetry import request_log
from gpt2giga.upstream.client import GetUpstream
from gpt2giga.web import sse
from gpt2giga.web.body import ignored_header, json_body, json_response, with_session

MOST_PROMPTS = 20
IGNORED: Mapping[str, TypeCheck] = {
    "best_of": an_integer,
    "frequency_penalty": penalty,
    "logit_bias": an_object,
    "logprobs": an_integer,
    "presence_penalty": penalty,
    "seed": an_integer,
    "user": fields.string,
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


def blueprint(settings: Settings, get_upstream: GetUpstream) -> Blueprint:
    completions = Blueprint("openai_completions", __name__)

    @completions.post("/completions")
    def create() -> Response:
        body = json_body()
        asked = from_completion_request(body)
        upstream = get_upstream()
        model = upstream.catalog.shown(asked.chats[0].model)
        filtered_as = settings.blacklist_finish_reason
        head = Head("cmpl-" + secrets.token_hex(16), int(time.time()), model, asked.before, filtered_as)
        record = request_log.record().opened(model, body, stream=asked.stream)
        send = upstream.stream if asked.stream else upstream.complete
        chats = [with_session(chat) for chat in asked.chats]
        answers = (record.observed(send(chat)) for chat in chats)
        if asked.stream:
            chunks = to_chunks(answers, head, include_usage=asked.include_usage)
            style = sse.Style(to_error, lambda: _part(head, [_choice("", 0)]), settings.heartbeat)
            response = sse.respond(chunks, style)
        else:
            response = json_response(to_completion(answers, head))
        response.headers.update(ignored_header(asked.ignored))
        return response

    return completions


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat for each answer, what stands before the answer, and how the client wants them."""

    chats: list[ChatRequest]
    before: list[str]
    stream: bool
    include_usage: bool
    ignored: list[str]


def from_completion_request(body: Body) -> Asked:
    if fields.string(body, "suffix"):
        raise BadRequest("GigaChat cannot insert text: 'suffix' is not supported.", param="suffix")
    n = fields.integer(body, "n", 1, MOST_CHOICES) or 1
    prompts = [prompt for prompt in _prompts(body.get("prompt")) for _ in range(n)]
    return Asked(
        chats=[_chat(body, prompt) for prompt in prompts],
        before=prompts if fields.boolean(body, "echo") else [""] * len(prompts),
        stream=fields.boolean(body, "stream"),
        include_usage=include_usage(body),
        ignored=ignored(body, IGNORED),
    )


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


def to_completion(answers: Iterable[Iterable[Event]], head: Head) -> dict[str, Any]:
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


def to_chunks(
    answers: Iterable[Iterable[Event]], head: Head, *, include_usage: bool
) -> Generator[dict[str, Any] | str, None, None]:
    total: Usage | None = Usage()
    for index, events in enumerate(answers):
        before = head.before[index]
        for event in events:
            match event:
                case TextDelta(piece):
                    yield _part(head, [_choice(before + piece, index)])
                    before = ""
                case Done(finish, usage):
                    total = added(total, usage)
                    yield _part(head, [_choice(before, index, _finish(finish, head))])
    if include_usage and total:
        yield {**_part(head, []), "usage": to_usage(total)}
    yield DONE


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
