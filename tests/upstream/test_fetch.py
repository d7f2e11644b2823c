"""The guard around fetching. Servers on loopback are reached only because these tests allow it."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpt2giga.errors import BadRequest
from gpt2giga.upstream.files.fetch import Download, fetch, Guard, is_public
from tests.certificates import Authority
from tests.servers import MOST, raw_server, Server, serving, TlsServer

ROOT = Path(__file__).parents[2]
LOOPBACK = Guard(is_allowed=lambda address: address == "127.0.0.1")

PUBLIC = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
NOT_PUBLIC = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "224.0.0.1",
    "239.1.1.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:224.0.0.1",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_not_public(address: str) -> None:
    assert not is_public(address)


ON_A_MACHINE_WITH_THEM = """
ip link set lo up
for address in 8.8.8.8 2606:4700::1111; do ip address add "$address" dev lo; done
exec "$0" -c 'import sys
from gpt2giga.upstream.files.fetch import is_public
print(*map(is_public, sys.argv[1:]))' "$@"
"""


def test_this_machines_own_addresses_are_not_public() -> None:
    """In a network of the test's own, where such addresses can be given to it."""
    alone = ["unshare", "--user", "--map-root-user", "--net", "sh", "-ec"]
    try:
        subprocess.run([*alone, "ip link set lo up"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no network namespace can be made here")
    command = [*alone, ON_A_MACHINE_WITH_THEM, sys.executable, *PUBLIC, "8.8.4.4", "2606:4700::1001"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["False"] * len(PUBLIC) + ["True"] * 2, done.stderr


NO_PUBLIC_HOST = [
    "http://127.0.0.1/",
    "http://localhost/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://0/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[fe80::1]/",
    "https://10.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/",
    "http://224.0.0.1/",
    "http://127.0.0.1:8080/",
    "http://[64:ff9b::7f00:1]/",
    "http://①②⑦.0.0.1/",
]


@pytest.mark.parametrize("url", NO_PUBLIC_HOST)
def test_hosts_that_are_not_public(url: str) -> None:
    with pytest.raises(BadRequest, match="not a public address|gaierror") as caught:
        fetch(url, MOST)
    assert caught.value.code == "invalid_url" and caught.value.param == "messages"


BAD_URLS = [
    "file:///etc/passwd",
    "ftp://example.com/a.png",
    "gopher://127.0.0.1:70/",
    "//example.com/a.png",
    "a.png",
    "http://",
    "http:///a.png",
    "http://user:password@example.com/",
    "http://user@example.com/",
    "http://@example.com/",
    "http://example.com\\@127.0.0.1/",
    "http://example.com:port/",
    "http://example.com:99999/",
    "http://[::1",
    "http://[1.2.3]/",
    "http://a..b/",
    "http://" + "a" * 64 + ".com/",
    "http://a\x00b/",
    "http://\ud800/",
    "http://host.invalid/",
    "",
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_urls_that_are_not_fetched(url: str) -> None:
    with pytest.raises(BadRequest) as caught:
        fetch(url, MOST)
    assert caught.value.code == "invalid_url"


def test_a_name_with_one_private_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name in the world can be relied on for this, so the resolver's answer is made up."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(BadRequest, match="not a public address"):
        fetch("http://example.com/", MOST)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(Server()) as server:
        yield server


def test_fetched(server: Server) -> None:
    assert fetch(f"{server.url}/a.png", MOST, LOOPBACK) == Download(b"picture", "image/png")
    sent = server.seen[-1]
    assert sent["Host"] == f"127.0.0.1:{server.server_port}"
    assert "Authorization" not in sent and "Cookie" not in sent


def test_the_host_is_the_name(server: Server) -> None:
    fetch(f"http://LOCALHOST:{server.server_port}/a.png#fragment", MOST, LOOPBACK)
    assert server.seen[-1]["Host"] == f"localhost:{server.server_port}"


def test_passwords_of_the_machine_stay(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    fetch(f"{server.url}/a.png", MOST, LOOPBACK)
    assert "Authorization" not in server.seen[-1]


def test_redirects(server: Server) -> None:
    url = f"{server.url}/redirect?/redirect?{server.url}/a.png"
    assert fetch(url, MOST, LOOPBACK).content == b"picture"


@pytest.mark.parametrize(
    "target, why",
    [
        ("http://10.0.0.1/", "not a public address"),
        ("http://[::1]:1/", "not a public address"),
        ("//169.254.169.254/latest", "not a public address"),
        ("file:///etc/passwd", "only http and https"),
        ("http://a:b@127.0.0.1/", "without credentials"),
        ("http://[", "ValueError"),
        ("/redirect?/redirect?/redirect?/redirect?/", "redirects more than 3 times"),
    ],
)
def test_redirects_are_checked(server: Server, target: str, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        fetch(f"{server.url}/redirect?{target}", MOST, LOOPBACK)


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500])
def test_only_200_counts(server: Server, status: int) -> None:
    with pytest.raises(BadRequest, match=f"answers {status}"):
        fetch(f"{server.url}/status/{status}", MOST, LOOPBACK)


def test_compression_that_was_not_asked_for(server: Server) -> None:
    with pytest.raises(BadRequest, match="compressed"):
        fetch(f"{server.url}/zipped", MOST, LOOPBACK)


def test_too_large_by_its_own_word(server: Server) -> None:
    with pytest.raises(BadRequest, match="larger than 1000 bytes"):
        fetch(f"{server.url}/large", MOST, LOOPBACK)
    assert len(fetch(f"{server.url}/large", MOST + 1, LOOPBACK).content) == MOST + 1


def test_too_large_without_a_word() -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:  # until the other side closes
            connection.sendall(b"x" * 65536)

    with raw_server(serve) as url, pytest.raises(BadRequest, match="larger than 1000 bytes"):
        fetch(url, MOST, LOOPBACK)


@pytest.mark.parametrize("length", ["many", "-5"])
def test_a_length_that_is_none(length: str) -> None:
    with raw_server(
        lambda other: other.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode())
    ) as url:
        try:
            assert fetch(url, MOST, LOOPBACK).content == b""
        except BadRequest as error:
            assert error.code == "invalid_url"


@pytest.mark.parametrize(
    "said",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", b"HTTP/1.1 302 Found\r\n\r\n"],
    ids=["nothing", "nonsense", "cut", "redirect to nowhere"],
)
def test_answers_that_make_no_sense(said: bytes) -> None:
    with raw_server(lambda connection: connection.sendall(said)) as url, pytest.raises(BadRequest):
        fetch(url, MOST, LOOPBACK)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["head", "body"])
def test_slow_servers(head: bytes) -> None:
    """Each byte comes in time, and the whole never."""
    gone = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.sendall(head)
        while not gone.wait(0.02):
            connection.sendall(b"x")

    with raw_server(serve) as url:
        with pytest.raises(BadRequest, match="takes longer than 0.3 seconds"):
            fetch(url, MOST, replace(LOOPBACK, seconds=0.3))
        gone.set()


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(BadRequest, match="cannot be fetched"):
        fetch(f"http://127.0.0.1:{port}/", MOST, LOOPBACK)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_tls_is_for_the_name(authority: Authority) -> None:
    """Though the connection goes to an address."""
    with serving(TlsServer(authority, "localhost")) as server:
        guard = replace(LOOPBACK, verify=authority.root)
        assert fetch(server.url, MOST, guard).content == b"picture"
    assert server.names == ["localhost"] and server.seen[0]["Host"] == f"localhost:{server.server_port}"


def test_tls_for_another_name(authority: Authority) -> None:
    with (
        serving(TlsServer(authority, "example.com")) as server,
        pytest.raises(BadRequest, match="cannot be fetched .SSLError."),
    ):
        fetch(server.url, MOST, replace(LOOPBACK, verify=authority.root))
    assert not server.seen


def test_tls_by_an_unknown_authority(authority: Authority) -> None:
    with serving(TlsServer(authority, "localhost")) as server, pytest.raises(BadRequest, match="SSLError"):
        fetch(server.url, MOST, LOOPBACK)
    assert not server.seen
