"""What the texts of settings mean. A ValueError says what is allowed: it ends the sentence "X is not ..."."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from gpt2giga.language import _

SCOPES = ("GIGACHAT_API_PERS", "GIGACHAT_API_B2B", "GIGACHAT_API_CORP")
OF_SCOPES = "GIGACHAT_API_"
# What follows the colon has to be long enough for a key: one that ends in `:1` must not shrink to that.
NAMED_KEY = re.compile(r"([A-Za-z0-9_.-]{1,64}):(.{8,})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A key of GPT2GIGA_API_KEY. `name` is what the log calls it: empty for one alone that has none.

    Of `name:key`, `whole` is all of it, which clients may show as well: it may have been somebody's key before keys had
    names. What stands before the colon is then a part of the key and must not be told, so its name is `whole_name`.
    """

    key: str
    name: str
    whole: str = ""
    whole_name: str = ""

    @property
    def is_nearly_named(self) -> bool:
        name, colon, rest = self.key.partition(":")
        return bool(colon and not self.whole and NAMED_KEY.fullmatch(f"{name}:{rest:>8}"))


@dataclass(frozen=True, slots=True)
class AccountKey:
    """The Authorization Key of a GigaChat account. scope: empty where none was named with it."""

    name: str
    key: str
    scope: str


def text(value: str) -> str:
    return value


def boolean(value: str) -> bool:
    meanings = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    try:
        return meanings[value.lower()]
    except KeyError:
        raise ValueError(_("True or False")) from None


def whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,12}", value) or not low <= int(value) <= high:
            raise ValueError(_("a whole number from {low} to {high}", low=low, high=high))
        return int(value)

    return parse


def seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        if not re.fullmatch(r"\d{1,9}(\.\d+)?", value) or not low <= float(value) <= high:
            raise ValueError(_("a number of seconds from {low:g} to {high:g}", low=low, high=high))
        return float(value)

    return parse


def one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(_("one of: {names}", names=", ".join(allowed)))
        return value

    return parse


def log_level(value: str) -> str:
    return one_of("debug", "info", "warning", "error")(value.lower())


def url(value: str) -> str:
    """Without user and password, which no request would use: so nothing can ever show them."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(_("an address such as https://api.giga.chat/v1"))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")


def host(value: str) -> str:
    """A name means the same in capitals, an IPv6 address the same in a URL's brackets; a path does not."""
    return value if value.startswith("unix:") else value.strip("[]").lower()


def redis_url(value: str) -> str:
    if urlsplit(value).scheme not in ("redis", "rediss", "unix"):
        raise ValueError(_("an address such as redis://:password@host:6379/0"))
    return value


def postgresql_url(value: str) -> str:
    if urlsplit(value).scheme not in ("postgresql", "postgres"):
        raise ValueError(_("an address such as {example}", example="postgresql://user:password@host/name"))
    return value


