"""What GigaChat's filter answers can be told from what the model does: in the log, by a header, in the metrics."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

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


GEMINIS = "/v1beta/models/GigaChat:generateContent"
CONTENTS = {"contents": [{"parts": [{"text": "Раз"}]}]}
# How a text ends that the filter stopped, by the setting.
ENDS = {
    "/v1/chat/completions": {"stop": '"finish_reason":"stop"', "content_filter": '"finish_reason":"content_filter"'},
    "/v1/completions": {"stop": '"finish_reason":"stop"', "content_filter": '"finish_reason":"content_filter"'},
    "/v1/responses": {"stop": '"status":"completed"', "content_filter": '"reason":"content_filter"'},
    "/v1/messages": {"stop": '"stop_reason":"end_turn"', "content_filter": '"stop_reason":"refusal"'},
    GEMINIS: {"stop": '"finishReason":"STOP"', "content_filter": '"finishReason":"SAFETY"'},
    "/api/chat": {"stop": '"done_reason":"stop"', "content_filter": '"done_reason":"content_filter"'},
}


@STREAMED
@pytest.mark.parametrize("reason, other", [("stop", "content_filter"), ("content_filter", "stop")])
def test_the_end_is_the_settings(
    app_with: Callable[..., Flask], sandbox: SandboxServer, reason: str, other: str, stream: bool
) -> None:
    client = app_with(GPT2GIGA_BLACKLIST_FINISH_REASON=reason, GPT2GIGA_OLLAMA="True").test_client()
    for path, ends in ENDS.items():
        sandbox.state.script(FILTERED)
        body = {
            "model": "GigaChat",
            **(CONTENTS if path == GEMINIS else BODIES.get(path, {"messages": MESSAGES})),
            "stream": stream,
        }
        where = path.replace(":generate", ":streamGenerate") if stream else path
        said = client.post(where, json=body).get_data(as_text=True)
        assert ends[reason] in said and ends[other] not in said, path


def test_one_of_several(curt: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(FILTERED, {"text": "Да."})
    assert ask(curt, "/v1/chat/completions", {"messages": MESSAGES, "n": 2})[0] == "true"


def test_a_picture(curt: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(FILTERED)
    header, line = ask(curt, "/v1/images/generations", {"prompt": "кот"})
    assert (header, line["filtered"], line["cause"], line["status"]) == ("true", True, "content_filter", 400)
