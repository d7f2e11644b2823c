"""Responses that are kept: conversations by previous_response_id, and what is found of them later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from gpt2giga_sandbox.server import SandboxServer
from tests.response_events import create, events, MODEL, TOOLS
from tests.service import Service


def test_a_conversation_goes_on_in_any_worker_and_after_a_restart(
    start_service: Callable[..., Service], sandbox: SandboxServer
) -> None:
    service = start_service(GPT2GIGA_WORKERS="2")
    previous = None
    for number in range(6):
        previous = _next_turn(service, number, previous)
    service.stop()
    _next_turn(start_service(), 6, previous)
    messages = sandbox.state.chats()[-1]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 6 + ["user"]
    assert [message["content"] for message in messages[::2]] == [f"Вопрос {number}" for number in range(7)]


def _next_turn(service: Service, number: int, previous: str | None) -> str:
    """Over a connection of its own, which any worker may take."""
    with service.client() as client:
        question = f"Вопрос {number}"
        *_, last = client.responses.create(model=MODEL, input=question, previous_response_id=previous, stream=True)
    return last.response.id


def test_instructions_are_not_carried_over(client: OpenAI, sandbox: SandboxServer) -> None:
    first = client.responses.create(model=MODEL, input="Раз", instructions="Как пират.")
    client.responses.create(model=MODEL, input="Два", instructions="Как поэт.", previous_response_id=first.id)
    assert sandbox.state.chats()[-1]["messages"][0] == {"role": "system", "content": "Как поэт."}


def test_delete(client: OpenAI) -> None:
    response = client.responses.create(model=MODEL, input="Раз")
    client.responses.delete(response.id)
    with pytest.raises(NotFoundError):
        client.responses.retrieve(response.id)
    with pytest.raises(NotFoundError):
        client.responses.delete(response.id)
    with pytest.raises(BadRequestError) as caught:
        client.responses.create(model=MODEL, input="Два", previous_response_id=response.id)
    assert caught.value.code == "previous_response_not_found"


def test_not_kept_when_the_client_does_not_want_it(client: OpenAI) -> None:
    response = client.responses.create(model=MODEL, input="Раз", store=False)
    with pytest.raises(NotFoundError):
        client.responses.retrieve(response.id)


def test_item_references(client: OpenAI, sandbox: SandboxServer) -> None:
    """How the Vercel AI SDK replays what it knows to be kept."""
    first = client.responses.create(model=MODEL, input='get_weather {"city": "Омск"}', tools=TOOLS)
    call = first.output[0]
    reference = {"type": "item_reference", "id": call.id}
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "дождь"}
    second = client.responses.create(model=MODEL, input=[reference, output], tools=TOOLS)
    assert "дождь" in second.output_text
    with pytest.raises(NotFoundError, match="msg_1"):
        client.responses.create(model=MODEL, input=[{"type": "item_reference", "id": "msg_1"}])


def test_input_items(client: OpenAI) -> None:
    texts = [str(number) for number in range(5)]
    response = client.responses.create(model=MODEL, input=[{"role": "user", "content": text} for text in texts])

    def listed(**query: Any) -> Iterator[str]:
        return (item.content[0].text for item in client.responses.input_items.list(response.id, **query))

    assert list(listed()) == texts[::-1]
    assert list(listed(order="asc", limit=2)) == texts, "the client asks for page after page"
    page = client.responses.input_items.list(response.id, order="asc", limit=2)
    assert page.has_more and [item.content[0].text for item in page.data] == ["0", "1"]
    for query in ({"order": "up"}, {"limit": 0}, {"limit": 101}, {"after": "msg_1"}):
        with pytest.raises(BadRequestError):
            client.responses.input_items.list(response.id, **query)


def test_without_a_place_to_keep_responses(contrary: Service) -> None:
    assert contrary.said_at_the_start.count("Responses are not kept") == 1
    response = create(contrary)
    refused = contrary.post("/v1/responses", {"input": "Два", "previous_response_id": response["id"]})
    assert refused.status_code == 503 and refused.json()["error"]["code"] == "store_unavailable"
    assert "GPT2GIGA_STATE_DIR" in refused.json()["error"]["message"]


def test_a_stream_that_breaks_has_failed_and_is_not_kept(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три четыре пять", "cut_after": 1})
    *_, error, failed = events(service, {})
    assert (error["type"], failed["type"]) == ("error", "response.failed")
    assert "before its answer was whole" in failed["response"]["error"]["message"]
    assert service.get(f"/v1/responses/{failed['response']['id']}").status_code == 404


def test_hanging_up_frees_the_account_and_keeps_nothing(service: Service, sandbox: SandboxServer) -> None:
    """The default account may have one request at a time: the second one would wait for the first."""
    sandbox.state.script({"text": "Раз два три четыре пять шесть", "hang_after": 1})
    with service.client() as client:
        stream = client.responses.create(model=MODEL, input="а", stream=True)
        response_id = next(iter(stream)).response.id
        stream.close()
        assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)
        assert client.responses.create(model=MODEL, input="б").status == "completed"
        with pytest.raises(NotFoundError):
            client.responses.retrieve(response_id)
