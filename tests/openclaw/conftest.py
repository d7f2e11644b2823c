"""One gateway for all tests: it takes ten seconds to start."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.openclaw.install import install
from tests.openclaw.openclaw import OpenClaw
from tests.openclaw.other import Other, PROVIDER
from tests.service import Service


@pytest.fixture(scope="session")
def shared_openclaw(shared_service: Service) -> Iterator[OpenClaw]:
    install()
    # Not in pytest's folder: its sockets must have short names.
    with tempfile.TemporaryDirectory(prefix="oc-", ignore_cleanup_errors=True) as folder, Other() as other:
        openclaw = OpenClaw(Path(folder))
        openclaw.connect("--url", shared_service.url)
        openclaw.change("agents.defaults.heartbeat", {"every": "0m"})
        openclaw.change(f"models.providers.{PROVIDER}", other)
        openclaw.start_gateway()
        yield openclaw
        openclaw.stop_gateway()


@pytest.fixture
def openclaw(shared_openclaw: OpenClaw, service: Service) -> OpenClaw:
    """Behind it the service with default settings, and the sandbox with an empty script."""
    return shared_openclaw


@pytest.fixture
def ask(openclaw: OpenClaw, request: pytest.FixtureRequest) -> Callable[..., str]:
    """ask("...") in this test's own session gives the text that the user sees."""

    def ask(message: str, *options: str) -> str:
        answer = openclaw.ask(message, request.node.name.replace("_", "-")[:40], *options)
        return said(answer)

    return ask


def said(answer: dict[str, Any]) -> str:
    payloads = answer["result"]["payloads"]
    return "\n".join(payload["text"] for payload in payloads if payload.get("text"))


def results(payload: dict[str, Any]) -> list[Any]:
    """What GigaChat was told that functions gave."""
    return [json.loads(message["content"]) for message in payload["messages"] if message["role"] == "function"]
