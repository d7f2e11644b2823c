"""Between Flask and the rest: the request at hand, and replies with the script's step applied."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, cast

from flask import current_app, g, request, Response

from gpt2giga_sandbox.answers import ECHO
from gpt2giga_sandbox.character import Character
from gpt2giga_sandbox.delivery import deliver, Reply
from gpt2giga_sandbox.demo import Demo
from gpt2giga_sandbox.echo import Echo
from gpt2giga_sandbox.refusal import bad_json
from gpt2giga_sandbox.shapes import compact, DONE, frame
from gpt2giga_sandbox.state import State, Stream
from gpt2giga_sandbox.steps import Step

JSON_TYPE = "application/json; charset=utf-8"
NO_CACHE = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}


def state() -> State:
    return cast(State, current_app.extensions["sandbox"])


def character() -> Character:
    return state().settings.character


def voice() -> Echo:
    """Who answers what no script tells."""
    return Demo(state().files(client_id())) if state().settings.demo else ECHO


def json_body() -> dict[str, Any]:
    body = g.record["json"]
    if body is None:
        raise bad_json()
    return cast(dict[str, Any], body)


def authorization() -> str:
    return request.headers.get("Authorization", "")


def client_id() -> str:
    return request.headers.get("X-Client-ID", "")


def answer_json(route: str, body: object) -> Response:
    """The default answer of a route, unless the script has a step for it."""
    return send(take(route), Reply([compact(body)], headers={"Content-Type": JSON_TYPE}))


def take(route: str) -> Step:
    return state().take(route) or Step(route=route)


def send(
    step: Step, default: Reply, stream: Stream | None = None, framed: Callable[[Step], list[bytes]] | None = None
) -> Response:
    """`framed` makes the bytes of the frames a script tells, where they are not those of v1."""
    reply = scripted(step, framed or _framed) or default
    headers = {**(reply.headers or {}), **(step.headers or {})}
    if not reply.streamed:
        headers["Content-Length"] = str(step.padding + sum(map(len, reply.pieces)))
    with ExitStack() as undo:
        if stream:
            undo.callback(stream.end)
        memory = state()
        parts = deliver(reply, step, request.environ["werkzeug.socket"], stream, lambda: memory.settings.hold_after)
        response = Response(parts, reply.status, headers)
        undo.pop_all()
    if stream:
        response.call_on_close(stream.end)
    return response


def _framed(step: Step) -> list[bytes]:
    return [*map(frame, step.frames or []), *([DONE] if step.done else [])]


def scripted(step: Step, framed: Callable[[Step], list[bytes]]) -> Reply | None:
    if step.answer is not None:
        return Reply([compact(step.answer)], headers={"Content-Type": JSON_TYPE})
    if step.frames is not None:
        return Reply(framed(step), headers=NO_CACHE, streamed=True)
    if step.status == 200 and step.body is None:
        return None
    body = step.error_body()
    if isinstance(body, str):
        return Reply([body.encode()], step.status, {"Content-Type": "text/html"})
    # The service ends its error bodies, and only these, with a newline (contract 3.4.1).
    newline = b"\n" if step.status >= 400 else b""
    return Reply([compact(body) + newline], step.status, {"Content-Type": JSON_TYPE})
