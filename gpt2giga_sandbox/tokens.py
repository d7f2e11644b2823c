"""Access tokens: issuing, checking, and the limit on asking for them (contract 1.2, 1.5, 1.11)."""

from __future__ import annotations

import base64
import secrets
import time
from collections import deque

from gpt2giga_sandbox.refusal import Refusal


class Tokens:
    """Not locked: State calls it under its own lock."""

    def __init__(self) -> None:
        self.expires: dict[str, float] = {}
        # The account that each is of, and the scope that it was given for.
        self.owners: dict[str, str] = {}
        self.scopes: dict[str, str] = {}
        self.asked: deque[float] = deque()

    def issue(self, lifetime: float, account: str = "", scope: str = "") -> tuple[str, int]:
        """The token, about 1.2 kB as the real one, and the end of its life in milliseconds."""
        token = secrets.token_urlsafe(900)
        ends = time.time() + lifetime
        self.expires[token], self.owners[token], self.scopes[token] = ends, account, scope
        return token, int(ends * 1000)

    def scope(self, authorization: str) -> str:
        """Empty where it is not known."""
        return self.scopes.get(authorization.partition(" ")[2], "")

    def check(self, authorization: str) -> str:
        """Whose it is."""
        kind, _, token = authorization.partition(" ")
        if kind != "Bearer" or token not in self.expires:
            raise Refusal(401, "Unauthorized")
        if self.expires[token] <= time.time():
            raise Refusal(401, "Token has expired")
        return self.owners[token]

    def revoke(self) -> None:
        self.expires = dict.fromkeys(self.expires, 0)

    def restore(self, lifetime: float) -> None:
        self.expires = dict.fromkeys(self.expires, time.time() + lifetime)

    def admit(self, per_second: int | None) -> bool:
        """False above `per_second` requests in the last second."""
        now = time.monotonic()
        while self.asked and self.asked[0] <= now - 1:
            self.asked.popleft()
        if per_second is not None and len(self.asked) >= per_second:
            return False
        self.asked.append(now)
        return True


def basic_pair(authorization: str) -> tuple[str, str] | None:
    """Name and secret of a Basic header, None if it does not hold them."""
    kind, _, key = authorization.partition(" ")
    try:
        name, colon, secret = base64.b64decode(key, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (name, secret) if kind == "Basic" and colon and name and secret else None
