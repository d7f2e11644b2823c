from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from gigachat import GigaChat

from gpt2giga_sandbox import SandboxServer
from gpt2giga_sandbox.character import TOLERANT


class Http:
    """Plain HTTP to the sandbox with a good token, for what the SDK would not send or show."""

    def __init__(self, sandbox: SandboxServer) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {sandbox.state.issue_token()[0]}"

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.sandbox.base_url + path, timeout=10, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.session.post(self.sandbox.base_url + path, timeout=10, **options)

    def control(self, method: str, path: str, **options: Any) -> Any:
        answer = self.session.request(method, f"{self.sandbox.url}/sandbox/{path}", timeout=10, **options)
        return answer.json()

    def chat(self, text: str = "Привет", **fields: Any) -> requests.Response:
        return self.post("/chat/completions", json=chat_body(text, **fields))

    def chat_v2(self, text: str = "Привет", **fields: Any) -> requests.Response:
        url = f"{self.sandbox.url}/v2/chat/completions"
        return self.session.post(url, json=chat_body_v2(text, **fields), timeout=10)

    def oauth(self, **changes: Any) -> requests.Response:
        headers = {"Authorization": f"Basic {self.sandbox.credentials}", "RqUID": str(uuid.uuid4())}
        headers |= changes.get("headers", {})
        form = changes.get("form", {"scope": "GIGACHAT_API_PERS"})
        return self.session.post(self.sandbox.auth_url, data=form, headers=headers, timeout=10)


def chat_body(text: str = "Привет", **fields: Any) -> dict[str, Any]:
    return {"model": "GigaChat-2-Max", "messages": [{"role": "user", "content": text}], **fields}


def chat_body_v2(text: str = "Привет", **fields: Any) -> dict[str, Any]:
    return {"model": "GigaChat-2-Max", "messages": [{"role": "user", "content": [{"text": text}]}], **fields}


def named_events(raw: str) -> list[tuple[str, Any]]:
    """The events of a stream of v2 with their data."""
    found = []
    for frame in raw.removesuffix("\n\n").split("\n\n"):
        name, data = frame.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def events(raw: str) -> list[Any]:
    """The data of a stream's frames; [DONE] stays text."""
    data = [frame.removeprefix("data: ") for frame in raw.split("\n\n") if frame]
    return [text if text == "[DONE]" else json.loads(text) for text in data]


def sdk(sandbox: SandboxServer, **options: Any) -> GigaChat:
    defaults = {
        "base_url": sandbox.base_url,
        "auth_url": sandbox.auth_url,
        "credentials": sandbox.credentials,
        "scope": "GIGACHAT_API_PERS",
        "verify_ssl_certs": False,
        "model": "GigaChat-2-Max",
        "timeout": 10,
    }
    return GigaChat(**{**defaults, **options})


@pytest.fixture(scope="session")
def running() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def sandbox(running: SandboxServer) -> SandboxServer:
    running.state.reset()
    running.state.settings.oauth_per_second = None
    return running


@pytest.fixture
def tolerant(sandbox: SandboxServer) -> SandboxServer:
    sandbox.state.settings.character = TOLERANT
    return sandbox


@pytest.fixture
def http(sandbox: SandboxServer) -> Iterator[Http]:
    client = Http(sandbox)
    with client.session:
        yield client


@pytest.fixture
def client(sandbox: SandboxServer) -> Iterator[GigaChat]:
    with sdk(sandbox) as giga:
        yield giga
