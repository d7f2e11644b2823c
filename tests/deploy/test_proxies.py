"""The service behind real proxies: tinyproxy for HTTP, microsocks for SOCKS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.certificates import Authority
from tests.deploy.running import running
from tests.deploy.streams import Place, streams
from tests.deploy.test_redis import listens
from tests.service import free_port, Service
from tests.sockets import eventually, HELLO

TINYPROXY = """
Listen 127.0.0.1
Port {port}
Timeout 600
LogLevel Connect
BasicAuth user secret
"""


class Proxy:
    """Its address ends in `@127.0.0.1:port`, for any login."""

    def __init__(self, folder: Path, port: int) -> None:
        self.at, self.port, self._log = f"@127.0.0.1:{port}", port, folder / "proxy.log"

    @property
    def log(self) -> str:
        return self._log.read_text()

    def run(self, command: list[str]) -> Iterator[Proxy]:
        with running(command, self._log):
            assert eventually(lambda: listens(self.port)), self.log
            yield self


@pytest.fixture
def tinyproxy(tmp_path: Path) -> Iterator[Proxy]:
    proxy = Proxy(tmp_path, free_port())
    configuration = tmp_path / "tinyproxy.conf"
    configuration.write_text(TINYPROXY.format(port=proxy.port))
    yield from proxy.run(["tinyproxy", "-d", "-c", str(configuration)])


@pytest.fixture
def microsocks(tmp_path: Path) -> Iterator[Proxy]:
    proxy = Proxy(tmp_path, free_port())
    yield from proxy.run(["microsocks", "-i", "127.0.0.1", "-p", str(proxy.port), "-u", "user", "-P", "secret"])


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def secured(authority: Authority) -> Iterator[SandboxServer]:
    server = authority.sign("localhost", "subjectAltName=DNS:localhost", "basicConstraints=critical,CA:FALSE")
    with SandboxServer(certfile=server.certificate, keyfile=server.key) as sandbox:
        yield sandbox


@pytest.fixture
def start(tmp_path: Path, authority: Authority) -> Iterator[Callable[..., Service]]:
    """GigaChat by its name, as it is in the world."""
    with ExitStack() as stack:

        def start(sandbox: SandboxServer, **settings: str) -> Service:
            ours = {
                "GIGACHAT_BASE_URL": sandbox.base_url.replace("127.0.0.1", "localhost"),
                "GIGACHAT_AUTH_URL": sandbox.auth_url.replace("127.0.0.1", "localhost"),
                "GIGACHAT_CA_BUNDLE_FILE": authority.root,
                "GPT2GIGA_MAX_CONCURRENCY": "0",
            }
            return stack.enter_context(Service(tmp_path, sandbox, **{**ours, **settings}))

        yield start


def use_everything(service: Service, sandbox: SandboxServer) -> None:
    assert service.post("/v1/chat/completions", {"messages": HELLO}).status_code == 200
    sandbox.state.script({"text": "раз два три", "frame_delay": 0.05, "times": 10})
    answers = streams(Place(service.port), 10)
    assert [(answer.finished, answer.text) for answer in answers] == [(True, "раз два три")] * 10
    assert service.post("/v1/embeddings", {"input": "Кот", "model": "Embeddings"}).status_code == 200
    assert service.get("/v1/models").json()["data"]
    file = {"file": ("cat.txt", b"meow" * 100_000)}
    stored = service.post("/v1/files", files=file, data={"purpose": "assistants"}).json()
    assert service.get(f"/v1/files/{stored['id']}/content").content == b"meow" * 100_000


def with_token(sandbox: SandboxServer) -> dict[str, str]:
    """So that a chat is the first thing that is sent."""
    return {"GIGACHAT_CREDENTIALS": "", "GIGACHAT_ACCESS_TOKEN": sandbox.state.issue_token()[0]}


def assert_refused(service: Service, why: str) -> None:
    done = service.post("/v1/chat/completions", {"messages": HELLO})
    assert done.status_code == 503 and "the proxy (HTTPS_PROXY)" in done.text
    log = service.log.read_text()
    assert f"does not let GigaChat through: {why}" in re.sub(r": (CONNECT|a request) was answered with", ":", log)
    assert "user" not in done.text + log.replace("SOCKS: user", "")


def test_tunnels_of_tinyproxy(start, secured: SandboxServer, tinyproxy: Proxy) -> None:
    use_everything(start(secured, HTTPS_PROXY="http://user:secret" + tinyproxy.at), secured)
    assert f"CONNECT localhost:{secured.base_url.split(':')[2].split('/')[0]} HTTP/1.1" in tinyproxy.log


def test_plain_http_through_tinyproxy(start, sandbox: SandboxServer, tinyproxy: Proxy) -> None:
    use_everything(start(sandbox, HTTP_PROXY="http://user:secret" + tinyproxy.at), sandbox)
    assert "POST http://localhost:" in tinyproxy.log and "CONNECT localhost" not in tinyproxy.log


@pytest.mark.parametrize("login", ["", "user:wrong"])
def test_tinyproxy_wants_its_password(start, secured: SandboxServer, tinyproxy: Proxy, login: str) -> None:
    proxy = f"http://{login}{tinyproxy.at}" if login else f"http://127.0.0.1:{tinyproxy.port}"
    assert_refused(start(secured, HTTPS_PROXY=proxy, **with_token(secured)), "401" if login else "407")


def test_it_wants_its_password_for_plain_http_too(start, sandbox: SandboxServer, tinyproxy: Proxy) -> None:
    proxy = f"http://127.0.0.1:{tinyproxy.port}"
    assert_refused(start(sandbox, HTTP_PROXY=proxy, **with_token(sandbox)), "407")


@pytest.mark.parametrize("no_proxy", ["localhost", "*"])
def test_what_no_proxy_names_passes_tinyproxy_by(
    start, secured: SandboxServer, tinyproxy: Proxy, no_proxy: str
) -> None:
    use_everything(start(secured, HTTPS_PROXY="http://user:wrong" + tinyproxy.at, NO_PROXY=no_proxy), secured)
    assert "CONNECT localhost" not in tinyproxy.log


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("tls", [True, False])
def test_microsocks(
    start, secured: SandboxServer, sandbox: SandboxServer, microsocks: Proxy, scheme: str, tls: bool
) -> None:
    used = secured if tls else sandbox
    use_everything(start(used, ALL_PROXY=f"{scheme}://user:secret{microsocks.at}"), used)
    assert "connected to localhost:" in microsocks.log


def test_microsocks_wants_its_password(start, secured: SandboxServer, microsocks: Proxy) -> None:
    wrong = start(secured, ALL_PROXY="socks5h://user:wrong" + microsocks.at, **with_token(secured))
    assert_refused(wrong, "SOCKS: user or password is wrong")
    none = start(secured, ALL_PROXY=f"socks5h://127.0.0.1:{microsocks.port}", **with_token(secured))
    assert_refused(none, "SOCKS: it wants another way to log in")


def test_microsocks_finds_nobody(start, secured: SandboxServer, microsocks: Proxy) -> None:
    nobody = {"GIGACHAT_BASE_URL": f"https://localhost:{free_port()}"}
    service = start(secured, ALL_PROXY="socks5h://user:secret" + microsocks.at, **nobody, **with_token(secured))
    assert_refused(service, "SOCKS: CONNECTION_REFUSED")
