"""JSON in and out of Flask, the same for every dialect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
from flask import request
from flask import Response

from gpt2giga.chat import ChatRequest
from gpt2giga.errors import BadRequest

# Ids that clients make up and that end in headers and log lines.
ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def json_body() -> Mapping[str, Any]:
    """The request's JSON object, whatever its Content-Type says: curl users forget the header.

    orjson refuses what is not UTF-8, lone surrogates, NaN and nesting without end.
    """
    try:
        body = orjson.loads(request.get_data())
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.", code="invalid_json")
    return body


def with_session(chat: ChatRequest) -> ChatRequest:
    """The client's own X-Session-ID wins over what its request tells of the conversation."""
    given = request.headers.get("X-Session-ID", "")
    return replace(chat, session=given) if ACCEPTED_ID.fullmatch(given) else chat


def json_response(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, mimetype="application/json")
