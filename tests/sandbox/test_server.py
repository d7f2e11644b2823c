from __future__ import annotations

import http.client
import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from gpt2giga_sandbox import SandboxServer

from .conftest import chat_body, sdk


def connect(sandbox: SandboxServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rpartition(":")[2]), timeout=10)


def post(connection: http.client.HTTPConnection, sandbox: SandboxServer, **fields: object) -> http.client.HTTPResponse:
    headers = {"Authorization": f"Bearer {sandbox.state.issue_token()[0]}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/chat/completions", json.dumps(chat_body(**fields)), headers)  # type: ignore[arg-type]
    return connection.getresponse()


def test_addresses(sandbox: SandboxServer) -> None:
    assert sandbox.url.startswith("http://127.0.0.1:")
    assert sandbox.base_url == f"{sandbox.url}/api/v1"
    assert sandbox.auth_url == f"{sandbox.url}/api/v2/oauth"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.com", ""])
def test_only_this_machine_is_served(host: str) -> None:
    with pytest.raises(ValueError, match="serves this machine only"):
        SandboxServer(host=host)


def test_connections_are_kept(sandbox: SandboxServer) -> None:
    connection = connect(sandbox)
    connection.connect()
    used = connection.sock

    for stream in (False, True, False):
        answer = post(connection, sandbox, stream=stream)
        assert answer.headers["Connection"] == "keep-alive"
        answer.read()
        assert connection.sock is used
    connection.close()


def test_an_unread_body_is_not_the_next_request(sandbox: SandboxServer) -> None:
    connection = connect(sandbox)

    for _ in range(2):
        connection.request("POST", "/api/v1/models", b"GET / HTTP/1.1\r\n\r\n" * 10)
        answer = connection.getresponse()
        assert (answer.status, answer.read()[:13]) == (405, b'{"status":405')
    connection.close()


def test_a_chunked_request_is_read(sandbox: SandboxServer) -> None:
    connection = connect(sandbox)
    headers = {"Authorization": f"Bearer {sandbox.state.issue_token()[0]}", "Content-Type": "application/json"}
    body = json.dumps(chat_body("кусками")).encode()

    connection.request("POST", "/v1/chat/completions", iter([body[:9], body[9:]]), headers, encode_chunked=True)
    answer = connection.getresponse()

    assert "кусками" in answer.read().decode()
    connection.close()


def test_http_1_0_gets_a_plain_stream(sandbox: SandboxServer) -> None:
    connection = connect(sandbox)
    connection._http_vsn, connection._http_vsn_str = 10, "HTTP/1.0"  # type: ignore[attr-defined]

    answer = post(connection, sandbox, stream=True)

    assert "Transfer-Encoding" not in answer.headers
    assert answer.read().endswith(b"data: [DONE]\n\n")
    connection.close()


def test_head_has_no_body(sandbox: SandboxServer) -> None:
    connection = connect(sandbox)

    for _ in range(2):
        connection.request("HEAD", "/api/v1/models")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (401, b"")
    connection.close()


def test_three_hundred_slow_streams_at_once(sandbox: SandboxServer) -> None:
    count = 300
    sandbox.state.script({"text": "раз", "delay": 60, "times": count})
    token = sandbox.state.issue_token()[0]
    body = json.dumps(chat_body(stream=True))
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    address = ("127.0.0.1", int(sandbox.url.rpartition(":")[2]))
    sockets = [socket.create_connection(address, timeout=10) for _ in range(count)]
    for connection in sockets:
        connection.sendall((head + body).encode())
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == count, timeout=15)

    for connection in sockets:
        connection.close()

    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == count, timeout=15)


def test_stopping_ends_open_connections() -> None:
    sandbox = SandboxServer().start()
    sandbox.state.script({"delay": 60})
    connection = connect(sandbox)
    ended = threading.Event()

    def wait() -> None:
        with pytest.raises(http.client.RemoteDisconnected):
            post(connection, sandbox)
        ended.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    sandbox.stop()
    thread.join(10)
    connection.close()

    assert ended.is_set()
    with pytest.raises(ConnectionRefusedError):
        connect(sandbox).connect()


def test_a_server_never_started_can_be_stopped() -> None:
    SandboxServer().stop()


def test_it_starts_fast() -> None:
    started = time.monotonic()
    with SandboxServer() as sandbox:
        connection = connect(sandbox)
        connection.request("GET", "/sandbox/stats")
        assert connection.getresponse().read()
        connection.close()

    assert time.monotonic() - started < 1


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    if not shutil.which("openssl"):
        pytest.skip("makes its certificate with openssl")
    files = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    output = ["-out", files[0], "-keyout", files[1]]
    subprocess.run(["openssl", "req", "-x509", *key, *names, *output], check=True, capture_output=True)
    return files


def test_tls(certificate: tuple[str, str]) -> None:
    trust = ssl.create_default_context(cafile=certificate[0])
    with SandboxServer(certfile=certificate[0], keyfile=certificate[1]) as sandbox:
        assert sandbox.url.startswith("https://")
        # A client that never shakes hands holds up no one else.
        with (
            socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2]))),
            sdk(sandbox, verify_ssl_certs=True, ssl_context=trust) as client,
        ):
            assert client.chat("Привет").choices
            sandbox.state.script({"text": "раз два три четыре", "hang_after": 1})
            stream = client.stream("Привет")
            assert next(stream).choices
            stream.close()  # type: ignore[attr-defined]

            assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)


def test_the_foreground_command_tells_its_addresses() -> None:
    command = [sys.executable, "-m", "gpt2giga_sandbox", "--port", "0", "--character", "tolerant", "--demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = dict(process.stdout.readline().strip().split("=", 1) for _ in range(3))
        url = told["GIGACHAT_AUTH_URL"].removesuffix("/api/v2/oauth")
        stats = requests.get(f"{url}/sandbox/stats", timeout=10)
        newer = requests.post(f"{url}/v2/chat/completions", timeout=10)
        settings = requests.post(f"{url}/sandbox/settings", json={}, timeout=10)
        process.terminate()

    assert stats.json()["open_streams"] == 0
    assert newer.status_code == 401
    assert settings.json()["demo"] is True
    assert told["GIGACHAT_BASE_URL"].endswith("/api/v1")
    assert told["GIGACHAT_CREDENTIALS"]
