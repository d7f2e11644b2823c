"""The sandbox's own routes, for tests and demos that run in another process."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

from flask import Blueprint, request, Response

from gpt2giga_sandbox.refusal import Refusal
from gpt2giga_sandbox.replies import JSON_TYPE, state
from gpt2giga_sandbox.shapes import compact

blueprint = Blueprint("control", __name__, url_prefix="/sandbox")


def _json(value: object) -> Response:
    return Response(compact(value), content_type=JSON_TYPE)


def _told() -> Any:
    """Whatever its type says: people type these requests, and curl names a form's. Raises ValueError."""
    return json.loads(request.get_data())


@blueprint.post("/script")
def script() -> Response:
    """A list of steps, or one step."""
    try:
        steps = _told()
        state().script(*(steps if isinstance(steps, list) else [steps]))
    except (ValueError, TypeError) as error:
        raise Refusal(400, str(error)) from error
    return _json({"pending_steps": state().pending()})


@blueprint.post("/settings")
def settings() -> Response:
    """Changes what it names; of the character too, or replaces it by the one that is named."""
    try:
        changes = _told()
        if "character" in changes:
            changes = {**changes, "character": state().settings.character.changed(changes["character"])}
        state().settings = replace(state().settings, **changes)
    except (TypeError, ValueError) as error:
        raise Refusal(400, str(error)) from error
    return _json(asdict(state().settings))


@blueprint.get("/requests")
def requests() -> Response:
    return _json([_public(record) for record in state().requests(request.args.get("path", ""))])


def _public(record: dict[str, Any]) -> dict[str, Any]:
    """Without the key or token: a real one may have come here by mistake."""
    headers = {**record["headers"]}
    if "authorization" in headers:
        headers["authorization"] = headers["authorization"].partition(" ")[0]
    return {**record, "headers": headers}


@blueprint.get("/stats")
def stats() -> Response:
    return _json(state().stats())


@blueprint.post("/revoke")
def revoke() -> Response:
    state().revoke_tokens()
    return _json(state().stats())


@blueprint.post("/reset")
def reset() -> Response:
    state().reset()
    return _json(state().stats())
