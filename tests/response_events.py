"""Asking for responses, and reading their streams as a strict client does."""

from __future__ import annotations

import json
from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.service import Service

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
MODEL = "GigaChat-2-Max"
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Changes files.", "format": {"type": "text"}}
AGENTS = {
    "type": "namespace",
    "name": "agents",
    "description": "Helpers.",
    "tools": [{"type": "function", "name": "spawn", "parameters": {"type": "object", "properties": {}}}],
}
SEARCH = {"type": "tool_search", "execution": "client", "description": "Finds tools.", "parameters": {}}
TOOLS = [WEATHER, PATCH, AGENTS, SEARCH]


def events(service: Service, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a stream, each named, numbered and as the client's types want it."""
    response = service.post("/v1/responses", {"model": MODEL, "input": "Привет!", **body, "stream": True})
    assert response.status_code == 200, response.text
    response.encoding = "utf-8"
    found = []
    for number, frame in enumerate(response.text.removesuffix("\n\n").split("\n\n")):
        name, data = frame.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}" and event["sequence_number"] == number
        EVENT.validate_python(event)
        found.append(event)
    return found


def create(service: Service, **body: Any) -> dict[str, Any]:
    response = service.post("/v1/responses", {"model": MODEL, "input": "Привет!", **body})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    Response.model_validate(answer)
    return answer


def shape(value: Any) -> Any:
    """Without what differs from one response to the next."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items() if key not in ("id", "created_at", "completed_at")}
    return [shape(item) for item in value] if isinstance(value, list) else value
