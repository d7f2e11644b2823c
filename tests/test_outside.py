"""What people without a key can do to those who have one: nothing."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

import pytest

from gpt2giga.serving.address_limit import AddressLimit
from gpt2giga_sandbox.server import SandboxServer
from tests import raw
from tests.service import Service
from tests.sockets import HELLO

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
KEY = "Authorization: Bearer first"
MOST_REQUESTS, MOST_CONNECTIONS = 20, 30


@pytest.fixture
def public(service_with: Callable[..., Service]) -> Service:
    """It wants one of two keys, and its limits are small."""
    return service_with(
        GPT2GIGA_API_KEY="first,second",
        GPT2GIGA_BODY_TIMEOUT="0.5",
        GPT2GIGA_CONNECTIONS_PER_ADDRESS=str(MOST_CONNECTIONS),
        GPT2GIGA_MAX_OPEN_REQUESTS=str(MOST_REQUESTS),
    )


@pytest.fixture
def own_address() -> str:
    """One of this machine's that is not loopback: whoever comes from there looks like somebody from outside."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address: str = probe.getsockname()[0]
        return address


def serves_its_owner(service: Service) -> bool:
    answer = service.post(CHAT, {"messages": HELLO}, headers={"Authorization": "Bearer first"})
    return answer.status_code == service.get("/health").status_code == 200


NO_BODY = "Content-Length: 100000"
ATTACKS = {
    "no key": (raw.head(CHAT, NO_BODY), 401),
    "wrong key": (raw.head(MESSAGES, NO_BODY, "x-api-key: third"), 401),
    "no such path": (raw.head("/nothing", "Transfer-Encoding: chunked"), 401),
    "the probe": (raw.head("/health", NO_BODY, method="GET"), 200),
    "the page": (raw.head("/", NO_BODY, "Accept: text/html", method="GET"), 200),
    "preflights": (raw.head(CHAT, NO_BODY, method="OPTIONS"), 200),
    "headers without end": (f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nX-Endless: ".encode(), None),
}


def test_sockets_without_a_key(public: Service, sandbox: SandboxServer) -> None:
    """Hundreds whose requests are never whole, where twenty requests may be in work."""
    with contextlib.ExitStack() as stack:
        attackers = []
        for request_head, status in [*ATTACKS.values()] * 3 * MOST_REQUESTS:
            attackers.append((stack.enter_context(raw.connect(public.port)), status))
            attackers[-1][0].sendall(request_head)
        for attacker, status in attackers:
            if status:  # the answer need not be waited for
                assert attacker.recv(12, socket.MSG_WAITALL) == f"HTTP/1.1 {status}".encode()
        assert serves_its_owner(public)
        assert all(has_ended(attacker) for attacker, _ in attackers), "they would hold their connections for ever"
    assert serves_its_owner(public)


def has_ended(connection: socket.socket) -> bool:
    with contextlib.suppress(ConnectionError):
        while connection.recv(65536):
            pass
    return True


def test_whoever_has_a_key_counts(public: Service) -> None:
    bodiless = raw.head(CHAT, KEY, NO_BODY)
    with contextlib.ExitStack() as stack:

        def is_full() -> bool:
            for _ in range(MOST_REQUESTS):
                stack.enter_context(raw.connect(public.port)).sendall(bodiless)
            return raw.exchange(public.port, CHAT, KEY, body=b"{}").status == 503

        raw.wait_until(is_full)
        assert public.get("/health").status_code == 200
        assert raw.exchange(public.port, CHAT, body=b"{}").status == 401


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize(
    "start", [raw.head("", KEY, NO_BODY) + b'{"mess', raw.head("", KEY, "Transfer-Encoding: chunked") + b"6\r\n{"]
)
def test_a_body_that_stops_coming(public: Service, path: str, start: bytes) -> None:
    with raw.connect(public.port) as connection:
        connection.sendall(start.replace(b"POST ", f"POST {path}".encode(), 1))
        answer = raw.answer(connection)
        assert answer.status == 408 and b"GPT2GIGA_BODY_TIMEOUT" in answer.body
        if path == CHAT:
            assert (answer.error["type"], answer.error["code"]) == ("invalid_request_error", "request_timeout")
        else:
            assert b'{"type":"error","error":{"type":"' in answer.body
        assert has_ended(connection)


def test_a_slow_body_is_waited_for(public: Service) -> None:
    """Each piece comes in time, and all of them together take longer."""
    body = b'{"messages": [{"role": "user", "content": "a"}]}'
    with raw.connect(public.port) as connection:
        connection.sendall(raw.head(CHAT, KEY, f"Content-Length: {len(body)}"))
        for at in range(0, len(body), 12):
            time.sleep(0.2)
            connection.sendall(body[at : at + 12])
        assert raw.answer(connection).status == 200
        time.sleep(0.7)  # the limit was the body's, not the connection's
        connection.sendall(raw.head("/health", method="GET"))
        assert raw.answer(connection, "GET").status == 200


def from_address(service: Service, address: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), raw.PATIENCE, (address, 0))


