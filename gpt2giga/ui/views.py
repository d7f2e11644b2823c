"""The page at `/`, for people: is all well, a chat to try, what was used, and how to connect clients.

The page and its assets are open and the same for everybody; what they fetch needs the key like any request.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from flask import Blueprint, request, Response

from gpt2giga.commands.openclaw_config import choose_models, connect
from gpt2giga.commands.snippets import model_values, SNIPPETS
from gpt2giga.config.settings import ServerSettings
from gpt2giga.errors import BadRequest, NotFound
from gpt2giga.store.database import Unusable
from gpt2giga.telemetry.packages import PackageWatch
from gpt2giga.telemetry.usage import UsageCounter
from gpt2giga.telemetry.usage_report import MOST_DAYS, MOST_OFFSET, report, Span
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.auth import wants_html
from gpt2giga.web.body import json_response
from gpt2giga.web.exchange import current
from gpt2giga.web.key_models import allowed_models
from gpt2giga.web.store_errors import store_unavailable

HERE = Path(__file__).parent
CONTENT_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
# The browser puts in what only it knows: the address it came by, and whether a key is asked for.
PLACEHOLDERS = {"root": "{root}", "base": "{base}", "key": "{key}"}


def page() -> Response | None:
    """For a browser at the root of the service."""
    return _file("page.html") if request.path == "/" and wants_html(request) else None


def blueprint(
    server: ServerSettings,
    models: dict[str, str],
    get_upstream: GetUpstream,
    usage: UsageCounter,
    packages: PackageWatch,
    asks_for_key: Callable[[], bool],
) -> Blueprint:
    """`models`: what clients are told to ask for."""
    ui = Blueprint("ui", __name__, url_prefix="/ui")

    assets = frozenset(path.relative_to(HERE).as_posix() for kind in ("css", "js") for path in HERE.rglob(f"*.{kind}"))

    @ui.get("/<path:name>")
    def asset(name: str) -> Response:
        if name not in assets:
            raise NotFound("The page has no such file.")
        return _file(name)

    ui.get("/usage")(_usage_view(server, usage, asks_for_key))
    ui.get("/packages")(_packages_view(packages))

    @ui.get("/clients")
    def clients() -> Response:
        """What each client must be told, where, and the model that answers by default."""
        values = model_values(**models)
        texts = [
            {"name": name, "title": it.title, "about": it.about, "text": it.filled(values)}
            for name, it in SNIPPETS.items()
        ]
        return json_response({"model": models["model"], "clients": texts})

    @ui.get("/facts")
    def facts() -> Response:
        """What is believed of the model that a client would name so."""
        upstream = get_upstream()
        return json_response({"facts": upstream.book.told(upstream.catalog.resolve(request.args.get("model", "")))})

    @ui.get("/openclaw")
    def openclaw() -> Response:
        """OpenClaw's file, with the models that the account has."""
        key = PLACEHOLDERS["key"] if asks_for_key() else ""
        found = allowed_models(current(), get_upstream().catalog)
        connection = choose_models(PLACEHOLDERS["root"], key, found, **models)
        if not connection.models:
            raise NotFound("GigaChat's list of models holds none to chat with.")
        return json_response(connect({}, connection))

    return ui


def _usage_view(
    server: ServerSettings, usage: UsageCounter, asks_for_key: Callable[[], bool]
) -> Callable[[], Response]:
    def show_usage() -> Response:
        """Of the last days, today among them, on the clock of a browser that is ahead of UTC by `offset` minutes."""
        span = Span(_number("days", 1, 1, MOST_DAYS), _number("offset", 0, -MOST_OFFSET, MOST_OFFSET))
        if usage.database is None:
            raise NotFound("Usage is not kept: no folder is set (GPT2GIGA_STATE_DIR).", code="usage_not_kept")
        if server.pass_token:
            raise NotFound("Each client brings an account of its own here.", code="usage_not_kept")
        usage.flush()
        name = current().key_name
        sees_all = not asks_for_key() or server.is_admin(name)
        try:
            return json_response(report(usage.database, span, None if sees_all else name))
        except Unusable as unusable:
            raise store_unavailable("Usage cannot be read", unusable) from unusable

    return show_usage


def _packages_view(packages: PackageWatch) -> Callable[[], Response]:
    def show_packages() -> Response:
        """What is left of them. is_asking: GigaChat is being asked, so that more may be known soon."""
        is_asking = packages.look()
        return json_response({"accounts": [state.told() for state in packages.states()], "is_asking": is_asking})

    return show_packages


def _number(name: str, usual: int, least: int, most: int) -> int:
    """Of the query. Raises BadRequest."""
    text = request.args.get(name, str(usual))
    if not re.fullmatch(r"-?\d{1,6}", text) or not least <= int(text) <= most:
        raise BadRequest(f"'{name}' must be a whole number from {least} to {most}.", param=name, code="invalid_value")
    return int(text)


def _file(name: str) -> Response:
    path = HERE / name
    content_type = f"{CONTENT_TYPES[path.suffix]}; charset=utf-8"
    response = Response(path.read_bytes(), headers=HEADERS, content_type=content_type)
    if name == "page.html":
        response.vary.add("Accept")
    response.add_etag()
    response.make_conditional(request)
    return response
