"""Whose address is the client's, and whose word counts."""

from __future__ import annotations

import pytest

from gpt2giga.config.settings import SettingsError
from gpt2giga.config.variables import parse
from gpt2giga.web.trusted_proxies import Proxies

CASES = {
    "no proxy": ("10.0.0.1", "7.7.7.7", "", "7.7.7.7"),
    "a client that says it is another": ("10.0.0.1", "7.7.7.7", "6.6.6.6", "7.7.7.7"),
    "the proxy": ("10.0.0.1", "10.0.0.1", "7.7.7.7", "7.7.7.7"),
    "the proxy, and a client that said it is another": ("10.0.0.1", "10.0.0.1", "6.6.6.6, 7.7.7.7", "7.7.7.7"),
    "two proxies": ("10.0.0.0/8", "10.0.0.1", "6.6.6.6, 7.7.7.7, 10.0.0.2", "7.7.7.7"),
    "a proxy that says nothing": ("10.0.0.1", "10.0.0.1", "", "10.0.0.1"),
    "a proxy that passes nonsense on": ("10.0.0.1", "10.0.0.1", "<script>", "10.0.0.1"),
    "a unix socket": ("unix", "", "7.7.7.7", "7.7.7.7"),
    "a unix socket that is not trusted": ("10.0.0.1", "", "7.7.7.7", ""),
    "IPv6": ("::1", "::1", "2001:db8::1", "2001:db8::1"),
}


@pytest.mark.parametrize("trusted, peer, forwarded, client", CASES.values(), ids=CASES)
def test_client(trusted: str, peer: str, forwarded: str, client: str) -> None:
    proxies = Proxies(tuple(trusted.split(",")))
    assert proxies.client({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}) == client


@pytest.mark.parametrize("peer, vouched", [("10.1.2.3", True), ("::1", True), ("7.7.7.7", False), ("", False)])
def test_vouch(peer: str, vouched: bool) -> None:
    assert Proxies(("10.0.0.0/8", "::1")).vouch({"REMOTE_ADDR": peer}) is vouched


def test_the_setting() -> None:
    assert parse({"GPT2GIGA_TRUSTED_PROXIES": "127.0.0.1, unix"}).server.trusted_proxies == ("127.0.0.1", "unix")
    with pytest.raises(SettingsError, match="GPT2GIGA_TRUSTED_PROXIES: 'localhost'"):
        parse({"GPT2GIGA_TRUSTED_PROXIES": "localhost"})
