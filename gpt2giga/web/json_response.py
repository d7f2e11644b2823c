"""Responses of JSON, and the header that names what a request asked for in vain."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
from flask import Response

IGNORED_HEADER = "X-Gpt2giga-Ignored"
# Characters; nginx takes 4 KB as the head of a response.
LONGEST_IGNORED = 1000


def json_response(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, mimetype="application/json")


def name_ignored(response: Response, names: Collection[str]) -> Response:
    """Some of the names are a client's own words, which a header may not hold as they are."""
    if names:
        told = ", ".join(ascii(name)[1:-1] for name in names)
        response.headers[IGNORED_HEADER] = told[:LONGEST_IGNORED]
    return response
