"""POST /chat/completions of v1, whole and streamed, and what v2 shares with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from flask import Blueprint, request, Response

from gpt2giga_sandbox import answers
from gpt2giga_sandbox.catalog import Model
from gpt2giga_sandbox.delivery import Reply
from gpt2giga_sandbox.replies import (
    account,
    character,
    json_body,
    JSON_TYPE,
    NO_CACHE,
    own_files,
    send,
    state,
    take,
    voice,
)
from gpt2giga_sandbox.rules import check_chat, prompt_tokens
from gpt2giga_sandbox.shapes import chunks, compact, DONE, frame, Turn, usage, whole
from gpt2giga_sandbox.steps import Step
from gpt2giga_sandbox.storage import drawing

blueprint = Blueprint("chat", __name__)


@blueprint.post("/chat/completions")
def completions() -> Response:
    body = json_body()
    model = check_chat(body, own_files(), character())
    state().check_package(account(), model)
    return converse(lambda step: _reply(body, step, turn_of(body, model)))


def converse(reply: Callable[[Step], Reply], framed: Callable[[Step], list[bytes]] | None = None) -> Response:
    """A chat request that has passed the checks: counted, scripted, delivered."""
    stream = state().open_stream(account())
    with ExitStack() as undo:
        undo.callback(stream.end)
        step = take("chat")
        if not step.frame_delay:
            step = replace(step, frame_delay=state().settings.frame_delay)
        default = reply(step)
        undo.pop_all()
    return send(step, default, stream, framed)


def turn_of(body: dict[str, Any], model: Model) -> Turn:
    """`body` is one of v1."""
    tokens = prompt_tokens(body)
    session = request.headers.get("X-Session-ID")
    cached = tokens // 2 if session and state().known_session(account(), session) else 0
    return Turn(model, int(time.time()), tokens, cached)


def charge(answer: answers.Answer, step: Step, turn: Turn) -> None:
    """Cached tokens cost nothing, and are not among those of the prompt (contract 4.8, 4.9)."""
    if step.status == 200:
        told = usage(answer, turn)
        state().spend(account(), turn.model, told["prompt_tokens"] + told["completion_tokens"])


def draw() -> str:
    return state().add_file(drawing(account()))


def reply_of(pieces: list[bytes], streamed: bool) -> Reply:
    return Reply(pieces, headers=NO_CACHE if streamed else {"Content-Type": JSON_TYPE}, streamed=streamed)


def _reply(body: dict[str, Any], step: Step, turn: Turn) -> Reply:
    told = replace(answers.answer(body, draw, voice=voice()), frames_apart=character().call_frames == 2)
    if "reasoning_effort" in body and character().reasoning_content:
        told = replace(told, reasoning=voice().thinks(body["messages"]))
    answer = step.applied(told)
    charge(answer, step, turn)
    if not body.get("stream"):
        return reply_of([compact(whole(answer, turn))], streamed=False)
    frames = [frame(chunk) for chunk in chunks(answer, turn)]
    return reply_of([*frames, *([DONE] if step.done else [])], streamed=True)
