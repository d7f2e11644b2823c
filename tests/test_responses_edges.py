"""The Responses API where it ends: refusals, failures, limits, and other settings than the defaults."""

from __future__ import annotations

import pytest
from openai import APIStatusError, BadRequestError, InternalServerError, NotFoundError, OpenAI, RateLimitError

from gpt2giga_sandbox.server import SandboxServer
from tests.dialects.responses.bad_requests import BAD
from tests.response_events import MODEL, WEATHER
from tests.service import Service


def test_hosted_tools(service: Service, contrary: Service) -> None:
    body = {"model": MODEL, "input": "Привет!", "tools": [{"type": "web_search"}, WEATHER], "stream": True}
    assert service.post("/v1/responses", body).headers["X-Gpt2giga-Ignored"] == "tools.web_search"
    response = contrary.post("/v1/responses", body)
    assert response.status_code == 400 and "web_search" in response.json()["error"]["message"]


def test_tenants_are_kept_apart(guarded: Service) -> None:
    with guarded.client("first-key") as mine, guarded.client("third=key+/") as theirs:
        response = mine.responses.create(model=MODEL, input="Раз")
        assert mine.responses.retrieve(response.id).id == response.id
        for action in (theirs.responses.retrieve, theirs.responses.delete, theirs.responses.input_items.list):
            with pytest.raises(NotFoundError):
                action(response.id)
        with pytest.raises(BadRequestError):
            theirs.responses.create(model=MODEL, input="Два", previous_response_id=response.id)


def test_heartbeats(contrary: Service, sandbox: SandboxServer) -> None:
    """Signs of life are events with numbers of their own, also before GigaChat has said a word."""
    sandbox.state.script({"text": "Раз два три четыре", "delay": 0.35, "frame_delay": 0.25})
    with contrary.client() as client, client.responses.stream(model=MODEL, input="а") as stream:
        found = list(stream)
        assert stream.get_final_response().output_text == "Раз два три четыре"
    assert [event.sequence_number for event in found] == list(range(len(found)))
    kinds = [event.type for event in found]
    assert kinds[0] == "response.created" and kinds.count("response.created") == 1
    spoken = kinds.index("response.output_item.added")
    assert kinds[1:spoken].count("response.in_progress") >= 3
    assert "response.in_progress" in kinds[spoken:] and kinds[-1] == "response.completed"


def test_a_refusal_after_a_heartbeat_is_an_event(contrary: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 422, "delay": 0.35, "body": {"status": 422, "message": "why not"}})
    with contrary.client() as client:
        *_, last = client.responses.create(model=MODEL, input="а", stream=True)
    assert last.type == "response.failed" and last.response.status == "failed"
    assert last.response.error.code == "invalid_prompt" and "why not" in last.response.error.message


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "status, error", [(422, BadRequestError), (429, RateLimitError), (503, InternalServerError)], ids=str
)
def test_a_refusal_is_a_status(
    client: OpenAI, sandbox: SandboxServer, status: int, error: type[APIStatusError], stream: bool
) -> None:
    refusal = {"status": status, "body": {"status": status, "message": "why not"}, "headers": {"Retry-After": "0.01"}}
    sandbox.state.script({**refusal, "times": 3})
    with pytest.raises(error, match="why not"):
        client.responses.create(model=MODEL, input="Привет!", stream=stream)
    sandbox.state.reset()


def test_max_output_tokens(client: OpenAI) -> None:
    response = client.responses.create(model=MODEL, input="Раз два три", max_output_tokens=2)
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert response.output[0].status == "incomplete"
    *_, last = client.responses.create(model=MODEL, input="Раз два три", max_output_tokens=2, stream=True)
    assert last.type == "response.incomplete"
    assert client.responses.retrieve(last.response.id).status == "incomplete"


def test_filtered_text(client: OpenAI, contrary: Service, sandbox: SandboxServer) -> None:
    step = {"text": "Не хочу об этом.", "finish_reason": "blacklist"}
    sandbox.state.script(step, step)
    assert client.responses.create(model=MODEL, input="а").status == "completed"
    with contrary.client() as strict:
        response = strict.responses.create(model=MODEL, input="а")
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "content_filter")
    assert response.output_text == "Не хочу об этом."


def test_whatever_makes_no_sense_is_a_400_that_says_so(service: Service) -> None:
    for body, param in BAD:
        for path in ("/v1/responses", "/v1/responses/input_tokens"):
            response = service.post(path, body)
            assert response.status_code in (400, 404), (body, response.text)
            assert response.json()["error"]["param"] == param, body


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/v1/responses", 405),
        ("GET", "/v1/responses/resp_1", 404),
        ("GET", "/v1/responses/resp_1234?stream=true", 404),
        ("GET", "/v1/responses/resp_1/input_items", 404),
        ("DELETE", "/v1/responses/resp_1", 404),
        ("DELETE", "/responses/resp_1/", 404),
        ("GET", "/v1/responses/%00%FF", 404),
        ("POST", "/v1/responses/resp_1/cancel", 404),
    ],
)
def test_other_paths(service: Service, method: str, path: str, status: int) -> None:
    response = service.request(method, path)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
