"""The application as web servers load it (wsgi.py). They start it in a folder of their own, and show nobody why a start
fails: so it says that itself."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gpt2giga.config.settings import SettingsError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def load(folder: Path) -> WSGIApplication:
    """folder: that of wsgi.py, whose .env counts where the current one has none."""
    beside = folder / ".env"
    try:
        from gpt2giga.factory import create_app
        from gpt2giga.serving import process_log
        from gpt2giga.serving.current_settings import load_settings

        env_file = beside if os.path.exists(beside) and not os.path.exists(".env") else None
        process_log.begin(process_log.wanted_form(env_file), stdout=False)  # which is the answer of a CGI script
        return create_app(load_settings(env_file), behind_web_server=True)
    except SettingsError as error:
        return _refuse(str(error))
    except ImportError as error:  # not the Python of the virtual environment, or nothing was installed there
        return _refuse(f"{error}; {sys.prefix} lacks what requirements.lock names")


def _refuse(sentence: str) -> WSGIApplication:
    print(f"gpt2giga: {sentence}", file=sys.stderr, flush=True)
    error = {"message": f"gpt2giga did not start: {sentence}.", "type": "server_error", "param": None}
    body = json.dumps({"error": {**error, "code": "not_started"}}, ensure_ascii=False).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("X-Content-Type-Options", "nosniff"),
    ]

    def call(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("503 Service Unavailable", headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]

    return call
