"""Batches from the upload to the results, as OpenAI's client sees them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.batches.conftest import Client, line

AppWith = Callable[..., Flask]
ClientOf = Callable[..., Client]


@pytest.fixture
def client(app_with: AppWith, client_of: ClientOf) -> Client:
    return client_of(app_with())


def test_the_example_of_the_sdk(client: Client) -> None:
    batch = client.begin(line("first"), line("second"), metadata={"description": "nightly"})
    assert (batch.status, batch.object, batch.endpoint) == ("validating", "batch", "/v1/chat/completions")
    assert batch.metadata == {"description": "nightly"} and batch.expires_at == batch.created_at + 86400
    batch = client.ended(batch)
    assert batch.status == "completed" and batch.request_counts
    assert batch.request_counts.to_dict() == {"total": 2, "completed": 2, "failed": 0}
    assert batch.error_file_id is None and batch.errors is None
    results = client.lines(batch.output_file_id)
    assert [result["custom_id"] for result in results] == ["first", "second"]
    for result in results:
        assert set(result) == {"id", "custom_id", "response", "error"} and result["error"] is None
        response = result["response"]
        assert (response["status_code"], response["body"]["object"]) == (200, "chat.completion")
        assert len(response["request_id"]) == 32
    used = sum(result["response"]["body"]["usage"]["total_tokens"] for result in results)
    assert batch.usage and batch.usage.total_tokens == used > 0
