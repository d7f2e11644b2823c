"""The Flask application: routes, tokens, recording, and the shape of every error."""

from __future__ import annotations

import time
import uuid
from typing import Any

from flask import Blueprint, Flask, g, request, Response
from werkzeug.exceptions import HTTPException

from gpt2giga_sandbox import chat, control, files, oauth, resources, speech
from gpt2giga_sandbox.refusal import parse_json, Refusal
from gpt2giga_sandbox.replies import JSON_TYPE, state
from gpt2giga_sandbox.shapes import compact
from gpt2giga_sandbox.state import State
from gpt2giga_sandbox.v2 import views as v2

# Both are in use (contract 2.1).
BASES = {"api": "/api/v1", "short": "/v1"}
BASES_OF_V2 = {"api-v2": "/api/v2", "short-v2": "/v2"}


def create_app(memory: State) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.extensions["sandbox"] = memory
    api = Blueprint("api", __name__)
    for part in (chat, resources, files):
        api.register_blueprint(part.blueprint)
    api.before_request(_check_bearer)
    for name, prefix in BASES.items():
        app.register_blueprint(api, name=name, url_prefix=prefix)
        app.register_blueprint(oauth.password, name=f"{name}-password", url_prefix=prefix)
    newer = Blueprint("newer", __name__)
    newer.register_blueprint(v2.blueprint)
    newer.before_request(v2.check_served)
    newer.before_request(_check_bearer)
    for name, prefix in BASES_OF_V2.items():
        app.register_blueprint(newer, name=name, url_prefix=prefix)
    app.register_blueprint(oauth.blueprint)
    app.register_blueprint(speech.blueprint, url_prefix="/rest/v1")
    app.register_blueprint(control.blueprint)
    app.before_request(_record)
    app.after_request(_label)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _not_served)
    return app


def _record() -> None:
    g.record = {
        "time": time.time(),
        "method": request.method,
        "path": request.path,
        "query": request.query_string.decode("latin-1"),
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "account": "",
        "json": _json(),
        "status": None,
        "error": "",
    }
    if not request.path.startswith("/sandbox/"):
        state().record(g.record)


def _json() -> dict[str, Any] | None:
    """None when it is none; the route decides whether that is an error."""
    if not request.is_json:
        return None
    try:
        return parse_json(request.get_data())
    except Refusal:
        return None


def _check_bearer() -> None:
    g.record["account"] = state().check_token(request.headers.get("Authorization", ""))


def _label(response: Response) -> Response:
    """Ids on every answer, errors included (contract 3.4.10); the cookie is that of the test stands (contract 1.13)."""
    g.record["status"] = response.status_code
    for name in ("X-Request-ID", "X-Session-ID"):
        response.headers[name.lower()] = request.headers.get(name) or str(uuid.uuid4())
    if "X-Client-ID" in request.headers:
        response.headers["x-client-id"] = request.headers["X-Client-ID"]
    if "spid" not in request.cookies:
        response.headers["Set-Cookie"] = f"spid={uuid.uuid4().hex}; Path=/; HttpOnly"
    return response


def _refused(refusal: Refusal) -> Response:
    g.record["error"] = refusal.message
    state().count_refusal()
    # Compact JSON and a newline, which successful bodies do not have (contract 3.4.1).
    return Response(compact(refusal.body) + b"\n", refusal.status, content_type=JSON_TYPE)


def _not_served(error: HTTPException) -> Response:
    return _refused(Refusal(error.code or 500, error.name))
