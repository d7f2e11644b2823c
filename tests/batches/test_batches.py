"""Batches from the upload to the results, as OpenAI's client sees them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from flask import Flask

from gpt2giga.store.files import MOST_LINES
from gpt2giga_sandbox.server import SandboxServer
from tests.asking import new
from tests.batches.conftest import CHAT, Client, line

AppWith = Callable[..., Flask]
ClientOf = Callable[..., Client]
EMBEDDINGS, RESPONSES = "/v1/embeddings", "/v1/responses"


@pytest.fixture
def client(app_with: AppWith, client_of: ClientOf) -> Client:
    return client_of(app_with())


def test_the_example_of_the_sdk(client: Client) -> None:
    batch = client.begin(line("first"), line("second"), metadata={"description": "nightly"})
    assert (batch.status, batch.object, batch.endpoint) == ("validating", "batch", CHAT)
    assert batch.metadata == {"description": "nightly"} and batch.expires_at == batch.created_at + 86400
    batch = client.ended(batch)
    assert batch.status == "completed" and batch.request_counts
    assert batch.request_counts.to_dict() == {"total": 2, "completed": 2, "failed": 0}
    assert batch.error_file_id is None and batch.errors is None
    assert batch.created_at <= (batch.in_progress_at or 0) <= (batch.finalizing_at or 0) <= (batch.completed_at or 0)
    results = client.lines(batch.output_file_id)
    assert sorted(result["custom_id"] for result in results) == ["first", "second"]
    for result in results:
        assert set(result) == {"id", "custom_id", "response", "error"} and result["error"] is None
        response = result["response"]
        assert (response["status_code"], response["body"]["object"]) == (200, "chat.completion")
        assert len(response["request_id"]) == 32
    used = sum(result["response"]["body"]["usage"]["total_tokens"] for result in results)
    assert batch.usage and batch.usage.total_tokens == used > 0


@pytest.mark.parametrize(
    ("endpoint", "body", "kind"),
    [
        (EMBEDDINGS, {"model": "Embeddings", "input": "text"}, "list"),
        (RESPONSES, {"model": "GigaChat-2", "input": "text"}, "response"),
        (CHAT, {"model": "GigaChat-2", "messages": [{"role": "user", "content": "text"}]}, "chat.completion"),
    ],
)
def test_each_endpoint(client: Client, endpoint: str, body: dict[str, Any], kind: str) -> None:
    body = json.loads(json.dumps(body).replace("text", new("text")))
    batch = client.ended(client.begin(line("a", body, endpoint), endpoint=endpoint))
    assert (batch.status, batch.model) == ("completed", body["model"])
    [result] = client.lines(batch.output_file_id)
    assert (result["response"]["status_code"], result["response"]["body"]["object"]) == (200, kind)


def test_requests_that_fail_are_in_a_file_of_their_own(client: Client) -> None:
    bad = {"messages": [{"role": "user", "content": "Hello"}], "temperature": "warm"}
    batch = client.ended(client.begin(line("good"), line("bad", bad)))
    assert batch.status == "completed" and batch.request_counts
    assert batch.request_counts.to_dict() == {"total": 2, "completed": 1, "failed": 1}
    assert [result["custom_id"] for result in client.lines(batch.output_file_id)] == ["good"]
    [failed] = client.lines(batch.error_file_id)
    assert (failed["custom_id"], failed["response"]["status_code"], failed["error"]) == ("bad", 400, None)
    assert failed["response"]["body"]["error"]["param"] == "temperature"


def test_only_failures(client: Client) -> None:
    batch = client.ended(client.begin(line("bad", {"messages": []})))
    assert (batch.status, batch.output_file_id) == ("completed", None)
    assert len(client.lines(batch.error_file_id)) == 1


def test_an_empty_line_is_none(client: Client) -> None:
    batch = client.ended(client.begin(b"\n", line("a"), b"  \n", line("b").strip()))
    assert batch.request_counts and batch.request_counts.to_dict() == {"total": 2, "completed": 2, "failed": 0}
    assert len(client.lines(batch.output_file_id)) == 2


def without(name: str) -> bytes:
    found = json.loads(line("a"))
    del found[name]
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    ("broken", "code", "param"),
    [
        (b'{"custom_id": "a"', "invalid_json_line", None),
        (b'["a"]', "invalid_json_line", None),
        (without("custom_id"), "invalid_value", "custom_id"),
        (line(""), "invalid_value", "custom_id"),
        (line("a", custom=1), "unknown_parameter", "custom"),
        (line("a", method="GET"), "invalid_value", "method"),
        (line("a", url=EMBEDDINGS), "mismatched_endpoint", "url"),
        (line("a", "text"), "invalid_value", "body"),
        (line("a", {"messages": [], "stream": True}), "invalid_value", "body.stream"),
        (line("a", {"messages": [], "background": True}), "invalid_value", "body.background"),
        (line("first"), "duplicate_custom_id", "custom_id"),
        (line("a", {"messages": json.loads("[" * 250 + "]" * 250)}), "invalid_value", "body"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_line_is_named(
    client: Client, sandbox: SandboxServer, broken: bytes, code: str, param: str | None
) -> None:
    batch = client.ended(client.begin(line("first"), b"\n", broken))
    assert (batch.status, batch.output_file_id, batch.error_file_id) == ("failed", None, None)
    assert batch.errors and batch.errors.data
    [error] = batch.errors.data
    assert (error.code, error.param, error.line) == (code, param, 3) and error.message
    assert sandbox.state.chats() == [], "nothing was asked"


def test_a_file_without_requests(client: Client) -> None:
    batch = client.ended(client.begin(b"\n\n"))
    assert batch.errors and batch.errors.data and batch.errors.data[0].code == "empty_file"


def test_mistakes_without_end_are_not_told(client: Client) -> None:
    batch = client.ended(client.begin(*[b"{}\n"] * 200))
    assert batch.errors and batch.errors.data and len(batch.errors.data) == 50


def test_what_a_line_names_is_not_kept_at_any_length(client: Client) -> None:
    """Each list of batches would show it again."""
    long = "x" * 100_000
    batch = client.ended(client.begin(b'{"%b": 1}' % long.encode()))
    assert batch.errors and batch.errors.data
    [error] = batch.errors.data
    assert error.param == "x" * 64 and "x" * 64 in (error.message or "")
    for model in (long, "a\0b"):  # which PostgreSQL cannot keep
        client.ended(client.begin(line("a", {"model": model, "messages": []})))
    assert len(client.openai.batches.list().to_json()) < 10_000
    assert [batch.to_dict().get("model") for batch in client.openai.batches.list()] == [None] * 3


def test_a_line_with_too_many_values(app_with: AppWith, client_of: ClientOf) -> None:
    client = client_of(app_with(GPT2GIGA_MAX_JSON_VALUES="20"))
    batch = client.ended(client.begin(line("a", {"messages": [{"role": "user", "content": "Hello"}] * 30})))
    assert batch.errors and batch.errors.data and batch.errors.data[0].code == "line_too_large"


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"endpoint": "/v1/images/generations"}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"input_file_id": "file-0"}, "input_file_id"),
        ({"input_file_id": None}, "input_file_id"),
        ({"window": "24h"}, "window"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 3599}}, "output_expires_after.seconds"),
        ({"output_expires_after": {"anchor": "created_at"}}, "output_expires_after.seconds"),
        ({"output_expires_after": {"seconds": 3600}}, "output_expires_after.anchor"),
    ],
)
def test_a_wrong_field_is_named(client: Client, changed: dict[str, Any], param: str) -> None:
    body = {"input_file_id": client.upload(line("a")), "endpoint": CHAT, "completion_window": "24h", **changed}
    with pytest.raises(openai.BadRequestError) as refused:
        client.openai.post("/batches", body=body, cast_to=object)
    assert refused.value.param == param
    assert client.openai.batches.list().data == []


def test_a_file_of_gigachats_is_no_input(client: Client) -> None:
    file = client.openai.files.create(file=("a.txt", b"text"), purpose="user_data")
    with pytest.raises(openai.BadRequestError, match="with purpose 'batch'"):
        client.openai.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")


def test_lists_by_pages(client: Client) -> None:
    made = [client.ended(client.begin(b"{}")).id for _ in range(3)]
    assert [batch.id for batch in client.openai.batches.list(limit=2)] == made[::-1], "page after page"
    page = client.openai.batches.list(limit=2)
    assert (len(page.data), page.has_more) == (2, True)
    assert client.openai.batches.list(after=made[0]).data == []
    for query in ({"after": "batch_0"}, {"limit": 101}):
        with pytest.raises(openai.BadRequestError):
            client.openai.batches.list(**query)  # type: ignore[arg-type]


def test_there_is_no_such_batch(client: Client) -> None:
    for ask in (client.openai.batches.retrieve, client.openai.batches.cancel):
        with pytest.raises(openai.NotFoundError, match="no batch 'batch_0'"):
            ask("batch_0")


def test_what_is_over_cannot_be_cancelled(client: Client) -> None:
    batch = client.ended(client.begin(line("a")))
    with pytest.raises(openai.BadRequestError, match="status 'completed' cannot be cancelled"):
        client.openai.batches.cancel(batch.id)


def test_too_many_lines_are_refused_at_once(client: Client) -> None:
    with pytest.raises(openai.APIStatusError, match=f"more than the {MOST_LINES} lines") as refused:
        client.upload(b"\n" * (MOST_LINES + 1))
    assert refused.value.status_code == 413


def test_where_clients_bring_their_accounts_there_are_none(app_with: AppWith, client_of: ClientOf) -> None:
    """Nothing of theirs is kept."""
    client = client_of(app_with(GPT2GIGA_PASS_TOKEN="True"), key="giga-cred-a2V5OmtleQ==")
    for ask in (lambda: client.upload(line("a")), lambda: client.openai.batches.list()):
        with pytest.raises(openai.BadRequestError, match="GPT2GIGA_PASS_TOKEN"):
            ask()


def test_where_nothing_can_be_kept(app_with: AppWith, client_of: ClientOf) -> None:
    client = client_of(app_with(GPT2GIGA_STATE_DIR="/dev/null/state"))
    for ask in (lambda: client.upload(line("a")), lambda: client.openai.batches.list()):
        with pytest.raises(openai.InternalServerError, match="out of reach") as refused:
            ask()
        assert refused.value.status_code == 503


def test_a_cgi_script_has_nobody_to_work_on_it(app_with: AppWith) -> None:
    client = app_with().test_client()
    answer = client.post("/v1/batches", json={}, environ_overrides={"wsgi.run_once": True})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "store_unavailable")
