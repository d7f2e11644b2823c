"""The account's token: one for all its requests, renewed before it ends or when GigaChat has rejected it.

The SDK's own handling costs a renewal for each request that a revoked token meets (contract 9.3), and GigaChat gives
out ten a second (contract 1.5).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import httpx

from gpt2giga.concurrency import background
from gpt2giga.config.account import AccountSettings
from gpt2giga.language import _
from gpt2giga.upstream.contract.answers import Unreadable, whole_number
from gpt2giga.upstream.listener import Listener
from gpt2giga.upstream.transport.http import StatusError

# Of Token.expires_at.
NOT_KNOWN, LONG_AGO = 0, 1
# Milliseconds: as long as the longest of GigaChat's tokens lives (contract 1.10).
DAY = 86_400_000
# What the SDK raises when there is no token to be had; pydantic's and json's errors are ValueErrors. RecursionError: of
# JSON that is nested too deep.
FAILURES = (httpx.HTTPError, StatusError, Unreadable, ValueError, TypeError, LookupError, RecursionError)


class TokenFailure(Exception):
    """GigaChat gave no token; `__cause__` says why."""


class UnusableToken(ValueError):
    """The text says how GigaChat answered."""


@dataclass
class Token:
    """expires_at: milliseconds since 1970."""

    value: str
    expires_at: int


class TokenSource:
    """client: for OAuth, and with GigaChat's base URL for installations that give tokens for passwords.

    can_renew: GigaChat gives the account its tokens; it was not given one.
    """

    def __init__(self, account: AccountSettings, client: httpx.Client, listener: Listener | None) -> None:
        self._account, self._client, self._listener = account, client, listener
        self.can_renew = bool(account.credentials or (account.user and account.password))
        given = account.access_token
        self._token = Token(given, NOT_KNOWN) if given else None
        self._lock = threading.Lock()
        self._failure: Exception | None = None
        self._failed_at = 0.0

    def get(self, tick: float | None) -> Generator[list[Any], None, Token | None]:
        """None for an account that is a certificate. Raises TokenFailure.

        Yields an empty list each time `tick` seconds have passed.
        """
        if self.can_renew and not self._is_usable(self._token):
            yield from background.run(self._renew, tick)
        return self._token

    def reject(self, token: Token | None) -> bool:
        """After a 401; False when there is no other to be had.

        A late 401 does no harm: by then another request has put a new token in the rejected one's place.
        """
        if token is None or not self.can_renew:
            return False
        token.expires_at = LONG_AGO
        return True

    def _is_usable(self, token: Token | None) -> bool:
        if token is None:
            return False
        milliseconds_left = token.expires_at - time.time() * 1000
        return token.expires_at == NOT_KNOWN or milliseconds_left > self._account.token_expiry_buffer_ms

    def _renew(self) -> None:
        """Who waited for a renewal that failed fails with it, instead of asking once more after all the others."""
        asked = time.monotonic()
        with self._lock:
            if self._is_usable(self._token):
                return
            if asked > self._failed_at:
                self._ask()
            if self._failure is not None:
                raise TokenFailure from self._failure

    def _ask(self) -> None:
        self._failure = None
        try:
            token = self._issue()
        except FAILURES as error:
            self._failed_at = time.monotonic()
            self._failure = error.with_traceback(None)  # which would keep the request alive
            self._tell(False)
            return
        self._tell(True)
        # One that ends in a thousand years would never be renewed.
        token.expires_at = min(token.expires_at, int(time.time() * 1000) + DAY)
        if not self._is_usable(token):
            # This machine's clock is wrong, or the time is in seconds (contract 1.3, 1.10): GigaChat's 401 tells then.
            token.expires_at = NOT_KNOWN
        self._token = token

    def _tell(self, renewed: bool) -> None:
        if self._listener:
            self._listener.on_token_asked(renewed)

    def _issue(self) -> Token:
        """No request could be sent with an unusable one, so no 401 would ever tell that it is to be renewed."""
        token = self._ask_gigachat()
        if not re.fullmatch(r"[!-~]+", token.value):
            raise UnusableToken(_("with a token that is empty or holds characters that no header takes"))
        return token

    def _ask_gigachat(self) -> Token:
        # Only now: the SDK is half of the time that a process takes to start.
        from gigachat.api.auth import auth_sync, token_sync
        from gigachat.exceptions import ResponseError

        account = self._account
        try:
            if account.credentials:
                url, scope = account.auth_url, account.scope
                given = auth_sync(self._client, url=url, credentials=account.credentials, scope=scope)
                return Token(given.access_token, whole_number(given.expires_at))
            issued = token_sync(self._client, user=account.user or "", password=account.password or "")
            return Token(issued.tok, whole_number(issued.exp))
        except ResponseError as error:
            raise StatusError(error.status_code, error.content or b"", error.headers or {}) from error
