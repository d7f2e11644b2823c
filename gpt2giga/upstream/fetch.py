"""Fetching what a request names by URL, without becoming a door into the network that the service stands in."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from gpt2giga.errors import BadRequest

CONNECT_SECONDS = 5
READ_SECONDS = 10
ALL_SECONDS = 30
MOST_REDIRECTS = 3
PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Fetched:
    content: bytes
    media_type: str


def is_public(address: str) -> bool:
    found = ipaddress.ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global and not found.is_multicast


def fetch(url: str, most: int, *, allowed: Callable[[str], bool] = is_public) -> Fetched:
    """At most `most` bytes. Raises BadRequest. Every redirect is checked like the first address."""
    deadline = time.monotonic() + ALL_SECONDS
    for _ in range(MOST_REDIRECTS + 1):
        try:
            with _get(url, allowed) as response:
                if not response.is_redirect:
                    return _read(response, most, deadline)
                url = urljoin(url, response.headers["Location"])
        except (requests.RequestException, OSError) as error:
            raise _refused(f"it cannot be fetched ({type(error).__name__})") from None
    raise _refused(f"it redirects more than {MOST_REDIRECTS} times")


def _get(url: str, allowed: Callable[[str], bool]) -> requests.Response:
    """Connects to the address that was checked: a second look-up of the name could give another one."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        raise _refused("only http and https without credentials are fetched")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise _refused("its port is no number") from None
    address = _resolve(host, port, allowed)
    session = requests.Session()
    session.trust_env = False  # no proxies, and no passwords from ~/.netrc
    session.mount("https://", _Pinned(host))
    target = parts._replace(netloc=f"[{address}]:{port}" if ":" in address else f"{address}:{port}", fragment="")
    return session.get(
        target.geturl(),
        headers={"Host": parts.netloc, "Accept-Encoding": "identity"},
        timeout=(CONNECT_SECONDS, READ_SECONDS),
        allow_redirects=False,
        stream=True,
    )


def _resolve(host: str, port: int, allowed: Callable[[str], bool]) -> str:
    """All addresses of the name must be allowed: one of them may be a decoy."""
    addresses = [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not addresses or not all(allowed(address) for address in addresses):
        raise _refused("its host is not a public address")
    return addresses[0]


def _read(response: requests.Response, most: int, deadline: float) -> Fetched:
    if response.status_code != 200:
        raise _refused(f"it answers {response.status_code}")
    content = bytearray()
    for piece in response.iter_content(PIECE):
        content += piece
        if len(content) > most:
            raise _refused(f"it is larger than {most} bytes")
        if time.monotonic() > deadline:
            raise _refused(f"it takes longer than {ALL_SECONDS} seconds")
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Fetched(bytes(content), media_type)


def _refused(why: str) -> BadRequest:
    return BadRequest(f"The URL of an attachment cannot be used: {why}.", param="messages", code="invalid_url")


class _Pinned(HTTPAdapter):
    """TLS for the host's name on a connection to its address."""

    def __init__(self, host: str) -> None:
        self._host = host
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, server_hostname=self._host, assert_hostname=self._host)
