"""Is anybody there (/), is the process alive (/health), and would GigaChat answer (/ready)?"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response

from gpt2giga import __version__
from gpt2giga.errors import ProxyError
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.body import json_response


def blueprint(backend: str, get_upstream: GetUpstream, page: Callable[[], Response | None]) -> Blueprint:
    """page: what a browser gets at the root; None for whoever is no browser."""
    health = Blueprint("health", __name__)
    facts = {"status": "ok", "version": __version__, "backend": backend}

    @health.get("/")
    def root() -> Response:
        """Claude Code looks whether anybody is there before it asks."""
        return page() or json_response({"name": "gpt2giga"})

    @health.get("/health")
    def alive() -> Response:
        """Open to everybody and never asks GigaChat: probes call it every few seconds."""
        return json_response(facts)

    @health.get("/ready")
    def ready() -> Response:
        """Says what GigaChat, or the way to it, has to say, but always as a 503."""
        try:
            get_upstream().check()
        except ProxyError as error:
            error.status = 503
            raise
        return json_response({**facts, "status": "ready"})

    return health