def comma_list(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def client_keys(value: str) -> tuple[ClientKey, ...]:
    """Never none: whoever sets a key wants one to be asked for."""
    words = comma_list(value)
    if not words:
        raise ValueError(_("a key, or several separated by commas, each with a name if you like: name:key"))
    return tuple(_client_key(word, "" if len(words) == 1 else f"key-{place}") for place, word in enumerate(words, 1))


def _client_key(word: str, position: str) -> ClientKey:
    if found := NAMED_KEY.fullmatch(word):
        return ClientKey(found[2], found[1], word, position or "key-1")
    return ClientKey(word, position)


def size_or_none(value: str) -> int:
    """0: nothing at all."""
    return 0 if value == "0" else size(value)


def size(value: str) -> int:
    match = re.fullmatch(r"([1-9]\d{0,8})\s*(|[kmg]i?b?)", value.lower())
    if not match:
        raise ValueError(_("a number of bytes, such as 33554432 or 32MiB"))
    power: int = " kmg".index(match[2][:1] or " ")
    return int(match[1]) << 10 * power


def statuses(value: str) -> tuple[int, ...]:
    return tuple(whole_number(400, 599)(word) for word in comma_list(value.strip("[]()")))


def proxies(value: str) -> tuple[str, ...]:
    for word in comma_list(value):
        try:
            word == "unix" or ipaddress.ip_network(word, strict=False)
        except ValueError:
            raise ValueError(_("a list such as 127.0.0.1,10.0.0.0/8,unix")) from None
    return comma_list(value)


def host_names(value: str) -> tuple[str, ...]:
    found = comma_list(value)
    if any("/" in word for word in found):
        raise ValueError(_("a list of names such as ai.example.com,*.example.com"))
    return found


def origins(value: str) -> tuple[str, ...]:
    """`null` is none: the pages of whoever likes have it, for it is the origin of each sandboxed frame."""
    found = comma_list(value)
    if not all("://" in word or word == "*" for word in found):
        raise ValueError(_("a list such as https://app.example.com,https://*.example.com, or *"))
    return found


def pairs(value: str) -> tuple[tuple[str, str], ...]:
    """`a=b,c=d`"""
    found = []
    for word in comma_list(value):
        left, equals, right = (piece.strip() for piece in word.partition("="))
        if not (left and equals and right):
            raise ValueError(_("a list such as gpt-4o=GigaChat-2-Max,gpt-4o-mini=GigaChat-2"))
        found.append((left, right))
    return tuple(found)


def fallbacks(value: str) -> tuple[str, ...]:
    """`a>b>c,d>e`: chains of models, each without blanks."""
    chains = [tuple(name.strip() for name in chain.split(">")) for chain in comma_list(value)]
    if not chains or not all(len(chain) > 1 and all(chain) for chain in chains):
        raise ValueError(_("a chain such as GigaChat-2-Max>GigaChat-2-Pro>GigaChat-2, or several with commas between"))
    followers: dict[str, list[str]] = {}
    for names in ([name.lower() for name in chain] for chain in chains):
        for place, name in enumerate(names[:-1], 1):
            if followers.setdefault(name, names[place:]) != names[place:]:
                raise ValueError(_("clear: two chains go on differently behind {model}", model=name))
    for name in followers:
        if name in _reached(name, followers):
            raise ValueError(_("free of loops: {model} would stand in for itself", model=name))
    return tuple(">".join(chain) for chain in chains)


def _reached(name: str, followers: dict[str, list[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [*followers[name]]
    while waiting:
        if (other := waiting.pop()) not in found:
            found.add(other)
            waiting += followers.get(other, [])
    return found


def prices(value: str) -> tuple[tuple[str, float], ...]:
    """`a=1.5,b=2`"""
    expected = _("a list such as GigaChat-2-Max=650,GigaChat-2=65")
    try:
        found = tuple((name.strip(), float(price)) for name, price in (word.split("=") for word in comma_list(value)))
    except ValueError:
        raise ValueError(expected) from None
    if not all(name and 0 <= price < math.inf for name, price in found):
        raise ValueError(expected)
    return found


def authorization_key(value: str) -> str:
    """The key as OAuth takes it: base64 of `client id:client secret`; a pair that is not encoded yet is encoded."""
    key = "".join(value.split())
    try:
        pair = key.encode() if ":" in key else base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        pair = b""
    client_id, _colon, secret = pair.partition(b":")
    if not (client_id and secret):
        raise ValueError(_("the Authorization Key from Sber Studio: base64 on one line, or client id:client secret"))
    return base64.b64encode(pair).decode() if ":" in key else key


def scoped_key(value: str) -> tuple[str, str]:
    """`KEY` or `KEY:SCOPE` as key and scope, which is empty where none is named."""
    key, _colon, scope = value.rpartition(":")
    if scope.strip() in SCOPES:
        return authorization_key(key), scope.strip()
    if _is_encoded(key) or scope.strip().upper().startswith(OF_SCOPES):  # no secret looks like a scope
        raise ValueError(_("a key with a scope after the colon that is one of: {names}", names=", ".join(SCOPES)))
    return authorization_key(value), ""


def _is_encoded(key: str) -> bool:
    """Unlike a client id, which may stand before a colon too."""
    try:
        return authorization_key(key) == key
    except ValueError:
        return False


def account_keys(value: str) -> tuple[AccountKey, ...]:
    """Their names are their places. One that is named twice is one account."""
    found: dict[str, AccountKey] = {}
    words = comma_list(value)
    for place, word in enumerate(words, 1):
        try:
            key, scope = scoped_key(word)
        except ValueError as error:
            if len(words) == 1:
                raise
            where = _("{allowed} (number {place} of {count})", allowed=error, place=place, count=len(words))
            raise ValueError(where) from None
        found.setdefault(key, AccountKey(str(place), key, scope))
    if not found:
        authorization_key(value)
    return tuple(found.values())


def first_account_key(value: str) -> str:
    return account_keys(value)[0].key
