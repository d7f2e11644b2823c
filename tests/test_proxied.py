"""The running service where only a proxy leads out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlsplit

import openai
import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.certificates import Authority, Signed
from tests.proxy_server import ProxyServer
from tests.service import Service
from tests.sockets import Caller, eventually, HELLO

Start = Callable[..., Service]
WORDS = "Раз два три"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def signed(authority: Authority) -> Signed:
    return authority.for_server()


@pytest.fixture(scope="module")
def shared_secured(signed: Signed) -> Iterator[SandboxServer]:
    with SandboxServer(certfile=signed.certificate, keyfile=signed.key) as sandbox:
        yield sandbox


@pytest.fixture
def secured(shared_secured: SandboxServer) -> SandboxServer:
    shared_secured.state.reset()
    return shared_secured


@pytest.fixture(scope="module", params=["http", "https"])
def shared_proxy(request: pytest.FixtureRequest, signed: Signed) -> Iterator[ProxyServer]:
    with ProxyServer(tls=signed if request.param == "https" else None) as proxy:
        yield proxy


@pytest.fixture
def proxy(shared_proxy: ProxyServer) -> ProxyServer:
    """Without the tunnels of earlier tests."""
    shared_proxy.start_over()
    return shared_proxy


@pytest.fixture
def start(
    service_with: Callable[..., Service], secured: SandboxServer, authority: Authority, proxy: ProxyServer
) -> Start:
    def start(**settings: str) -> Service:
        """It has asked for all that it asks for by itself."""
        service = service_with(
            secured,
            HTTPS_PROXY=proxy.url("user:secret"),
            GIGACHAT_CA_BUNDLE_FILE=str(authority.root),
            GIGACHAT_TIMEOUT="1",
            GPT2GIGA_MAX_RETRIES="1",
            **settings,
        )
        assert eventually(lambda: not service.get("/ui/packages").json()["is_asking"])
        service.log.start_here()
        proxy.start_over()
        return service

    return start


def answer(service: Service) -> str:
    body = service.post("/v1/chat/completions", {"messages": HELLO}).json()
    return str(body.get("error") or body["choices"][0]["message"]["content"])


def without_a_token(service: Service, secured: SandboxServer, proxy: ProxyServer) -> Service:
    """It had one, which was rejected, and then there was no other."""
    assert answer(service)
    secured.state.script({"status": 401}, {"route": "oauth", "status": 401})
    assert service.post("/v1/chat/completions", {"messages": HELLO}).status_code == 401
    service.log.start_here()
    proxy.start_over()
    return service


def test_answers_come_through_one_tunnel(start: Start, secured: SandboxServer, proxy: ProxyServer) -> None:
    service = without_a_token(start(), secured, proxy)
    secured.state.script({"text": WORDS, "times": 2})
    assert answer(service) == WORDS
    with Caller(service, stream=True) as caller:
        assert "три" in caller.read_until("[DONE]")
    assert service.get("/v1/models").json()["data"]
    tokens_and_all_else = ["CONNECT " + urlsplit(secured.url).netloc] * 2
    assert proxy.targets == tokens_and_all_else


def test_a_hang_up_ends_gigachats_stream(start: Start, secured: SandboxServer) -> None:
    secured.state.script({"text": WORDS, "hang_after": 1})
    with Caller(start(), stream=True) as caller:
        caller.read_until("Раз")
        caller.hang_up()
    assert secured.state.wait_for(lambda counters: counters.aborted_streams == 1)


def test_silence_is_noticed(start: Start, secured: SandboxServer) -> None:
    secured.state.script({"text": WORDS, "hang_after": 1})
    with closing(start().client()) as client, pytest.raises(openai.APIError) as caught:
        list(client.chat.completions.create(model="GigaChat", messages=HELLO, stream=True))
    assert caught.value.code == "upstream_timeout"


@pytest.mark.parametrize("has_token", [True, False])
def test_a_refusal_is_told_without_the_password(
    start: Start, secured: SandboxServer, proxy: ProxyServer, has_token: bool
) -> None:
    token = {"GIGACHAT_CREDENTIALS": "", "GIGACHAT_ACCESS_TOKEN": secured.state.issue_token()[0]}
    service = start(**token) if has_token else without_a_token(start(), secured, proxy)
    proxy.answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
    done = service.post("/v1/chat/completions", {"messages": HELLO})
    assert (done.status_code, done.json()["error"]["code"]) == (503, "upstream_unavailable")
    assert "the proxy (HTTPS_PROXY) does not let it through" in done.text
    log = service.log.read_text()
    assert log.count("ERROR") == 1 and "407" in log and "secret" not in log + done.text and "Traceback" not in log
    assert len(proxy.heads) == 1, "asking again would not help"
