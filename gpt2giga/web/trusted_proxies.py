"""Which proxies are believed when they say for whom they ask (GPT2GIGA_TRUSTED_PROXIES)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any


class Proxies:
    def __init__(self, trusted: tuple[str, ...]) -> None:
        self._networks = [ipaddress.ip_network(word, strict=False) for word in trusted if word != "unix"]
        self._unix = "unix" in trusted

    def vouch(self, environ: Mapping[str, Any]) -> bool:
        """True when the request comes through one of them."""
        return self.trust(environ.get("REMOTE_ADDR", ""))

    def client(self, environ: Mapping[str, Any]) -> str:
        """The address farthest away that a trusted proxy has seen with its own eyes.

        Each proxy adds the address it was asked from at the right; what stands left of the first address that
        is not a trusted proxy was written by whoever sits there.
        """
        address: str = environ.get("REMOTE_ADDR", "")
        told = [word.strip() for word in environ.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        while self.trust(address) and told and parse(told[-1]):
            address = told.pop()
        return address

    def trust(self, address: str) -> bool:
        found = parse(address)
        if found is None:  # a unix socket has no address
            return self._unix
        return any(found in network for network in self._networks)


def parse(word: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """None for what is no address. A socket for both kinds of addresses writes those of IPv4 as IPv6's."""
    try:
        found = ipaddress.ip_address(word)
    except ValueError:
        return None
    return (isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped) or found
