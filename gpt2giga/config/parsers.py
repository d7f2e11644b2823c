"""What the texts of settings mean. A ValueError says what is allowed: it ends the sentence "X is not ..."."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit


def text(value: str) -> str:
    return value


def boolean(value: str) -> bool:
    meanings = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    try:
        return meanings[value.lower()]
    except KeyError:
        raise ValueError("True or False") from None


def whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,12}", value) or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    return parse


def seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        if not re.fullmatch(r"\d{1,9}(\.\d+)?", value) or not low <= float(value) <= high:
            raise ValueError(f"a number of seconds from {low:g} to {high:g}")
        return float(value)

    return parse


def one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError("one of: " + ", ".join(allowed))
        return value

    return parse


def url(value: str) -> str:
    """Without user and password, which no request would use: so nothing can ever show them."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("an address such as https://api.giga.chat/v1")
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")


def host(value: str) -> str:
    """A name means the same in capitals, an IPv6 address the same in a URL's brackets; a path does not."""
    return value if value.startswith("unix:") else value.strip("[]").lower()


def redis_url(value: str) -> str:
    if urlsplit(value).scheme not in ("redis", "rediss", "unix"):
        raise ValueError("an address such as redis://:password@host:6379/0")
    return value


def postgresql_url(value: str) -> str:
    if urlsplit(value).scheme not in ("postgresql", "postgres"):
        raise ValueError("an address such as postgresql://user:password@host/name")
    return value


def comma_list(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def keys(value: str) -> tuple[str, ...]:
    """Never none: whoever sets a key wants one to be asked for."""
    found = comma_list(value)
    if not found:
        raise ValueError("a key, or several separated by commas")
    return found


def size(value: str) -> int:
    match = re.fullmatch(r"([1-9]\d{0,8})\s*(|[kmg]i?b?)", value.lower())
    if not match:
        raise ValueError("a number of bytes, such as 33554432 or 32MiB")
    power: int = " kmg".index(match[2][:1] or " ")
    return int(match[1]) << 10 * power


def statuses(value: str) -> tuple[int, ...]:
    return tuple(whole_number(400, 599)(word) for word in comma_list(value.strip("[]()")))


def proxies(value: str) -> tuple[str, ...]:
    for word in comma_list(value):
        try:
            word == "unix" or ipaddress.ip_network(word, strict=False)
        except ValueError:
            raise ValueError("a list such as 127.0.0.1,10.0.0.0/8,unix") from None
    return comma_list(value)


def host_names(value: str) -> tuple[str, ...]:
    found = comma_list(value)
    if any("/" in word for word in found):
        raise ValueError("a list of names such as ai.example.com,*.example.com")
    return found


def origins(value: str) -> tuple[str, ...]:
    """`null` is none: the pages of whoever likes have it, for it is the origin of each sandboxed frame."""
    found = comma_list(value)
    if not all("://" in word or word == "*" for word in found):
        raise ValueError("a list such as https://app.example.com,https://*.example.com, or *")
    return found


def pairs(value: str) -> tuple[tuple[str, str], ...]:
    """`a=b,c=d`"""
    found = []
    for word in comma_list(value):
        left, equals, right = (piece.strip() for piece in word.partition("="))
        if not (left and equals and right):
            raise ValueError("a list such as gpt-4o=GigaChat-2-Max,gpt-4o-mini=GigaChat-2")
        found.append((left, right))
    return tuple(found)


def authorization_key(value: str) -> str:
    """The key as OAuth takes it: base64 of `client id:client secret`; a pair that is not encoded yet is encoded."""
    key = "".join(value.split())
    try:
        pair = key.encode() if ":" in key else base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        pair = b""
    client_id, _, secret = pair.partition(b":")
    if not (client_id and secret):
        raise ValueError("the Authorization Key from Sber Studio: base64 on one line, or client id:client secret")
    return base64.b64encode(pair).decode() if ":" in key else key
