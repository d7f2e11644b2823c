"""The account's limit on requests at a time, counted at the sandbox."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from gpt2giga.config.variables import parse
from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service
from tests.sockets import Caller, eventually, HELLO

WORDS = "Раз два три четыре пять шесть"


def ask(service: Service, stream: bool) -> str:
    with service.client() as client:
        answer = client.chat.completions.create(model="GigaChat", messages=HELLO, stream=stream)
        return (
            "".join(c.choices[0].delta.content or "" for c in answer) if stream else answer.choices[0].message.content
        )


def ask_at_once(service: Service, sandbox: SandboxServer, count: int) -> int:
    """The most requests that were at the sandbox at a time; every other one is a stream."""
    sandbox.state.script({"text": WORDS, "delay": 0.05, "frame_delay": 0.01, "times": count})
    with ThreadPoolExecutor(count) as pool:
        assert [*pool.map(lambda number: ask(service, number % 2 == 0), range(count))] == [WORDS] * count
    return sandbox.state.counters.peak_streams


@pytest.fixture
def three(service_with: Callable[..., Service]) -> Service:
    """Three requests at a time, with two workers."""
    return service_with(GPT2GIGA_WORKERS="2", GPT2GIGA_MAX_CONCURRENCY="3")


def test_over_all_workers(three: Service, sandbox: SandboxServer) -> None:
    sandbox.state.settings.max_streams = 3
    assert ask_at_once(three, sandbox, 24) == 3
    # The sandbox may count an end a moment after its client has it; such a 429 is repeated unseen.
    assert sandbox.state.counters.refused <= 2


def test_one_worker_counts_what_the_other_has(three: Service, sandbox: SandboxServer) -> None:
    """Which worker takes a connection is the kernel's choice; a stopped one takes none."""
    first, second = workers(three)
    sandbox.state.revoke_tokens()
    sandbox.state.script({"text": WORDS, "hang_after": 1, "times": 6})
    with contextlib.ExitStack() as stack:

        def streams_at(stopped: int, expected: int) -> None:
            os.kill(stopped, signal.SIGSTOP)
            for _ in range(2):
                stack.enter_context(Caller(three, stream=True))
            assert sandbox.state.wait_for(lambda counters: counters.open_streams == expected)
            os.kill(stopped, signal.SIGCONT)

        streams_at(stopped=first, expected=2)
        streams_at(stopped=second, expected=3)
        # One more where a worker has asked for the balance just then.
        assert sandbox.state.counters.token_requests in (2, 3), "each worker has a token of its own"
        # Later the sandbox may count an end a moment after the next one has come in for it.
        assert sandbox.state.counters.peak_streams == 3
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0)
    sandbox.state.reset()


@pytest.fixture
def personal(service_with: Callable[..., Service]) -> Service:
    """A personal account: one request at a time by default. Two workers."""
    return service_with(GPT2GIGA_QUEUE_TIMEOUT="1.5", GPT2GIGA_WORKERS="2", GIGACHAT_RETRY_BACKOFF_FACTOR="0.05")


@pytest.mark.parametrize("scope, slots", [("PERS", 1), ("B2B", 10), ("CORP", 10)])
def test_default_by_scope(scope: str, slots: int) -> None:
    settings = parse({"GIGACHAT_SCOPE": f"GIGACHAT_API_{scope}"})
    assert settings.limits.slots(settings.account.scope) == slots


def test_a_personal_account_has_one(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.settings.max_streams = 1
    assert ask_at_once(service, sandbox, 6) == 1


@pytest.mark.parametrize("scope, peak", [("CORP", 10), ("PERS", 14)], ids=["CORP", "0"])
def test_other_accounts(curt: Service, contrary: Service, sandbox: SandboxServer, scope: str, peak: int) -> None:
    service = curt if scope == "CORP" else contrary
    sandbox.state.script({"text": WORDS, "hang_after": 1, "times": 14})
    callers = [Caller(service, stream=True) for _ in range(14)]
    assert sandbox.state.wait_for(lambda counters: counters.peak_streams == peak)
    # Not always the first: whoever asks for the token comes into the line after those who wait for it.
    assert eventually(lambda: sum(caller.has("Раз") for caller in callers) == peak)
    # The rest stands in line: it gets its turn, one by one, as the others leave.
    for caller in callers:
        caller.hang_up()
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0)
    sandbox.state.reset()


def test_a_full_line_is_a_429(personal: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": WORDS, "hang_after": 1})
    with Caller(personal, stream=True) as first, ThreadPoolExecutor(2) as pool:
        first.read_until("Раз")
        refused = [call.exception() for call in [pool.submit(ask, personal, stream) for stream in (False, True)]]
    for error in refused:
        assert isinstance(error, openai.RateLimitError) and error.code == "rate_limit_exceeded"
        assert int(error.response.headers["Retry-After"]) >= 1
        assert "Rate limit reached" in error.message and "GPT2GIGA_MAX_CONCURRENCY" in error.message
    assert ask(personal, True)


def test_embeddings_wait_for_the_one_slot(personal: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": WORDS, "hang_after": 1})
    with Caller(personal, stream=True) as first, personal.client() as client:
        first.read_until("Раз")
        with pytest.raises(openai.RateLimitError, match="GPT2GIGA_MAX_CONCURRENCY"):
            client.embeddings.create(model="Embeddings", input="Привет")
    assert sandbox.state.requests("/embeddings") == []
    assert personal.post("/v1/embeddings", {"input": "Привет"}).status_code == 200


def test_models_and_counts_take_no_slot(personal: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": WORDS, "hang_after": 1})
    with Caller(personal, stream=True) as first, personal.client() as client:
        first.read_until("Раз")
        assert [*client.models.list()]
        assert client.responses.input_tokens.count(model="GigaChat", input="Привет").input_tokens > 0
        assert personal.get("/ready").status_code == 200
        assert sandbox.state.counters.open_streams == 1


def test_a_killed_worker_gives_its_slots_back(personal: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": WORDS, "hang_after": 1})
    with Caller(personal, stream=True) as first:
        first.read_until("Раз")
        for worker in workers(personal):
            os.kill(worker, signal.SIGKILL)
        assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0)
    assert eventually(lambda: len(workers(personal)) == 2)
    assert ask(personal, True) and ask(personal, False)


def workers(service: Service) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(service.process.pid)], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("step", [{"status": 500}, {"fault": "reset"}, {"cut_after": 1}, {"answer": [1]}], ids=str)
def test_no_failure_keeps_a_slot(
    personal: Service, sandbox: SandboxServer, step: dict[str, object], stream: bool
) -> None:
    sandbox.state.script({"text": WORDS, "times": 3, **step})
    answer = personal.post("/v1/chat/completions", {"messages": HELLO, "stream": stream})
    assert answer.status_code >= 500 or '"error"' in answer.text or not stream
    sandbox.state.reset()
    assert ask(personal, stream)
