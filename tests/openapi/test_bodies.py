"""The parameters of requests are those that are really taken, with their types and limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gpt2giga_sandbox.server import SandboxServer
from tests.openapi.described import (
    address,
    BODIES,
    body_schema,
    check,
    FORMS,
    HELLO,
    least,
    operations,
    STREAMED,
    STREAMED_AGAIN,
    STREAMED_FORMS,
)

STREAMS = {"text/event-stream", "application/x-ndjson"}


def test_all_bodies_are_tried_here(document: dict[str, Any]) -> None:
    told = {
        path
        for path, _, operation in operations(document)
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    assert told == BODIES.keys()
    streamed = {path for path, _, told in operations(document) if STREAMS & told["responses"]["200"]["content"].keys()}
    assert streamed == {*STREAMED, *STREAMED_FORMS, *STREAMED_AGAIN}
    assert {
        path
        for path, _, operation in operations(document)
        if "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
    } == FORMS.keys()


def parameters(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Callable[[Any], dict[str, Any]]]]:
    """The name of each, its schema, and what holds a value of it; some stand in an object, as Ollama's options."""

    def place(name: str) -> Callable[[Any], dict[str, Any]]:
        return lambda value: {name: value}

    def place_in(holder: str, name: str) -> Callable[[Any], dict[str, Any]]:
        return lambda value: {holder: {name: value}}

    for name, told in body["properties"].items():
        yield name, told, place(name)
    for holder in ("options", "generationConfig"):
        for name, told in body["properties"].get(holder, {}).get("properties", {}).items():
            yield f"{holder}.{name}", told, place_in(holder, name)


def edges(schema: dict[str, Any]) -> Iterator[tuple[Any, bool]]:
    """Values, and whether they are in."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None:
        yield from ((low, True), (high, True), (low - 1, False), (high + 1, False))
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    samples = {"string": "1.5", "boolean": True, "object": {"a": "b"}, "array": ["a"], "null": None}
    for kind, value in samples.items():
        if kinds and kind not in kinds:
            yield value, False
    if "null" in kinds:
        yield None, True
    if "boolean" in kinds:
        yield from ((True, True), (False, True))
    for value in schema.get("enum", ()):
        yield value, True
    if schema.get("enum"):
        yield "unheard-of", False
    if "const" in schema:
        yield from ((schema["const"], True), ("unheard-of", False))


@pytest.mark.parametrize("path", BODIES)
def test_parameters_are_taken_and_refused_as_it_says(
    client: FlaskClient, document: dict[str, Any], path: str, sandbox: SandboxServer
) -> None:
    """At the edges of each; the refusal names the parameter."""
    wrong, given = [], least(client, path)
    for name, told, place in parameters(body_schema(document, path)):
        branches = told.get("anyOf", [told])
        found = (
            [*edges(told)]
            if "anyOf" not in told
            else [(value, True) for kind in branches for value, fits in edges(kind) if fits]
        )
        for value, fits in found:
            body = {**given, **place(value)}
            answer = client.post(address(client, path), json=body)
            said = answer.data.decode(errors="replace")  # sound is no text
            # What GigaChat's models differ in is theirs to refuse.
            differs = "GigaChat refused" in said or "GigaChat's answer does not follow" in said
            theirs = fits and (differs or name in ("dimensions", "outputDimensionality"))
            refused = answer.status_code == 400 and name in said
            if not theirs and (answer.status_code == 200, refused) != (fits, not fits):
                wrong.append((name, value, answer.status_code, said[:120]))
    assert wrong == []


@pytest.mark.parametrize("path", BODIES)
def test_what_is_required(client: FlaskClient, document: dict[str, Any], path: str) -> None:
    given = least(client, path)
    for name in body_schema(document, path).get("required", []):
        body = {key: value for key, value in given.items() if key != name}
        answer = client.post(address(client, path), json=body)
        assert answer.status_code == 400 and name in answer.text


@pytest.mark.parametrize("given", [[256], [[256], [97]], ["a", [98]]], ids=str)
def test_texts_as_tokens(app_with: Callable[..., Flask], tiny_tokenizer: Path, given: list[Any]) -> None:
    client, body = app_with(GPT2GIGA_TOKENIZER_FILE=str(tiny_tokenizer)).test_client(), {"input": given}
    document = client.get("/openapi.json").get_json()
    check(document, body_schema(document, "/embeddings"), body)
    assert client.post("/embeddings", json=body).status_code == 200


def test_limits_are_those_of_the_settings(app_with: Callable[..., Flask]) -> None:
    client = app_with(GPT2GIGA_MAX_MESSAGES="3", GPT2GIGA_MAX_TOOLS="2").test_client()
    document = client.get("/openapi.json").get_json()
    asked = body_schema(document, "/chat/completions")["properties"]
    assert (asked["messages"]["maxItems"], asked["tools"]["maxItems"]) == (3, 2)
    statuses = [client.post("/chat/completions", json={"messages": HELLO * count}).status_code for count in (3, 4)]
    assert statuses == [200, 413]
