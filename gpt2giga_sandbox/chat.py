"""POST /chat/completions, whole and streamed."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from flask import Blueprint, request, Response

from gpt2giga_sandbox import answers
from gpt2giga_sandbox.catalog import Model
from gpt2giga_sandbox.delivery import Reply
from gpt2giga_sandbox.replies import client_id, json_body, JSON_TYPE, NO_CACHE, send, state, take
from gpt2giga_sandbox.rules import check_chat, prompt_tokens
from gpt2giga_sandbox.shapes import chunks, compact, DONE, frame, Turn, whole
from gpt2giga_sandbox.steps import Step
from gpt2giga_sandbox.storage import drawing

blueprint = Blueprint("chat", __name__)


@blueprint.post("/chat/completions")
def completions() -> Response:
    body = json_body()
    model = check_chat(body, state().files(client_id()))
    stream = state().open_stream()
    with ExitStack() as undo:
        undo.callback(stream.end)
        step = take("chat")
        if not step.frame_delay:
            step = replace(step, frame_delay=state().settings.frame_delay)
        reply = _reply(body, step, _turn(body, model))
        undo.pop_all()
    return send(step, reply, stream)


def _turn(body: dict[str, Any], model: Model) -> Turn:
    tokens = prompt_tokens(body)
    session = request.headers.get("X-Session-ID")
    cached = tokens // 2 if session and state().known_session(session) else 0
    return Turn(model, int(time.time()), tokens, cached)


def _reply(body: dict[str, Any], step: Step, turn: Turn) -> Reply:
    answer = step.applied(answers.answer(body, lambda: state().add_file(drawing())))
    if not body.get("stream"):
        return Reply([compact(whole(answer, turn))], headers={"Content-Type": JSON_TYPE})
    frames = [frame(chunk) for chunk in chunks(answer, turn)]
    end = [DONE] if step.done else []
    return Reply([*frames, *end], headers=NO_CACHE, streamed=True)
