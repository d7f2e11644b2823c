"""Which proxy leads where, by the variables that all programs read."""

from __future__ import annotations

import sys

import pytest

from gpt2giga.config.settings import SettingsError
from gpt2giga.upstream.transport.proxy import Proxy, proxy_for

HTTPS = "https://api.giga.chat/v1"
PROXY = "http://proxy:3128"


def found(monkeypatch: pytest.MonkeyPatch, url: str, **environ: str) -> Proxy | None:
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    return proxy_for(url)


VARIABLES = {
    "none": (HTTPS, {}, None),
    "of the scheme": (HTTPS, {"HTTPS_PROXY": PROXY}, "HTTPS_PROXY"),
    "in small letters": (HTTPS, {"https_proxy": PROXY}, "HTTPS_PROXY"),
    "of another scheme": (HTTPS, {"HTTP_PROXY": PROXY}, None),
    "of all": (HTTPS, {"all_proxy": PROXY}, "ALL_PROXY"),
    "of the scheme and of all": (HTTPS, {"HTTPS_PROXY": PROXY, "ALL_PROXY": "http://other"}, "HTTPS_PROXY"),
    "empty": (HTTPS, {"HTTPS_PROXY": "", "ALL_PROXY": PROXY}, "ALL_PROXY"),
    "plain http": ("http://giga", {"HTTP_PROXY": PROXY}, "HTTP_PROXY"),
    "plain http in CGI, where a client's header Proxy sets it": (
        *("http://giga", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, None),
    ),
}


@pytest.mark.parametrize(("url", "environ", "variable"), VARIABLES.values(), ids=VARIABLES)
def test_variables(monkeypatch: pytest.MonkeyPatch, url: str, environ: dict[str, str], variable: str | None) -> None:
    proxy = found(monkeypatch, url, **environ)
    assert proxy == (Proxy(variable, "http", "proxy", 3128) if variable else None)


@pytest.mark.parametrize(
    ("url", "no_proxy", "exempt"),
    [
        (HTTPS, "*", True),
        (HTTPS, "localhost, *", True),
        (HTTPS, "api.giga.chat", True),
        (HTTPS, "localhost, GIGA.chat", True),
        (HTTPS, ".giga.chat", True),
        (HTTPS, "api.giga.chat:443", True),
        (HTTPS, "api.giga.chat:8443", False),
        (HTTPS, "iga.chat", False),
        (HTTPS, "chat.giga.api,,", False),
        ("https://10.1.2.3/v1", "10.1.2.3", True),
        ("https://10.1.2.3/v1", "10.0.0.0/8", True),
        ("https://10.1.2.3/v1", "192.168.0.0/16,fd00::/8", False),
        ("https://10.1.2.3:8443/v1", "10.1.2.3:8443", True),
        ("https://[fd00::5]/v1", "fd00::5", True),
        ("https://[fd00::5]/v1", "10.0.0.0/8,fd00::/8", True),
    ],
)
def test_exceptions(monkeypatch: pytest.MonkeyPatch, url: str, no_proxy: str, exempt: bool) -> None:
    assert (found(monkeypatch, url, HTTPS_PROXY=PROXY, NO_PROXY=no_proxy) is None) is exempt


@pytest.mark.parametrize(
    ("value", "proxy"),
    [
        ("proxy", ("http", "proxy", 80, "", "")),
        ("user:pass@proxy:3128", ("http", "proxy", 3128, "user", "pass")),
        ("HTTP://user@proxy:3128/", ("http", "proxy", 3128, "user", "")),
        ("http://DOM%5Cuser:p%40s%3As@proxy:3128", ("http", "proxy", 3128, "DOM\\user", "p@s:s")),
        ("https://[::1]", ("https", "::1", 443, "", "")),
        ("socks5://proxy", ("socks5", "proxy", 1080, "", "")),
        ("socks5h://user:pass@proxy:9050", ("socks5", "proxy", 9050, "user", "pass")),
    ],
)
def test_values(monkeypatch: pytest.MonkeyPatch, value: str, proxy: tuple[str, str, int, str, str]) -> None:
    assert found(monkeypatch, HTTPS, HTTPS_PROXY=value) == Proxy("HTTPS_PROXY", *proxy)


@pytest.mark.parametrize(
    "value", ["http://", "ftp://user:secret@proxy", "socks4://proxy", "http://user:sec#ret@proxy:1", "http://proxy:0x"]
)
def test_values_that_are_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    with pytest.raises(SettingsError, match="ALL_PROXY: its value is not an address") as caught:
        found(monkeypatch, HTTPS, ALL_PROXY=value)
    assert "sec" not in str(caught.value)


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(SettingsError, match="HTTPS_PROXY: .*pip install socksio"):
        found(monkeypatch, HTTPS, HTTPS_PROXY="socks5://proxy")


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "secret" not in repr(found(monkeypatch, HTTPS, HTTPS_PROXY="http://user:secret@proxy"))
