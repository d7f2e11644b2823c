"""Connections to GigaChat through a proxy. tests/test_proxied.py has them in the service, tests/deploy real proxies."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import closing, ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from gpt2giga.concurrency.waiting import run_to_end
from gpt2giga.config.variables import parse
from gpt2giga.upstream.transport.sdk import GigaChatClient
from gpt2giga_sandbox.server import SandboxServer
from tests.certificates import Authority, Signed
from tests.proxy_server import ProxyServer
from tests.sockets import full_server, silent_server

CHAT = {"model": "GigaChat", "messages": [{"role": "user", "content": "Привет"}]}
LOGIN = "user:p%40ss"
BASIC = "Proxy-Authorization: Basic " + base64.b64encode(b"user:p@ss").decode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def signed(authority: Authority) -> Signed:
    return authority.for_server()


@pytest.fixture
def secured(signed: Signed) -> Iterator[SandboxServer]:
    with SandboxServer(certfile=signed.certificate, keyfile=signed.key) as sandbox:
        yield sandbox


@pytest.fixture
def connect(authority: Authority) -> Iterator[Callable[..., GigaChatClient]]:
    with ExitStack() as stack:

        def connect(sandbox: SandboxServer, **changes: str) -> GigaChatClient:
            settings = {
                "GIGACHAT_BASE_URL": sandbox.base_url,
                "GIGACHAT_AUTH_URL": sandbox.auth_url,
                "GIGACHAT_CREDENTIALS": sandbox.credentials,
                "GIGACHAT_CA_BUNDLE_FILE": authority.root,
                **changes,
            }
            return stack.enter_context(closing(GigaChatClient(parse(settings).account)))

        yield connect


def chat(client: GigaChatClient, *, stream: bool = False, **more: str) -> bytes:
    with closing(run_to_end(client.open_chat({**CHAT, **more}, stream=stream))) as response:
        return response.read()


def use_everything(client: GigaChatClient) -> None:
    """Large enough to need several TLS records."""
    assert b'"choices"' in chat(client, user="я" * 100_000)
    assert b"[DONE]" in chat(client, stream=True)
    assert client.get_models().data
    assert client.embeddings(["Кот"], model="Embeddings").data
    assert client.tokens_count(["Кот"], model="GigaChat")
    stored = client.upload_file(("cat.txt", b"meow" * 20_000, "text/plain"))
    assert base64.b64decode(client.get_image(stored.id_).content) == b"meow" * 20_000
    assert client.delete_file(stored.id_)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_tunnels(connect, secured: SandboxServer, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """One for tokens, and one for all the rest, which is kept."""
    with ProxyServer() as proxy:
        monkeypatch.setenv(variable, proxy.url(LOGIN))
        use_everything(connect(secured))
        assert proxy.targets == ["CONNECT " + urlsplit(secured.url).netloc] * 2
        assert all(BASIC in head for head in proxy.heads)


def test_a_proxy_reached_by_tls(
    connect, secured: SandboxServer, signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProxyServer(tls=signed) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url(LOGIN))
        use_everything(connect(secured))
        assert proxy.targets == ["CONNECT " + urlsplit(secured.url).netloc] * 2


@pytest.mark.parametrize("scheme", ["", "http://", "https://"], ids=["no scheme", "http", "https"])
def test_plain_http_is_forwarded(
    connect, sandbox: SandboxServer, signed: Signed, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """By a whole URL and not by CONNECT, which proxies allow for TLS only."""
    with ProxyServer(tls=signed if scheme == "https://" else None) as proxy:
        monkeypatch.setenv("HTTP_PROXY", scheme + proxy.url(LOGIN).partition("://")[2])
        use_everything(connect(sandbox))
        assert proxy.targets[:2] == [f"POST {sandbox.auth_url}", f"POST {sandbox.base_url}/chat/completions"]
        assert all(BASIC in head for head in proxy.heads)


def test_what_no_proxy_names_is_reached_directly(
    connect, secured: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProxyServer() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        monkeypatch.setenv("NO_PROXY", "sber.ru,127.0.0.0/8")
        use_everything(connect(secured))
        assert proxy.heads == []


REFUSALS = {
    "forbidden": (b"HTTP/1.1 403 Filtered\r\nContent-Length: 2\r\n\r\nno", httpx.ProxyError, "403"),
    "wrong password": (b"HTTP/1.0 407 Proxy Authentication Required\r\n\r\n", httpx.ProxyError, "407"),
    "no route": (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", httpx.ProxyError, "502"),
    "not HTTP": (b"220 mail.example.com ESMTP\r\n\r\n", httpx.ProxyError, "no HTTP"),
    "no end": (b"x" * 100_000, httpx.ProxyError, "no HTTP"),
    "hang-up": (b"", httpx.ConnectError, "hung up"),
    "hang-up in the answer": (b"HTTP/1.1 200 Connection esta", httpx.ConnectError, "hung up"),
    "not GigaChat behind it": (b"HTTP/1.1 200 OK\r\n\r\nnot TLS", httpx.ConnectError, "SSL|reset"),
}


@pytest.mark.parametrize(("answer", "kind", "words"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(
    connect,
    secured: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes,
    kind: type[httpx.HTTPError],
    words: str,
) -> None:
    with ProxyServer(answer) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url(LOGIN))
        client = connect(secured, GIGACHAT_CREDENTIALS="", GIGACHAT_ACCESS_TOKEN=secured.state.issue_token()[0])
        with pytest.raises(kind, match=words) as caught:
            chat(client)
        assert "p@ss" not in repr(caught.value) and "p%40ss" not in repr(caught.value)
        proxy.answer = None
        assert chat(client)


def test_a_forwarding_proxy_that_wants_a_password(
    connect, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its 407 is not GigaChat's."""
    with ProxyServer(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url())
        client = connect(sandbox, GIGACHAT_CREDENTIALS="", GIGACHAT_ACCESS_TOKEN=sandbox.state.issue_token()[0])
        with pytest.raises(httpx.ProxyError):
            chat(client)


@pytest.mark.parametrize("peer", [silent_server, full_server])
def test_a_proxy_that_does_not_answer_costs_the_time_limit_of_connecting(
    connect, secured: SandboxServer, monkeypatch: pytest.MonkeyPatch, peer
) -> None:
    monkeypatch.setattr("gpt2giga.upstream.transport.sdk.CONNECT_TIMEOUT", 0.2)
    with peer() as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        client = connect(secured, GIGACHAT_CREDENTIALS="", GIGACHAT_ACCESS_TOKEN="t")
        started = time.monotonic()
        with pytest.raises(httpx.ConnectTimeout):
            chat(client)
        assert time.monotonic() - started < 5


def test_a_proxy_whose_certificate_nobody_knows(
    connect, secured: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProxyServer(tls=Authority(tmp_path).for_server()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        client = connect(secured, GIGACHAT_CREDENTIALS="", GIGACHAT_ACCESS_TOKEN="t")
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            chat(client)
        assert proxy.heads == []
