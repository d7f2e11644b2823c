"""Fetching what a request names by URL, without becoming a door into the network that the service stands in."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from gpt2giga.concurrency import background
from gpt2giga.errors import BadRequest

CONNECT_SECONDS = 5
READ_SECONDS = 10
TOTAL_SECONDS = 30
MOST_REDIRECTS = 3
PIECE_BYTES = 64 * 1024
PORTS = {"http": 80, "https": 443}
# Everything else in IPv6 is local, special, or another way of writing an IPv4 address.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Behind it a gateway of the provider's stands for all of IPv4.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Download:
    content: bytes
    media_type: str


def is_public(address: str) -> bool:
    """Of another machine: on this one's own addresses listens what only a firewall keeps from the world."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) if found in NAT64 else found.ipv4_mapped
        if inner is None:
            is_special = found not in GLOBAL_UNICAST or bool(found.sixtofour or found.teredo)
            return found.is_global and not (is_special or _is_own(found))
        found = inner
    return found.is_global and not (found.is_multicast or _is_own(found))


def _is_own(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Only to itself does a machine send from the address that it sends to."""
    with socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), PORTS["https"]))  # chooses an address to send from, and sends nothing
        except OSError:
            return False
        return bool(probe.getsockname()[0] == str(address))


@dataclass(frozen=True, slots=True)
class Guard:
    """`verify`: check certificates, or a file with the roots to trust. seconds: for all of it, redirects included."""

    is_allowed: Callable[[str], bool] = is_public
    verify: bool | str = True
    seconds: float = TOTAL_SECONDS


def fetch(url: str, most: int, guard: Guard | None = None) -> Download:
    """At most `most` bytes. Raises BadRequest. Every redirect is checked like the first address."""
    guard = guard or Guard()
    # The limits of sockets count from the last byte, and a server may send one every few seconds.
    fetching = background.run(lambda: _follow_redirects(url, most, guard), guard.seconds)
    try:
        next(fetching)
    except StopIteration as end:
        download: Download = end.value
        return download
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise _refusal(f"it cannot be fetched ({type(error).__name__})") from None
    fetching.close()
    raise _timeout(guard)


def _follow_redirects(url: str, most: int, guard: Guard) -> Download:
    deadline = time.monotonic() + guard.seconds
    for _ in range(MOST_REDIRECTS + 1):
        with _open(url, guard) as response:
            if not response.is_redirect:
                content = b"".join(_pieces(response, most, deadline, guard))
                media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                return Download(content, media_type)
            url = urljoin(url, response.headers["Location"])
    raise _refusal(f"it redirects more than {MOST_REDIRECTS} times")


@contextmanager
def _open(url: str, guard: Guard) -> Iterator[requests.Response]:
    """Connects to the address that was checked: a second look-up of the name could give another one."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname or "@" in parts.netloc:
        raise _refusal("only http and https without credentials are fetched")
    host = parts.hostname.encode("idna").decode()
    address = _resolve(host, parts.port or PORTS[parts.scheme], guard)
    with requests.Session() as session:
        session.trust_env = False  # no proxies, and no passwords from ~/.netrc
        session.verify = guard.verify
        session.mount("https://", _Pinned(host))
        target = parts._replace(netloc=_netloc(address, parts.port), fragment="")
        with session.get(
            target.geturl(),
            headers={"Host": _netloc(host, parts.port), "Accept-Encoding": "identity"},
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as response:
            yield response


def _netloc(host: str, port: int | None) -> str:
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"


def _resolve(host: str, port: int, guard: Guard) -> str:
    """All addresses of the name must be allowed: one of them may be a decoy."""
    addresses = [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not addresses or not all(guard.is_allowed(address) for address in addresses):
        raise _refusal("its host is not a public address")
    return addresses[0]


def _pieces(response: requests.Response, most: int, deadline: float, guard: Guard) -> Iterator[bytes]:
    if response.status_code != 200:
        raise _refusal(f"it answers {response.status_code}")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _refusal("it is compressed, which was not asked for")
    left = most - int(response.headers.get("Content-Length", 0))
    left = most if left >= 0 else left
    while left >= 0:
        piece = response.raw.read1(PIECE_BYTES)
        if not piece:
            return
        if time.monotonic() > deadline:  # nobody waits any more
            raise _timeout(guard)
        left -= len(piece)
        yield piece
    raise _refusal(f"it is larger than {most} bytes")


def _timeout(guard: Guard) -> BadRequest:
    return _refusal(f"it takes longer than {guard.seconds:g} seconds")


def _refusal(why: str) -> BadRequest:
    return BadRequest(f"The URL of an attachment cannot be used: {why}.", param="messages", code="invalid_url")


class _Pinned(HTTPAdapter):
    """TLS for the host's name on a connection to its address."""

    def __init__(self, host: str) -> None:
        self._host = host
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, server_hostname=self._host, assert_hostname=self._host)
