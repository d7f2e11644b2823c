"""The refusals of the service and the small checks every route shares."""

from __future__ import annotations

import json
from typing import Any, NoReturn

BAD_JSON = "Your request contains invalid JSON syntax."


class Refusal(Exception):
    """`body` replaces the usual status and message: OAuth errors carry a code instead (contract 1.6)."""

    def __init__(self, status: int, message: str, body: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.body = body or {"status": status, "message": message}


def bad_json() -> Refusal:
    return Refusal(400, BAD_JSON)


def invalid(message: str) -> Refusal:
    return Refusal(422, f"Invalid params: {message}")


def no_such_model() -> Refusal:
    return Refusal(404, "No such model")


def is_a(value: object, kind: type | tuple[type, ...]) -> bool:
    """isinstance as JSON sees it: a boolean is not a number."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)


def check_types(value: dict[str, Any], kinds: dict[str, type | tuple[type, ...]]) -> None:
    """Any wrong JSON type, null included, is a syntax error to the service (contract 3.0.5)."""
    for key, kind in kinds.items():
        if key in value and not is_a(value[key], kind):
            raise bad_json()


def parse_json(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw.decode(), parse_constant=_no_constant)
    except ValueError:
        raise bad_json() from None
    if not isinstance(body, dict):
        raise bad_json()
    return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
