"""Request ids."""

from __future__ import annotations

import re
import uuid

from flask import Flask
from flask import g
from flask import request
from flask import Response

ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def init_app(app: Flask) -> None:
    app.before_request(_open_record)
    app.after_request(_name_request)


def _open_record() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if ACCEPTED_ID.fullmatch(given) else uuid.uuid4().hex


def _name_request(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    return response
