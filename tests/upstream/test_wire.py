"""GigaChat's bytes on their way to the SDK."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt2giga.concurrency.pump import Pump
from gpt2giga.config.settings import parse
from gpt2giga.upstream.transport.sdk import Client
from gpt2giga.upstream.transport.wire import EscapedStream
from gpt2giga_sandbox.server import SandboxServer

# Where httpx ends a line, besides \r and \n, which JSON always escapes.
SEPARATORS = "\u2028\u2029\u0085\v\f\x1c\x1d\x1e"
RAW_JSON = st.text(st.sampled_from(SEPARATORS + "aб🙂" + '\xc2\xe2\u2027\u202a\u0080\u0086\\"'), max_size=40)


def raw_frame(text: str) -> bytes:
    """JSON as no library writes it: separators as they are."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'data: {{"text": "{escaped}"}}\n\n'.encode()


class Pieces(httpx.SyncByteStream):
    def __init__(self, data: bytes, cuts: list[int]) -> None:
        marks = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
        self._pieces = [data[start:end] for start, end in zip(marks, marks[1:], strict=False)]
        self.closed = False

    def __iter__(self):
        return iter(self._pieces)

    def close(self) -> None:
        self.closed = True


@given(texts=st.lists(RAW_JSON, min_size=1, max_size=4), cuts=st.lists(st.integers(0, 400), max_size=8))
def test_lines_are_whole_wherever_the_reads_end(texts: list[str], cuts: list[int]) -> None:
    stream = EscapedStream(Pieces(b"".join(map(raw_frame, texts)), cuts))
    lines = [line for line in httpx.Response(200, stream=stream).iter_lines() if line]
    assert [json.loads(line.removeprefix("data: "))["text"] for line in lines] == texts


@given(data=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=8))
def test_the_reads_do_not_matter(data: bytes, cuts: list[int]) -> None:
    assert b"".join(EscapedStream(Pieces(data, cuts))) == b"".join(EscapedStream(Pieces(data, [])))


def test_nothing_else_is_touched() -> None:
    data = "Привет, 世界! \\u2028 🙂 \r\n\t".encode()
    assert b"".join(EscapedStream(Pieces(data, [3, 5, 9]))) == data


def test_close_closes() -> None:
    pieces = Pieces(b"", [])
    EscapedStream(pieces).close()
    assert pieces.closed


@pytest.fixture(params=["1", ""], ids=["httpx", "our own"])
def sdk(sandbox: SandboxServer, request: pytest.FixtureRequest):
    """Both clients; a limit of connections is httpx's work."""
    settings = {
        "GIGACHAT_BASE_URL": sandbox.base_url,
        "GIGACHAT_AUTH_URL": sandbox.auth_url,
        "GIGACHAT_CREDENTIALS": sandbox.credentials,
        "GIGACHAT_MAX_CONNECTIONS": request.param,
    }
    with Client(parse(settings)) as client:
        yield client


def words(client: Client):
    payload = {"model": "GigaChat", "messages": [{"role": "user", "content": "Раз два три"}]}
    for chunk in client.chunks(payload):
        yield chunk["choices"][0]["delta"].get("content") or ""


@pytest.mark.parametrize("split", [0, 1, 3, 64])
def test_raw_separators_stream_whole(sdk: Client, sandbox: SandboxServer, split: int) -> None:
    texts = [f"до{separator}{separator} после 🙂" for separator in SEPARATORS]
    shape = '{"choices":[{"delta":{"content":"%s"},"index":0}],"created":1,"model":"m","object":"x"}'
    frames = [f"data: {shape % text}\n\n" for text in texts]
    sandbox.state.script({"frames": frames, "split": split})
    assert [*words(sdk)] == texts


def test_closing_wakes_a_thread_that_waits_for_a_silent_gigachat(sdk: Client, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три четыре пять шесть", "hang_after": 1})
    pump = Pump(words(sdk))
    assert next(pump.batches(None))
    pump.close()
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)


def test_closing_before_the_headers_ends_the_stream_when_they_come(sdk: Client, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три", "delay": 0.3, "hang_after": 1})
    pump = Pump(words(sdk))
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    pump.close()
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)


def test_closing_afterwards_leaves_the_connection_to_the_next_request(sdk: Client, sandbox: SandboxServer) -> None:
    """The response is closed after GigaChat's stream has ended, when another may be using the connection."""
    first = Pump(words(sdk))
    assert [batch for batch in first.batches(None) if batch]
    sandbox.state.script({"text": "Один два три четыре пять шесть", "frame_delay": 0.1})
    second = Pump(words(sdk)).batches(None)
    got = next(second)
    first.close()
    assert "".join(got + [word for batch in second for word in batch]) == "Один два три четыре пять шесть"


def test_nothing_is_sent_for_a_client_that_has_left(sdk: Client, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "oauth", "delay": 0.2})
    pump = Pump(words(sdk))
    assert sandbox.state.wait_for(lambda counters: counters.token_requests == 1)
    pump.close()
    sdk.get_token()  # waits for the same renewal
    assert "".join(words(sdk))
    assert len(sandbox.state.chats()) == 1
