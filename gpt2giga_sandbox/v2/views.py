"""POST /chat/completions of v2, whole and streamed."""

from __future__ import annotations

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from gpt2giga_sandbox.chat import charge, converse, draw, reply_of, turn_of
from gpt2giga_sandbox.delivery import Reply
from gpt2giga_sandbox.refusal import Refusal
from gpt2giga_sandbox.replies import account, character, json_body, own_files, state, voice
from gpt2giga_sandbox.shapes import compact, stable_id
from gpt2giga_sandbox.steps import Step
from gpt2giga_sandbox.v2.answers import answer
from gpt2giga_sandbox.v2.request import ChatRequest, check_chat
from gpt2giga_sandbox.v2.shapes import END, events, frame, framed, whole

blueprint = Blueprint("v2", __name__)


def check_served() -> None:
    if not character().v2:
        raise NotFound


@blueprint.post("/chat/completions")
def completions() -> Response:
    chat = check_chat(json_body(), own_files(), character())
    state().check_package(account(), chat.model)
    return converse(lambda step: _reply(chat, step), framed)


@blueprint.route("/files", methods=["GET", "POST"])
def files() -> Response:
    """Files exist below v1 only (contract 2.12)."""
    raise Refusal(403, "Forbidden")


def _reply(chat: ChatRequest, step: Step) -> Reply:
    told = step.applied(answer(chat, draw, voice()))
    turn = turn_of(chat.body, chat.model)
    charge(told, step, turn)
    used = told.calls or told.tool or chat.body["messages"][-1]["role"] == "function"
    state_id = stable_id([told.tool, told.text, [vars(call) for call in told.calls]]) if used else ""
    if not chat.stream:
        return reply_of([compact(whole(told, turn, state_id, character().call_ids))], streamed=False)
    found = events(told, turn, state_id, character().call_ids)
    kept = [event for event in found if step.done or event[0] != END]
    return reply_of([frame(*event) for event in kept], streamed=True)
