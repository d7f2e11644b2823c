"""What the tests of the description share: the least that each endpoint takes, and looking things up."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

Document = dict[str, Any]
HELLO = [{"role": "user", "content": "Привет"}]
CONTENTS = [{"parts": [{"text": "Привет"}]}]
GEMINI = "/models/{model_id}"
# The least that each endpoint takes.
BODIES: dict[str, dict[str, Any]] = {
    "/chat/completions": {"messages": HELLO},
    "/completions": {"prompt": "Привет"},
    "/embeddings": {"input": "Привет"},
    "/moderations": {"input": "Привет"},
    "/images/generations": {"prompt": "Нарисуй кота"},
    "/audio/speech": {"input": "Привет"},
    "/responses": {"input": "Привет", "instructions": "Кратко"},
    "/responses/input_tokens": {"input": "Привет", "instructions": "Кратко"},
    # With a file that least() uploads.
    "/batches": {"endpoint": "/v1/chat/completions", "completion_window": "24h"},
    "/responses/compact": {"input": "Привет", "instructions": "Кратко"},
    "/conversations": {},
    "/conversations/{conversation_id}": {"metadata": {}},
    "/conversations/{conversation_id}/items": {"items": HELLO},
    "/messages": {"messages": HELLO, "max_tokens": 10},
    "/messages/count_tokens": {"messages": HELLO},
    "/api/chat": {"messages": HELLO, "stream": False},
    "/api/generate": {"prompt": "Привет", "stream": False},
    "/api/embed": {"input": "Привет"},
    "/api/embeddings": {"prompt": "Привет"},
    "/api/show": {"model": "GigaChat-2-Max"},
    "/api/pull": {"model": "GigaChat-2-Max"},
    **{f"{GEMINI}:{method}": {"contents": CONTENTS} for method in ("generateContent", "streamGenerateContent")},
    f"{GEMINI}:countTokens": {"contents": CONTENTS},
    f"{GEMINI}:embedContent": {"content": CONTENTS[0]},
    f"{GEMINI}:batchEmbedContents": {"requests": [{"content": CONTENTS[0]}]},
}
# And how its answer is asked for in events.
STREAMED: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("/chat/completions", "/completions", "/responses", "/messages"), {"stream": True}),
    **dict.fromkeys(("/api/chat", "/api/generate"), {"stream": True}),
    "/audio/speech": {"stream_format": "sse"},
    f"{GEMINI}:streamGenerateContent": {},
}
# Events that were told before, which are got.
STREAMED_AGAIN = ("/responses/{response_id}",)
# Or behind its address.
STREAMED_BY = {f"{GEMINI}:streamGenerateContent": "?alt=sse"}
# Those that take a form with a file.
FORMS = {"/audio/transcriptions": "a.ogg", "/audio/translations": "a.ogg", "/files": "a.txt"}
STREAMED_FORMS = ("/audio/transcriptions", "/audio/translations")


def address(client: FlaskClient, path: str) -> str:
    """Of something that is there."""
    path = path.replace("{model_id}", "GigaChat-2-Max")
    if "{conversation_id}" not in path:
        return path
    return path.replace("{conversation_id}", client.post("/conversations", json={}).get_json()["id"])


def least(client: FlaskClient, path: str) -> dict[str, Any]:
    """The least that it takes, with what has to be there before."""
    if path != "/batches":
        return BODIES[path]
    request = {"custom_id": "1", "method": "POST", "url": "/v1/embeddings", "body": {"input": "Привет"}}
    file = io.BytesIO(json.dumps(request).encode())
    made = client.post("/files", data={"file": (file, "a.jsonl"), "purpose": "batch"}).get_json()
    return {**BODIES[path], "input_file_id": made["id"]}


def resolved(document: dict[str, Any], node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        found: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def check(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in item.keys() - {"servers", "parameters"}:
            yield path, method, item[method]


def body_schema(document: dict[str, Any], path: str) -> dict[str, Any]:
    content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    found: dict[str, Any] = resolved(document, content["schema"])
    return found


def answer_schema(document: dict[str, Any], path: str, method: str, status: int) -> dict[str, Any]:
    told = resolved(document, document["paths"][path][method]["responses"][str(status)])
    found: dict[str, Any] = told["content"]["application/json"]["schema"]
    return found
