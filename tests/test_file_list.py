"""GET /v1/files by pages, as OpenAI's clients ask for them."""

from __future__ import annotations

from typing import Any

import pytest
from openai import OpenAI

from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service

pytestmark = pytest.mark.usefixtures("without_batches")

PDF = b"%PDF-1.4 nothing"
PURPOSES: tuple[Any, ...] = ("assistants", "user_data", "assistants")


def page(service: Service, **query: Any) -> dict[str, Any]:
    response = service.get("/v1/files", params=query)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


@pytest.fixture
def made(client: OpenAI, sandbox: SandboxServer) -> list[str]:
    """Three, the oldest first."""
    return [client.files.create(file=("a.pdf", PDF), purpose=purpose).id for purpose in PURPOSES]


def test_none(service: Service, sandbox: SandboxServer) -> None:
    assert page(service) == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


def test_pages(service: Service, made: list[str]) -> None:
    one, two, three = made
    found = page(service, limit=1)
    assert [file["id"] for file in found["data"]] == [three]
    assert (found["first_id"], found["last_id"], found["has_more"]) == (three, three, True)
    found = page(service, limit=2, after=three)
    assert (found["first_id"], found["last_id"], found["has_more"]) == (two, one, False)
    found = page(service, order="asc")
    assert [file["id"] for file in found["data"]] == made and not found["has_more"]


def test_the_client_asks_for_page_after_page(client: OpenAI, made: list[str]) -> None:
    assert [file.id for file in client.files.list(limit=1, order="asc")] == made


def test_the_purpose_is_the_one_given(service: Service, client: OpenAI, made: list[str]) -> None:
    assert [file["purpose"] for file in page(service, order="asc")["data"]] == [*PURPOSES]
    assert client.files.retrieve(made[1]).purpose == "user_data"
    assert [file.id for file in client.files.list(purpose="user_data")] == [made[1]]
    assert page(service, purpose="batch")["data"] == []


def test_a_file_of_unknown_purpose_has_any(service: Service, sandbox: SandboxServer) -> None:
    """One that another program uploaded, or that was there before a restart."""
    service.post("/v1/files", files={"file": ("a.pdf", PDF)})
    assert [file["purpose"] for file in page(service)["data"]] == ["general"]
    assert [file["purpose"] for file in page(service, purpose="vision")["data"]] == ["vision"]


BAD: list[dict[str, Any]] = [{"limit": 0}, {"limit": 10001}, {"limit": "a"}, {"order": "up"}, {"after": "file-1"}]


@pytest.mark.parametrize("query", BAD)
def test_what_makes_no_sense_is_named(service: Service, sandbox: SandboxServer, query: dict[str, Any]) -> None:
    response = service.get("/v1/files", params=query)
    assert (response.status_code, response.json()["error"]["param"]) == (400, next(iter(query)))
