"""POST /v1/completions: the form before chat, which old scripts still use."""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint
from flask import Response

from gpt2giga import http
from gpt2giga import logs
from gpt2giga import sse
from gpt2giga.chat import ChatRequest
from gpt2giga.chat import Done
from gpt2giga.chat import Event
from gpt2giga.chat import Message
from gpt2giga.chat import Text
from gpt2giga.chat import TextDelta
from gpt2giga.chat import Usage
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body
from gpt2giga.dialects.fields import invalid
from gpt2giga.dialects.openai.controls import from_stop
from gpt2giga.dialects.openai.errors import to_error
from gpt2giga.dialects.openai.request import include_usage
from gpt2giga.dialects.openai.request import INT32
from gpt2giga.dialects.openai.response import to_usage
from gpt2giga.dialects.openai.stream import DONE
from gpt2giga.errors import BadRequest
from gpt2giga.settings import Settings
from gpt2giga.upstream.client import GetUpstream

MOST_PROMPTS = 20


@dataclass(frozen=True, slots=True)
class Head:
    """What all objects of one answer share. echo: the prompt stands before each answer."""

    id: str
    created: int
    model: str
    echo: bool


def blueprint(settings: Settings, get_upstream: GetUpstream) -> Blueprint:
    completions = Blueprint("openai_completions", __name__)

    @completions.post("/completions")
    def create() -> Response:
        upstream = get_upstream()
        body = http.json_body()
        prompts, requests = from_completion_request(body)
        stream = fields.boolean(body, "stream")
        model = upstream.catalog.shown(requests[0].model)
        head = Head("cmpl-" + uuid.uuid4().hex, int(time.time()), model, fields.boolean(body, "echo"))
        record = logs.record().opened(model, body, stream=stream)
        send = upstream.stream if stream else upstream.complete
        answers = (record.observed(send(http.with_session(request))) for request in requests)
        if not stream:
            return http.json_response(to_completion(prompts, answers, head))
        chunks = to_chunks(prompts, answers, head, include_usage=include_usage(body))
        return sse.respond(chunks, sse.Style(to_error, lambda: _part(head, [_choice("", 0)]), settings.heartbeat))

    return completions


def from_completion_request(body: Body) -> tuple[list[str], list[ChatRequest]]:
    """The prompts, and one chat for each."""
    if fields.string(body, "suffix"):
        raise BadRequest("GigaChat cannot insert text: 'suffix' is not supported.", param="suffix")
    prompt: Any = body.get("prompt")
    prompts = prompt if isinstance(prompt, list) else [prompt]
    if not prompts or len(prompts) > MOST_PROMPTS or not all(isinstance(text, str) and text for text in prompts):
        raise invalid("prompt", f"a text, or a list of 1 to {MOST_PROMPTS} texts")
    n = fields.integer(body, "n", 1, 8) or 1
    requests = [_request(body, text) for text in prompts]
    return [text for text in prompts for _ in range(n)], [request for request in requests for _ in range(n)]


def _request(body: Body, prompt: str) -> ChatRequest:
    return ChatRequest(
        model=fields.string(body, "model"),
        messages=(Message("user", (Text(prompt),)),),
        temperature=fields.number(body, "temperature", 0, 2),
        top_p=fields.number(body, "top_p", 0, 1),
        max_tokens=fields.integer(body, "max_tokens", 1, INT32),
        stop=from_stop(body),
    )


def to_completion(prompts: list[str], answers: Iterable[Iterable[Event]], head: Head) -> dict[str, Any]:
    choices, total = [], Usage()
    for index, events in enumerate(answers):
        text, finish = prompts[index] if head.echo else "", "stop"
        for event in events:
            match event:
                case TextDelta(piece):
                    text += piece
                case Done(finish, usage):
                    total += usage or Usage()
        choices.append(_choice(text, index, finish))
    return {**_part(head, choices), "usage": to_usage(total)}


def to_chunks(
    prompts: list[str], answers: Iterable[Iterable[Event]], head: Head, *, include_usage: bool
) -> Generator[dict[str, Any] | str, None, None]:
    total = Usage()
    for index, events in enumerate(answers):
        before = prompts[index] if head.echo else ""
        for event in events:
            match event:
                case TextDelta(piece):
                    yield _part(head, [_choice(before + piece, index)])
                    before = ""
                case Done(finish, usage):
                    total += usage or Usage()
                    yield _part(head, [_choice(before, index, finish)])
    if include_usage:
        yield {**_part(head, []), "usage": to_usage(total)}
    yield DONE


def _choice(text: str, index: int, finish: str | None = None) -> dict[str, Any]:
    reason = "length" if finish == "length" else finish and "stop"
    return {"text": text, "index": index, "logprobs": None, "finish_reason": reason}


def _part(head: Head, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": head.id,
        "object": "text_completion",
        "created": head.created,
        "model": head.model,
        "choices": choices,
    }
