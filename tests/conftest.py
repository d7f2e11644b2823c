"""Real parts only: the sandbox over sockets, the service as a process of gunicorn and gevent, real clients."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service

OURS = ("GPT2GIGA_", "GIGACHAT_", "SYSTEMD_", "OPENAI_", "ANTHROPIC_")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No settings or proxies of the developer's shell, and no .env of the checkout; what a test sets ends with it."""
    before = dict(os.environ)
    for variable in [*os.environ]:
        if variable.startswith(OURS) or variable == "WEB_CONCURRENCY" or variable.lower().endswith("_proxy"):
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """A scripted step that no request took is a mistake of the test, or of the service."""
    # What an earlier test left in work must not be counted in this one.
    assert shared_sandbox.state.wait_for(lambda counters: counters.open_streams == 0, timeout=10)
    shared_sandbox.state.reset()
    yield shared_sandbox
    assert shared_sandbox.state.pending() == 0


@pytest.fixture(scope="session")
def shared_service(shared_sandbox: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service"), shared_sandbox) as service:
        yield service


@pytest.fixture
def service(shared_service: Service, sandbox: SandboxServer) -> Service:
    """The service with default settings, in front of the sandbox."""
    return shared_service


@pytest.fixture
def start_service(sandbox: SandboxServer, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """start_service(GPT2GIGA_X="...") for a service with settings of its own."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Service(tmp_path, sandbox, **settings))


@pytest.fixture
def client(service: Service) -> Iterator[OpenAI]:
    with service.client() as client:
        yield client
