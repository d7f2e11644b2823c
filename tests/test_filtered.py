"""What GigaChat's filter answers can be told from what the model does: in the log, by a header, in the metrics."""

from __future__ import annotations

import os
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.asking import FILTERED, MESSAGES, STREAMED
from tests.service import Service
from tests.test_logs import line_of

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/v1/completions": {"prompt": "Раз"},
    "/v1/responses": {"input": "Раз"},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 99},
}
JSON = {"messages": MESSAGES, "response_format": {"type": "json_object"}}


def ask(service: Service, path: str, body: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The header, and the line in the log."""
    request_id = os.urandom(8).hex()
    response = service.post(path, {"model": "GigaChat", **body}, headers={"X-Request-ID": request_id})
    return response.headers.get("X-Gpt2giga-Filtered"), line_of(service, request_id)


@STREAMED
@pytest.mark.parametrize("path, body", [*BODIES.items(), ("/v1/chat/completions", JSON)])
def test_every_dialect(curt: Service, sandbox: SandboxServer, path: str, body: dict[str, Any], stream: bool) -> None:
    """Most streams have begun, and their headers are sent, before GigaChat tells."""
    sandbox.state.script(FILTERED, {"text": "Да." if body is not JSON else "{}"})
    header, line = ask(curt, path, {**body, "stream": stream})
    assert line["filtered"] is True and line["status"] == 200
    assert header == (None if stream and body is not JSON else "true")
    header, line = ask(curt, path, {**body, "stream": stream})
    assert header is None and "filtered" not in line


def test_one_of_several(curt: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(FILTERED, {"text": "Да."})
    assert ask(curt, "/v1/chat/completions", {"messages": MESSAGES, "n": 2})[0] == "true"


def test_a_picture(curt: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(FILTERED)
    header, line = ask(curt, "/v1/images/generations", {"prompt": "кот"})
    assert (header, line["filtered"], line["cause"], line["status"]) == ("true", True, "content_filter", 400)