def health(connection: socket.socket) -> raw.Answer:
    connection.sendall(raw.head("/health", method="GET"))
    return raw.answer(connection, "GET")


def test_connections_of_one_address(public: Service, own_address: str) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS):
            assert health(stack.enter_context(from_address(public, own_address))).status == 200
        for _ in range(2):
            with from_address(public, own_address) as connection:
                refused = raw.answer(connection)
            assert (refused.status, refused.error["code"]) == (429, "too_many_connections")
            assert refused.headers["Retry-After"] and "GPT2GIGA_CONNECTIONS_PER_ADDRESS" in refused.error["message"]
        for _ in range(MOST_CONNECTIONS + 1):
            assert health(stack.enter_context(raw.connect(public.port))).status == 200, "loopback has no limit"
        assert serves_its_owner(public)
        assert public.log.read_text().count(f"WARNING {own_address} has {MOST_CONNECTIONS} connections open") == 1

    def is_served_again() -> bool:
        with from_address(public, own_address) as connection:
            return health(connection).status == 200

    raw.wait_until(is_served_again)


@pytest.fixture
def limit() -> AddressLimit:
    return AddressLimit(2, ("10.1.0.0/16",))


@pytest.mark.parametrize(
    "peer", [("127.0.0.1", 1), ("127.9.9.9", 1), ("::1", 1, 0, 0), ("::ffff:127.0.0.1", 1, 0, 0), "", b"", None]
)
def test_who_has_no_limit(limit: AddressLimit, peer: object) -> None:
    assert all(places(limit, [peer] * 5))


def test_trusted_proxies_have_no_limit(limit: AddressLimit) -> None:
    assert all(places(limit, [("10.1.2.3", 1)] * 5 + [("::ffff:10.1.2.3", 1, 0, 0)] * 5))


SAME = {
    "IPv4": [("198.51.100.1", port) for port in (1, 2, 3)],
    "IPv4 as IPv6": [("::ffff:198.51.100.1", 1, 0, 0), ("198.51.100.1", 2), ("::ffff:c633:6401", 3, 0, 0)],
    "one network of IPv6": [(f"2001:db8:0:1:{host}::1", 1, 0, 0) for host in (1, 2, 3)],
    "this machine's link": [("fe80::1%eth0", 1, 0, 2)] * 3,
}


@pytest.mark.parametrize("peers", SAME.values(), ids=SAME)
def test_who_shares_a_limit(limit: AddressLimit, peers: list[object]) -> None:
    for _ in range(2):  # each gives its place back
        assert places(limit, peers) == [True, True, False]


def test_others_do_not_share_it(limit: AddressLimit) -> None:
    networks = [(f"2001:db8:0:{network}::1", 1, 0, 0) for network in (1, 2, 3)]
    assert all(places(limit, [*networks, ("198.51.100.1", 1), ("198.51.100.2", 1), ("198.51.100.3", 1)]))


def places(limit: AddressLimit, peers: list[object]) -> list[bool]:
    with contextlib.ExitStack() as stack:
        return [stack.enter_context(limit.place(peer)) for peer in peers]


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models", "/ui/page.js", "/nothing"])
def test_no_answer_is_taken_for_what_it_is_not(service: Service, path: str) -> None:
    """By a browser that guesses."""
    for method in ("GET", "POST", "OPTIONS"):
        assert service.request(method, path).headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "PATH_INFO", "Script-Name", "script_name"])
def test_a_path_is_the_request_lines(service: Service, name: str) -> None:
    """Whoever asks from loopback counts as a web server for gunicorn, and so all that a web server passes on."""
    for prefix in ("/v1", "/nothing"):
        answer = raw.exchange(service.port, "/v1/models", f"{name}: {prefix}", method="GET")
        assert answer.status == 200 and b'"object":"list"' in answer.body


def test_what_proxies_say_of_the_scheme_refuses_nothing(service: Service) -> None:
    """Of two proxies in a row one may speak TLS and the other not."""
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "off"}
    assert service.get("/v1/models", headers=headers).status_code == 200
