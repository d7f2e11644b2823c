"""The page at `/`, for people: is all well, a chat to try, the last hour, and how to connect clients.

The page and its two assets are open and the same for everybody; what they fetch needs the key like any request.
"""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, request, Response

from gpt2giga.commands.openclaw_config import connection, merged
from gpt2giga.commands.snippets import CLIENTS
from gpt2giga.config.settings import ServerSettings
from gpt2giga.errors import NotFound
from gpt2giga.telemetry.last_hour import LastHour
from gpt2giga.upstream.client import GetUpstream
from gpt2giga.web.auth import wants_html
from gpt2giga.web.body import json_response

TYPES = {"page.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
# The browser puts in what only it knows: the address it came by, and whether a key is asked for.
PLACES = {"root": "{root}", "base": "{base}", "key": "{key}"}


def page() -> Response | None:
    """For a browser at the root of the service."""
    return _file("page.html") if request.path == "/" and wants_html(request) else None


def blueprint(
    server: ServerSettings, models: dict[str, str], get_upstream: GetUpstream, last_hour: LastHour
) -> Blueprint:
    """`models`: what clients are told to ask for."""
    ui = Blueprint("ui", __name__, url_prefix="/ui")

    @ui.get("/<any('page.css', 'page.js'):name>")
    def asset(name: str) -> Response:
        return _file(name)

    @ui.get("/activity")
    def activity() -> Response:
        return json_response({**last_hour.figures(), "workers": server.workers})

    @ui.get("/clients")
    def clients() -> Response:
        """What each client must be told, and the model that answers by default."""
        texts = [{"name": client.name, "text": client.text.format(**models, **PLACES)} for client in CLIENTS]
        return json_response({"model": models["model"], "clients": texts})

    @ui.get("/openclaw")
    def openclaw() -> Response:
        """OpenClaw's file, with the models that the account has."""
        key = PLACES["key"] if server.asks_for_key else ""
        found = connection(PLACES["root"], key, get_upstream().catalog.models(), **models)
        if not found.models:
            raise NotFound("GigaChat's list of models holds none to chat with.")
        return json_response(merged({}, found))

    return ui


def _file(name: str) -> Response:
    content = Path(__file__).with_name(name).read_bytes()
    response = Response(content, headers=HEADERS, content_type=f"{TYPES[name]}; charset=utf-8")
    if name == "page.html":
        response.vary.add("Accept")
    response.add_etag()
    response.make_conditional(request)
    return response
