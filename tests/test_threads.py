"""Without gevent, in gunicorn's threads: the same answers; a client that left is noticed at the next write."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.chunks import chunks
from tests.service import Service
from tests.sockets import Caller, eventually, HELLO
from tests.threads import Threads

WORDS = "Раз два три четыре пять шесть"


@pytest.fixture(scope="module")
def module_service(shared_sandbox: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"GPT2GIGA_HEARTBEAT": "0.3", "GPT2GIGA_QUEUE_TIMEOUT": "3", "GPT2GIGA_MAX_RETRIES": "0"}
    with Threads(tmp_path_factory.mktemp("threads"), shared_sandbox, **settings) as service:
        yield service


@pytest.fixture
def threads(module_service: Service, sandbox: SandboxServer) -> Iterator[Service]:
    yield module_service
    assert ask(module_service, True) and ask(module_service, False), "the slot was not free"
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0)
    assert "Traceback" not in module_service.log.read_text()


def ask(service: Service, stream: bool) -> str | None:
    with service.client() as client:
        answer = client.chat.completions.create(model="GigaChat", messages=HELLO, stream=stream)
        return (
            "".join(c.choices[0].delta.content or "" for c in answer) if stream else answer.choices[0].message.content
        )


def test_answers(threads: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": WORDS, "frame_delay": 0.01, "times": 12})
    with ThreadPoolExecutor(6) as pool:
        assert [*pool.map(lambda number: ask(threads, number % 2 == 0), range(12))] == [WORDS] * 12
    assert sandbox.state.counters.peak_streams == 1


def test_heartbeats(threads: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": WORDS, "delay": 2})
    answer = threads.post("/v1/chat/completions", {"messages": HELLO, "stream": True})
    assert len([item for item in chunks(answer.text) if item["choices"][0]["delta"] == {"content": ""}]) >= 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_refusals(threads: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"status": 429}, {"fault": "reset"})
    with pytest.raises(openai.APIError, match="Rate limit reached"):
        ask(threads, stream)
    with pytest.raises(openai.APIError, match="before its answer was whole"):
        ask(threads, stream)


def test_a_stream_that_breaks(threads: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": WORDS, "cut_after": 2})
    with pytest.raises(openai.APIError, match="before its answer was whole"):
        ask(threads, True)


WHERE: dict[str, dict[str, Any]] = {
    "in silence": {"hang_after": 2},
    "while words flow": {"text": WORDS * 100, "frame_delay": 0.05},
}


@pytest.mark.parametrize("step", WHERE.values(), ids=WHERE)
def test_hang_up(threads: Service, sandbox: SandboxServer, step: dict[str, Any]) -> None:
    """A heartbeat is a write too."""
    sandbox.state.script({"text": WORDS, **step})
    with Caller(threads, stream=True) as caller:
        caller.read_until("Раз")
        left = caller.hang_up()
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)
    assert sandbox.state.counters.aborted_at[0] - left < 2


def test_hang_up_in_the_line(threads: Service, sandbox: SandboxServer) -> None:
    """Its turn comes, but GigaChat does not hear of it."""
    sandbox.state.script({"text": WORDS, "hang_after": 1}, {"text": "третий"})
    with Caller(threads, stream=True) as first:
        first.read_until("Раз")
        with Caller(threads, stream=True) as second:
            second.read_until('"content":""')
        assert eventually(lambda: f"id={second.id}" in threads.log.read_text())
    assert ask(threads, True) == "третий"
    assert len(sandbox.state.chats()) == 2
