"""Compaction as clients ask for it: POST /v1/responses/compact, and a trigger at the end of `input`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from openai import BadRequestError, InternalServerError, OpenAI
from openai.types.responses import Response

from gpt2giga.dialects.responses.compaction import unpack
from gpt2giga_sandbox.server import SandboxServer
from tests.asking import FILTERED, STREAMED
from tests.response_events import create, events, MODEL, TOOLS
from tests.service import Service

SUMMARY = {"text": "Цель: погода в Омске. Осталось: спросить ещё раз."}
HISTORY: list[Any] = [
    {"role": "developer", "content": "Кратко."},
    {"role": "user", "content": "Погода в Омске?"},
    {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"city": "Омск"}'},
    {"type": "function_call_output", "call_id": "c1", "output": "дождь"},
    {"role": "assistant", "content": "Дождь."},
    {"role": "user", "content": "А завтра?"},
]
TRIGGER = {"type": "compaction_trigger"}


def contents(sandbox: SandboxServer) -> list[str]:
    return [message["content"] for message in sandbox.state.chats()[-1]["messages"]]


def test_compact_and_go_on(client: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script(SUMMARY, {"text": "Тоже дождь."})
    compacted = client.responses.compact(model=MODEL, input=HISTORY, instructions="Как друг.")
    assert compacted.object == "response.compaction" and compacted.usage.total_tokens > 0
    _, asked = contents(sandbox)
    assert "RESULT: дождь" in asked and "Как друг." not in asked and "functions" not in sandbox.state.chats()[-1]
    *kept, item = compacted.output
    assert [message.content[0].text for message in kept] == ["Погода в Омске?", "А завтра?"]  # type: ignore[union-attr]
    assert item.type == "compaction" and "Омск" not in item.encrypted_content
    following: Any = [*(item.to_dict(warnings=False) for item in compacted.output), HISTORY[-1]]
    answer = client.responses.create(model=MODEL, input=following, instructions="Как друг.", tools=TOOLS)
    assert answer.output_text == "Тоже дождь."
    assert contents(sandbox)[0] == "Как друг." and SUMMARY["text"] in "\n".join(contents(sandbox)[1:])
    assert sandbox.state.refusals() == []


@STREAMED
def test_a_trigger_is_answered_by_one_item(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({**SUMMARY, "reasoning": "Думаю."})
    body = {"input": [*HISTORY, TRIGGER], "tools": TOOLS, "tool_choice": "required", "model": "GigaChat-3-Pro"}
    found = events(service, body)[-1]["response"] if stream else create(service, **body)
    [item] = found["output"]
    assert unpack(item["encrypted_content"]) == SUMMARY["text"] and found["status"] == "completed"
    assert found["usage"]["total_tokens"] > 0
    Response.model_validate(found)
    kept = service.get(f"/v1/responses/{found['id']}/input_items").json()["data"]
    assert [item["type"] for item in kept] == [item.get("type", "message") for item in HISTORY[::-1]]


def test_in_a_conversation_and_after_a_response(client: OpenAI, sandbox: SandboxServer) -> None:
    """What was said before counts no more, and is still there to be read."""
    conversation = client.conversations.create(items=HISTORY).id
    sandbox.state.script(SUMMARY, {"text": "Раз."}, {"text": "Раз."})
    trigger: Any = [TRIGGER]
    compacted = client.responses.create(model=MODEL, input=trigger, conversation=conversation)
    for before in ({"conversation": conversation}, {"previous_response_id": compacted.id}):
        options: Any = {"model": MODEL, "input": "И что?", **before}
        client.responses.create(**options)
        told = contents(sandbox)
        assert SUMMARY["text"] in told[-1] or SUMMARY["text"] in told[-2]
        assert not any("Дождь." in text for text in told)
    kinds = [item.type for item in client.conversations.items.list(conversation, order="asc")]
    assert kinds[4:] == ["message", "message", "compaction", "message", "message"]


@STREAMED
def test_gigachats_filter_does_not_replace_a_conversation(
    service: Service, sandbox: SandboxServer, stream: bool
) -> None:
    sandbox.state.script(FILTERED, FILTERED)
    with service.client() as client, pytest.raises(BadRequestError) as caught:
        client.responses.compact(model=MODEL, input=HISTORY)
    assert caught.value.code == "content_filter"
    answer = service.post("/v1/responses", {"input": [*HISTORY, TRIGGER], "stream": stream})
    assert answer.status_code == 400 or "response.failed" in answer.text
    assert "stays as it is" in answer.content.decode()


def test_no_summary_at_all(client: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": ""})
    with pytest.raises(InternalServerError, match="no summary"):
        client.responses.compact(model=MODEL, input=HISTORY)


@STREAMED
def test_what_turns_out_to_be_too_long_is_asked_again_with_less(
    service: Service, sandbox: SandboxServer, stream: bool
) -> None:
    too_long = {"status": 413, "body": {"status": 413, "message": "Payload too large"}}
    sandbox.state.script(too_long, too_long, SUMMARY)
    results = [
        item
        for number in range(60)
        for item in (
            {**HISTORY[2], "call_id": f"c{number}"},
            {**HISTORY[3], "call_id": f"c{number}", "output": "я " * 10_000},
        )
    ]
    answer = service.post("/v1/responses", {"input": [*HISTORY[:2], *results, TRIGGER], "stream": stream})
    assert answer.status_code == 200
    lengths = [len(chat["messages"][1]["content"]) for chat in sandbox.state.chats()]
    assert len(lengths) == 3 and lengths[0] > lengths[1] > lengths[2]


def test_too_long_however_it_is_cut(client: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script(*[{"status": 413, "body": {"status": 413, "message": "Payload too large"}}] * 3)
    with pytest.raises(BadRequestError) as caught:
        client.responses.compact(model=MODEL, input=HISTORY)
    assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": [HISTORY[0]]}, "input"),
        ({"input": "a", "model": 1}, "model"),
        ({"input": [{"type": "smell"}]}, "input[0].type"),
        ({"input": "a", "previous_response_id": "resp_1"}, "previous_response_id"),
    ],
)
def test_what_cannot_be_compacted(app_with: Callable[..., Flask], body: dict[str, Any], param: str) -> None:
    refused = app_with().test_client().post("/v1/responses/compact", json=body)
    assert refused.status_code == 400 and refused.json["error"]["param"] == param
