"""Is the process alive (/health), and would GigaChat answer (/ready)?"""

from __future__ import annotations

from flask import Blueprint
from flask import Response

from gpt2giga import __version__
from gpt2giga import http
from gpt2giga.settings import Settings
from gpt2giga.upstream.client import GetUpstream


def blueprint(settings: Settings, get_upstream: GetUpstream) -> Blueprint:
    health = Blueprint("health", __name__)
    facts = {"status": "ok", "version": __version__, "backend": settings.backend}

    @health.get("/health")
    def alive() -> Response:
        """Open to everybody and never asks GigaChat: probes call it every few seconds."""
        return http.json_response(facts)

    @health.get("/ready")
    def ready() -> Response:
        """Raises what GigaChat, or the way to it, has to say."""
        get_upstream().check()
        return http.json_response({**facts, "status": "ready"})

    return health
