"""Handshakes between the running service and a sandbox whose certificate an unknown authority has signed."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import openai
import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.certificates import Authority
from tests.service import Service
from tests.sockets import HELLO


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def shared_secured(authority: Authority) -> Iterator[SandboxServer]:
    server = authority.for_server()
    with SandboxServer(certfile=server.certificate, keyfile=server.key) as sandbox:
        yield sandbox


@pytest.fixture
def secured(shared_secured: SandboxServer) -> SandboxServer:
    shared_secured.state.reset()
    return shared_secured


@pytest.fixture
def show(secured: SandboxServer, authority: Authority) -> Iterator[Callable[..., None]]:
    """show(first, last, name): another certificate, good from so many days after today to so many; all connect anew.

    GigaChat's own clock is `ahead` of ours by so many days.
    """
    server, days = secured._server, [0.0]
    context, handler = server.ssl_context, server.RequestHandlerClass
    assert context is not None
    good = authority.for_server()

    class Clock(handler):  # type: ignore[valid-type, misc]
        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(time.time() + days[0] * 86400, usegmt=True)

    def show(first: float, last: float, name: str = "IP:127.0.0.1", ahead: float = 0) -> None:
        days[0] = ahead
        other = authority.for_days("other", first, last, f"subjectAltName={name}", "basicConstraints=critical,CA:FALSE")
        context.load_cert_chain(other.certificate, other.key)
        server._connections and server.hang_up()

    server.RequestHandlerClass = Clock
    yield show
    server.RequestHandlerClass = handler
    context.load_cert_chain(good.certificate, good.key)
    server.hang_up()


@pytest.fixture
def trusting(service_with: Callable[..., Service], secured: SandboxServer, authority: Authority) -> Service:
    """It knows the authority, does not wait long and tries once."""
    bundle = str(authority.root)
    return service_with(secured, GIGACHAT_CA_BUNDLE_FILE=bundle, GIGACHAT_TIMEOUT="1", GPT2GIGA_MAX_RETRIES="0")


def ask(service: Service, stream: bool) -> Any:
    with service.client() as client:
        answer = client.chat.completions.create(model="GigaChat", messages=HELLO, stream=stream)
        return [*answer] if stream else answer


def test_an_unknown_authority_is_refused(tmp_path: Path, secured: SandboxServer, sandbox: SandboxServer) -> None:
    """In one sentence that says what to do, without a second try; and a password in the address is never shown."""
    with Service(tmp_path, sandbox, GIGACHAT_BASE_URL=secured.base_url.replace("//", "//user:hidden@")) as service:
        for stream in (False, True):
            with pytest.raises(openai.InternalServerError) as caught:
                ask(service, stream)
            assert (caught.value.status_code, caught.value.code) == (503, "upstream_certificate")
            message = caught.value.body["message"]  # type: ignore[index]
            assert re.fullmatch(r"GigaChat[^.]* certificate is not trusted[^.]*GIGACHAT_CA_BUNDLE_FILE\.", message)
        shown = [service.get(path).text for path in ("/health", "/ready", "/v1/models", "/", "/ui/clients")]
        log = service.log.read_text()
    assert log.count("CERTIFICATE_VERIFY_FAILED") == 4 and "Traceback" not in log
    assert log.count("WARNING GIGACHAT_BASE_URL: user and password in it are not used") == 1
    assert not any("hidden" in text for text in [message, log, *shown])
    looks = secured.state.requests()
    assert {(look["method"], look["path"], look["headers"].get("authorization")) for look in looks} == {
        ("HEAD", "/", None)
    }


def test_a_bundle_makes_it_known(trusting: Service) -> None:
    assert ask(trusting, False) and ask(trusting, True)
    assert "WARNING" not in trusting.said_at_the_start + trusting.log.read_text()


DATE = r"20\d\d-\d\d-\d\d \d\d:\d\d UTC"
GOOD = rf" \(good from {DATE} to {DATE}\)"
CLOCK = rf"this machine's clock says {DATE}, theirs {DATE}: set it right first\. As it is, "
FAULTS = {
    "expired": ((-9, -2), rf"the certificate has expired, or one that signed it has{GOOD}: only its owner can .*"),
    "not valid yet": ((2, 9), rf"the certificate is not valid yet, or one that signed it is not{GOOD}: whoever .*"),
    "another address": (
        (-2, 9, "IP:127.0.0.2"),
        rf"the certificate belongs to another host{GOOD}: check the address.*",
    ),
    "another name": ((-2, 9, "DNS:giga.example"), rf"the certificate belongs to another host{GOOD}: check the .*"),
    "our clock is late": ((2, 9, "IP:127.0.0.1", 5), rf"{CLOCK}the certificate is not valid yet.*{GOOD}\."),
    "our clock is early": ((-9, -2, "IP:127.0.0.1", -5), rf"{CLOCK}the certificate has expired.*{GOOD}\."),
    "a clock and a name": ((-2, 9, "DNS:giga.example", 1), rf"{CLOCK}the certificate belongs to another host{GOOD}\."),
}


@pytest.mark.parametrize("shown, words", FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_with_a_certificate(
    trusting: Service, secured: SandboxServer, show: Callable[..., None], shown: Any, words: str
) -> None:
    """Both hosts, for chats and for tokens, are the same here."""
    show(*shown)
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError) as caught:
            ask(trusting, stream)
        assert (caught.value.status_code, caught.value.code) == (503, "upstream_certificate")
        message = caught.value.body["message"]  # type: ignore[index]
        assert re.fullmatch(rf"GigaChat[^:]*: {words}", message), message
        assert "CA_BUNDLE" not in message and "127.0.0.1" not in message
    assert secured.state.requests("/chat/completions") == []


def test_switched_off_with_one_warning_at_the_start(tmp_path: Path, secured: SandboxServer) -> None:
    with Service(tmp_path, secured, GIGACHAT_VERIFY_SSL_CERTS="False", GPT2GIGA_WORKERS="2") as service:
        assert service.log.read_text().count("WARNING GIGACHAT_VERIFY_SSL_CERTS=False") == 1
        for _ in range(3):
            assert ask(service, False) and ask(service, True)
        assert service.log.read_text().count("GIGACHAT_VERIFY_SSL_CERTS") == 1


@pytest.fixture
def demanding(secured: SandboxServer, authority: Authority) -> Iterator[SandboxServer]:
    """It wants a certificate of its client, also of one that was connected already."""
    context = secured._server.ssl_context
    assert context is not None
    context.load_verify_locations(authority.root)
    context.verify_mode = ssl.CERT_REQUIRED
    secured._server.hang_up()
    yield secured
    context.verify_mode = ssl.CERT_NONE


def test_a_certificate_of_the_client(
    tmp_path: Path, trusting: Service, demanding: SandboxServer, authority: Authority
) -> None:
    with pytest.raises(openai.InternalServerError, match="GIGACHAT_CERT_FILE") as caught:
        ask(trusting, True)
    assert caught.value.code == "upstream_certificate"
    ours = authority.sign("client")
    files = {"GIGACHAT_CERT_FILE": ours.certificate, "GIGACHAT_KEY_FILE": ours.key}
    with Service(tmp_path, demanding, GIGACHAT_CA_BUNDLE_FILE=authority.root, **files) as service:
        assert ask(service, False) and ask(service, True)


@pytest.mark.parametrize("step", [{"delay": 30}, {"text": "Раз два", "hang_after": 1}], ids=["at once", "in a stream"])
def test_silence_behind_tls_is_noticed(trusting: Service, secured: SandboxServer, step: dict[str, Any]) -> None:
    secured.state.script(step)
    with pytest.raises(openai.APIError, match="GIGACHAT_TIMEOUT") as caught:
        ask(trusting, True)
    assert caught.value.code == "upstream_timeout"
    assert ask(trusting, False) and ask(trusting, True)
