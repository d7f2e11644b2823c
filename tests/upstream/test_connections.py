"""GigaChat's bytes on their way to us, and the connections that they take; tests/test_hangup.py has it with gevent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest
from hypothesis import example, given, HealthCheck, settings
from hypothesis import strategies as st

from gpt2giga.chat import TextDelta
from gpt2giga.concurrency.waiting import run_to_end
from gpt2giga.config.variables import parse
from gpt2giga.upstream.contract.tool_names import ToolNames
from gpt2giga.upstream.contract.v1 import StreamedAnswer
from gpt2giga.upstream.transport.http import GigaChatResponse
from gpt2giga.upstream.transport.sdk import GigaChatClient
from gpt2giga_sandbox.server import SandboxServer
from tests.sockets import eventually

CHAT = {"model": "GigaChat", "messages": [{"role": "user", "content": "Раз два три"}]}
# Where str.splitlines, and so httpx, ends a line, besides \r and \n, which JSON always escapes.
SEPARATORS = "\u2028\u2029\u0085\v\f\x1c\x1d\x1e"
RAW_JSON = st.text(st.sampled_from(SEPARATORS + "aб🙂" + '\xc2\xe2\u2027\u202a\u0080\u0086\\"'), max_size=40)
LAST_FRAME = 'data: {"choices":[{"delta":{"content":""},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
TICK = 0.05


def raw_frame(text: str) -> str:
    """JSON as no library writes it: separators as they are."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'data: {{"choices":[{{"delta":{{"content":"{escaped}"}},"index":0}}],"created":1,"model":"m"}}\n\n'


def client_of(sandbox: SandboxServer, most: str) -> GigaChatClient:
    account = {
        "GIGACHAT_BASE_URL": sandbox.base_url,
        "GIGACHAT_AUTH_URL": sandbox.auth_url,
        "GIGACHAT_CREDENTIALS": sandbox.credentials,
        "GIGACHAT_MAX_CONNECTIONS": most,
        "GPT2GIGA_QUEUE_TIMEOUT": "1",
    }
    found = parse(account)
    return GigaChatClient(found.account, limits=found.limits)


@pytest.fixture(params=["1", ""], ids=["one connection", "any number"])
def client(sandbox: SandboxServer, request: pytest.FixtureRequest) -> Iterator[GigaChatClient]:
    with closing(client_of(sandbox, request.param)) as client:
        yield client


@pytest.fixture
def limited(sandbox: SandboxServer) -> Iterator[GigaChatClient]:
    with closing(client_of(sandbox, "2")) as client:
        yield client


def opened(client: GigaChatClient) -> GigaChatResponse:
    return run_to_end(client.open_chat({**CHAT}, stream=True))


def words(client: GigaChatClient) -> str:
    answer = StreamedAnswer(ToolNames())
    with closing(opened(client)) as response:
        events = [event for piece in response.pieces() for event in answer.feed(piece)]
    return "".join(event.text for event in [*events, *answer.end()] if isinstance(event, TextDelta))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(texts=st.lists(RAW_JSON, min_size=1, max_size=4), split=st.integers(1, 64))
@example(texts=[*SEPARATORS], split=1)
def test_frames_are_whole_wherever_the_reads_end(
    client: GigaChatClient, sandbox: SandboxServer, texts: list[str], split: int
) -> None:
    sandbox.state.script({"frames": [*map(raw_frame, texts), LAST_FRAME], "split": split})
    assert words(client) == "".join(texts)


def test_one_connection_is_used_again(client: GigaChatClient, sandbox: SandboxServer) -> None:
    for _ in range(3):
        assert words(client) and client.get_models().data
    assert len(client._connections._idle) == 1


def test_closing_ends_gigachats_stream(client: GigaChatClient, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три", "hang_after": 1})
    response = opened(client)
    assert next(response.pieces())
    response.close()
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)
    assert words(client)


def test_what_is_still_asked_when_all_is_closed_keeps_no_connection(
    client: GigaChatClient, sandbox: SandboxServer
) -> None:
    response = opened(client)
    client.close()
    with closing(response):
        assert b"".join(response.pieces()).endswith(b"data: [DONE]\n\n")
    assert not client._connections._idle


def test_closing_before_the_headers_ends_it_too(client: GigaChatClient, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три", "delay": 60})
    opening = client.open_chat({**CHAT}, stream=True, tick=TICK)
    assert eventually(lambda: next(opening) == [] and sandbox.state.counters.open_streams == 1)
    opening.close()
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)
    assert words(client)


def test_closing_afterwards_leaves_the_connection_to_the_next_request(
    client: GigaChatClient, sandbox: SandboxServer
) -> None:
    """A response is closed after GigaChat's stream has ended, perhaps twice, when another may use the connection."""
    first = opened(client)
    assert b"".join(first.pieces())
    first.close()
    second = opened(client)
    first.close()
    assert b"".join(second.pieces())
    second.close()


def test_the_line_for_a_connection(limited: GigaChatClient, sandbox: SandboxServer) -> None:
    """It gives signs of life, ends in a refusal, and whoever leaves it costs nothing."""
    with closing(opened(limited)), closing(opened(limited)):
        leaving = limited.open_chat({**CHAT}, tick=TICK)
        assert next(leaving) == []
        leaving.close()
        started = time.monotonic()
        waiting = limited.open_chat({**CHAT}, tick=TICK)
        with pytest.raises(httpx.PoolTimeout):
            while True:
                assert next(waiting) == []
        assert 0.9 < time.monotonic() - started < 5
        with pytest.raises(httpx.PoolTimeout):
            limited.upload_file(("a.txt", b"a", "text/plain"))
    assert words(limited) and limited.upload_file(("a.txt", b"a", "text/plain"))


def test_whoever_waits_in_the_line_gets_the_next_one(limited: GigaChatClient, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три", "frame_delay": 0.02, "times": 10})
    with ThreadPoolExecutor(10) as pool:
        assert [*pool.map(words, [limited] * 10)] == ["Раз два три"] * 10
    assert sandbox.state.counters.peak_streams == 2
