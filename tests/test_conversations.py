"""/v1/conversations, and `conversation` in responses, by OpenAI's client."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from openai import BadRequestError, NotFoundError, OpenAI

from gpt2giga_sandbox.server import SandboxServer
from tests.asking import STREAMED
from tests.response_events import create, events, MODEL, TOOLS
from tests.service import Service


def user(text: str, **more: Any) -> Any:
    return {"role": "user", "content": text, **more}


def texts(client: OpenAI, conversation: str) -> list[str]:
    found = client.conversations.items.list(conversation, order="asc")
    return [item.content[0].text for item in found if item.type == "message"]


def asked(sandbox: SandboxServer) -> list[str]:
    return [message["content"] for message in sandbox.state.chats()[-1]["messages"]]


def test_a_conversation_and_its_items(client: OpenAI) -> None:
    made = client.conversations.create(items=[user("Раз")], metadata={"topic": "demo"})
    assert made.object == "conversation" and made.metadata == {"topic": "demo"}
    assert client.conversations.retrieve(made.id) == made
    assert client.conversations.update(made.id, metadata={"topic": "b"}).metadata == {"topic": "b"}
    added = client.conversations.items.create(made.id, items=[user(text) for text in ("Два", "Три")])
    assert [item.content[0].text for item in added.data] == ["Два", "Три"] and added.first_id == added.data[0].id
    assert texts(client, made.id) == ["Раз", "Два", "Три"]
    page = client.conversations.items.list(made.id, limit=2)
    assert page.has_more and [item.content[0].text for item in page.data] == ["Три", "Два"]
    item = client.conversations.items.retrieve(added.last_id, conversation_id=made.id)
    assert item == added.data[-1] and item.status == "completed"
    assert client.conversations.items.delete(item.id, conversation_id=made.id).id == made.id
    assert texts(client, made.id) == ["Раз", "Два"]
    gone = client.conversations.delete(made.id)
    assert gone.deleted and gone.object == "conversation.deleted"
    with pytest.raises(NotFoundError, match=made.id):
        client.conversations.retrieve(made.id)


@STREAMED
def test_a_turn_is_added_and_read_by_the_next(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    with service.client() as client:
        conversation = client.conversations.create().id
        sandbox.state.script({"text": "Один."}, {"text": "Два."})
        for text in ("Раз?", "А дальше?"):
            body = {"input": text, "conversation": conversation}
            found = events(service, body)[-1]["response"] if stream else create(service, **body)
            assert found["conversation"] == {"id": conversation}
        assert asked(sandbox) == ["Раз?", "Один.", "А дальше?"]
        assert texts(client, conversation) == ["Раз?", "Один.", "А дальше?", "Два."]
        client.responses.delete(found["id"])
        assert len(texts(client, conversation)) == 4, "the conversation keeps what a response said"


def test_calls_and_results(client: OpenAI, sandbox: SandboxServer) -> None:
    conversation = client.conversations.create().id
    sandbox.state.script({"call": {"name": "get_weather", "arguments": {"city": "Омск"}}}, {"text": "Дождь."})
    options: Any = {"model": MODEL, "tools": TOOLS, "conversation": {"id": conversation}, "store": False}
    [call] = client.responses.create(input="Погода?", **options).output
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "дождь"}
    client.responses.create(input=[output], **options)
    kinds = [item.type for item in client.conversations.items.list(conversation, order="asc")]
    assert kinds == ["message", "function_call", "function_call_output", "message"]
    assert [message["role"] for message in sandbox.state.chats()[-1]["messages"]] == ["user", "assistant", "function"]


def test_what_cannot_be_asked(client: OpenAI) -> None:
    conversation = client.conversations.create(items=[user("Раз", id="msg_mine")]).id
    refused: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"conversation": "conv_unknown"}, NotFoundError, "conversation_not_found"),
        ({"previous_response_id": "resp_1"}, BadRequestError, "mutually_exclusive_parameters"),
        ({"input": [user("Раз", id="msg_mine")]}, BadRequestError, "duplicate_item"),
        ({"input": [user("Раз", id="msg_new"), user("Два", id="msg_new")]}, BadRequestError, "duplicate_item"),
    ]
    for body, kind, code in refused:
        options: Any = {"model": MODEL, "input": "Раз", "conversation": conversation, **body}
        with pytest.raises(kind) as caught:
            client.responses.create(**options)
        assert caught.value.code == code  # type: ignore[attr-defined]
    reference = {"type": "item_reference", "id": "msg_mine"}
    client.responses.create(model=MODEL, input=[reference, user("Два")], conversation=conversation)
    assert texts(client, conversation)[:2] == ["Раз", "Два"], "what is there is not added again"


@pytest.mark.parametrize(
    "path, body, param",
    [
        ("", {"items": [user(str(number)) for number in range(21)]}, "items"),
        ("", {"items": "a"}, "items"),
        ("", {"items": [{"type": "smell"}]}, "items[0].type"),
        ("", {"items": [user("a"), {"role": "robot", "content": "a"}]}, "items[1].role"),
        ("", {"items": [{"type": "item_reference", "id": "msg_1"}]}, "items[0].id"),
        ("", {"metadata": {"a": 1}}, "metadata"),
        ("", {"metadata": {"a": "x" * 513}}, "metadata"),
        ("", {"name": "a"}, "name"),
        ("/{}", {}, "metadata"),
        ("/{}", {"metadata": {}, "items": []}, "items"),
        ("/{}/items", {}, "items"),
        ("/{}/items", {"items": [user("a")], "order": "asc"}, "order"),
    ],
)
def test_what_makes_no_sense_is_named(service: Service, path: str, body: dict[str, Any], param: str) -> None:
    conversation = service.post("/v1/conversations", {}).json()["id"]
    refused = service.post(f"/v1/conversations{path.format(conversation)}", body)
    assert refused.status_code in (400, 404) and refused.json()["error"]["param"] == param
    assert param in refused.json()["error"]["message"] or "msg_1" in refused.json()["error"]["message"]


def test_a_turn_that_fails_adds_nothing(service: Service, client: OpenAI, sandbox: SandboxServer) -> None:
    conversation = client.conversations.create(items=[user("Раз")]).id
    sandbox.state.script({"text": "Раз два три", "cut_after": 1})
    assert events(service, {"conversation": conversation})[-1]["type"] == "response.failed"
    assert texts(client, conversation) == ["Раз"]


def test_turns_at_once(client: OpenAI) -> None:
    conversation = client.conversations.create().id

    def ask(number: int) -> str:
        answer = client.responses.create(model=MODEL, input=f"Вопрос {number}", conversation=conversation)
        return answer.output_text

    with ThreadPoolExecutor(4) as pool:
        answers = [*pool.map(ask, range(4))]
    found = texts(client, conversation)
    assert {*zip(found[::2], found[1::2], strict=True)} == {(f"Вопрос {n}", text) for n, text in enumerate(answers)}


def test_tenants_are_kept_apart(guarded: Service) -> None:
    with guarded.client("first-key") as mine, guarded.client("third=key+/") as theirs:
        conversation = mine.conversations.create(items=[user("Раз")]).id
        for action in (theirs.conversations.retrieve, theirs.conversations.items.list, theirs.conversations.delete):
            with pytest.raises(NotFoundError):
                action(conversation)
        with pytest.raises(NotFoundError):
            theirs.responses.create(model=MODEL, input="Два", conversation=conversation)
        assert mine.conversations.retrieve(conversation).id == conversation


def test_tokens_are_counted_with_it(client: OpenAI, sandbox: SandboxServer) -> None:
    conversation = client.conversations.create(items=[user("Очень " * 100)]).id
    alone = client.responses.input_tokens.count(model=MODEL, input="Раз")
    both = client.responses.input_tokens.count(model=MODEL, input="Раз", conversation=conversation)
    assert both.input_tokens > alone.input_tokens + 50


def test_where_nothing_is_kept(app_with: Callable[..., Flask]) -> None:
    app = app_with(GPT2GIGA_STORE_DAYS="0").test_client()
    for path, body in (("/v1/conversations", {}), ("/v1/responses", {"input": "a", "conversation": "conv_1"})):
        refused = app.post(path, json=body)
        assert refused.status_code == 400 and refused.json["error"]["code"] == "store_unavailable"


def test_at_chat_it_is_refused(service: Service) -> None:
    refused = service.post("/v1/chat/completions", {"input": "Раз", "conversation": "conv_1"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "conversation")
