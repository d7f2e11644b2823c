"""How many connections one address may have (GPT2GIGA_CONNECTIONS_PER_ADDRESS): a worker has only so many for all."""

from __future__ import annotations

import ipaddress
import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gpt2giga.web.trusted_proxies import parse, Proxies

log = logging.getLogger(__name__)

# A customer of an IPv6 provider has all addresses of such a network.
CUSTOMERS_PREFIX = 64
SENTENCE = "Too many connections from your address (GPT2GIGA_CONNECTIONS_PER_ADDRESS)."


def _refusal() -> bytes:
    """The request has not been read, so the error has a form that clients of OpenAI and of Anthropic understand."""
    error = {"message": SENTENCE, "type": "rate_limit_error", "param": None, "code": "too_many_connections"}
    body = json.dumps({"type": "error", "error": error}).encode()
    head = "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Type: application/json\r\nRetry-After: 5\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class AddressLimit:
    """This machine's own clients and trusted proxies, which ask for many, have no limit."""

    refusal = _refusal()

    def __init__(self, most: int, trusted_proxies: tuple[str, ...]) -> None:
        self._most, self._proxies = most, Proxies(trusted_proxies)
        self._open: Counter[str] = Counter()
        self._told: set[str] = set()  # once in the log is enough for an attack

    @contextmanager
    def place(self, peer: Any) -> Iterator[bool]:
        """peer: as a socket tells it. False: all places of its address are taken."""
        owner = self._owner(peer)
        if not owner:
            yield True
            return
        if self._open[owner] >= self._most:
            if owner not in self._told:
                self._told.add(owner)
                log.warning(
                    "%s has %d connections open and gets no more (GPT2GIGA_CONNECTIONS_PER_ADDRESS)", owner, self._most
                )
            yield False
            return
        self._open[owner] += 1
        try:
            yield True
        finally:
            self._open[owner] -= 1
            if not self._open[owner]:
                del self._open[owner]
                self._told.discard(owner)

    def _owner(self, peer: Any) -> str:
        """Empty where nothing is counted; a unix socket's peer has no address."""
        address = parse(peer[0]) if isinstance(peer, tuple) else None
        if address is None or address.is_loopback or self._proxies.trust(str(address)):
            return ""
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.IPv6Network((int(address), CUSTOMERS_PREFIX), strict=False))
        return str(address)
