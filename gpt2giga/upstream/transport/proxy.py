"""Which proxy leads to a host: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, as other programs read them.

One rule for all ways to GigaChat. httpx has one of its own, which knows no networks in NO_PROXY.
"""

from __future__ import annotations

import ipaddress
import urllib.request
from dataclasses import dataclass, field
from importlib.util import find_spec
from urllib.parse import SplitResult, unquote, urlsplit

from gpt2giga.config.settings import SettingsError
from gpt2giga.language import _

PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    """`variable` names it. A SOCKS proxy is always the one that looks names up, so socks5h is not told from socks5."""

    variable: str
    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)


def port_of(url: SplitResult) -> int:
    return url.port or PORTS[url.scheme]


def proxy_for(url: str) -> Proxy | None:
    """Raises SettingsError. None: the host is reached directly."""
    target = urlsplit(url)
    proxies = urllib.request.getproxies()
    scheme = next((scheme for scheme in (target.scheme, "all") if proxies.get(scheme)), None)
    if scheme is None or _is_exempt(target.hostname or "", port_of(target), proxies.get("no", "")):
        return None
    return _parse(f"{scheme.upper()}_PROXY", proxies[scheme])


def _is_exempt(host: str, port: int, no_proxy: str) -> bool:
    """By NO_PROXY: *, a name with all below it, an address, each also with a port, or a network as 10.0.0.0/8."""
    if any(urllib.request.proxy_bypass(name) for name in (host, f"{host}:{port}")):
        return True
    return any(name == "*" or _contains(name, host) for name in map(str.strip, no_proxy.split(",")))


def _contains(network: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _parse(variable: str, value: str) -> Proxy:
    """The value is in no message: it may hold a password."""
    try:
        url = urlsplit(value if "://" in value else f"http://{value}")
        scheme, host, port = url.scheme.removesuffix("h"), url.hostname, port_of(url)
    except (ValueError, KeyError):
        host = None
    if not host:
        raise SettingsError(
            _(
                "{variable}: its value is not an address such as http://user:password@proxy:3128 (or https, socks5)",
                variable=variable,
            )
        )
    if scheme == "socks5" and find_spec("socksio") is None:
        raise SettingsError(
            _("{variable}: a SOCKS proxy needs a package that is not installed: pip install socksio", variable=variable)
        )
    return Proxy(variable, scheme, host, port, unquote(url.username or ""), unquote(url.password or ""))
