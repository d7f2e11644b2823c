"""The SDK's client with its token handling and its connections put right (contract 9)."""

from __future__ import annotations

import threading
import time

import httpx
from gigachat import GigaChat
from gigachat.exceptions import ResponseError

from gpt2giga.settings import Settings
from gpt2giga.upstream.tls import ssl_context
from gpt2giga.upstream.wire import on_request
from gpt2giga.upstream.wire import on_response

CONNECT_TIMEOUT = 10.0
OAUTH_TIMEOUT = 30.0
# A process holds as many connections as it has requests in flight; idle ones save the next TLS handshake.
IDLE_CONNECTIONS = 100
IDLE_SECONDS = 60.0
# What the SDK raises when there is no token to be had; pydantic's and json's errors are ValueErrors.
FAILURES = (httpx.HTTPError, ResponseError, ValueError, TypeError, LookupError)


class TokenFailure(Exception):
    """GigaChat gave no token; `__cause__` says why."""


class Client(GigaChat):
    """One for a process; safe to share between threads and greenlets."""

    def __init__(self, settings: Settings) -> None:
        context = ssl_context(settings)
        super().__init__(
            base_url=settings.base_url,
            auth_url=settings.auth_url,
            credentials=settings.credentials,
            scope=settings.scope,
            access_token=settings.access_token,
            model=settings.model,
            profanity_check=settings.profanity_check,
            user=settings.user,
            password=settings.password,
            timeout=settings.timeout,
            verify_ssl_certs=settings.verify_ssl_certs,
            ssl_context=context,
            flags=list(settings.flags) if settings.flags else None,
            max_retries=0,  # the SDK's own retries replay text of a stream that was already passed on
        )
        self._settings.token_expiry_buffer_ms = settings.token_expiry_buffer_ms
        connect = min(CONNECT_TIMEOUT, settings.timeout)
        self._oauth_timeout = httpx.Timeout(min(OAUTH_TIMEOUT, settings.timeout), connect=connect)
        # The SDK would make both with one time limit for everything and connections that are dropped after 5 s.
        self._client_instance = httpx.Client(
            base_url=settings.base_url,
            verify=context,
            timeout=httpx.Timeout(settings.timeout, connect=connect, pool=settings.queue_timeout),
            limits=httpx.Limits(
                max_connections=settings.max_connections,
                max_keepalive_connections=IDLE_CONNECTIONS,
                keepalive_expiry=IDLE_SECONDS,
            ),
            # Streams are changed on their way, so they must not be compressed.
            headers={"Accept-Encoding": "identity"},
            event_hooks={"request": [on_request, self._limit_login], "response": [on_response]},
        )
        self._auth_client_instance = httpx.Client(verify=context, timeout=self._oauth_timeout)
        self._sent = threading.local()
        self._failure: Exception | None = None
        self._failed_at = 0.0

    @property
    def token(self) -> str | None:
        """The SDK reads it once per attempt; remembered, so that a 401 is blamed on the token that was sent."""
        token = super().token
        self._sent.token = token
        return token

    def _reset_token(self) -> None:
        """Called after a 401. A late one must not throw away the token that another request has just renewed."""
        with self._sync_token_lock:
            if super().token == self._sent.token:
                super()._reset_token()

    def _update_token(self) -> None:
        """Who waited for a renewal that failed fails with it, instead of asking once more after all the others."""
        asked = time.monotonic()
        with self._sync_token_lock:
            if asked > self._failed_at:
                self._renew_token()
            if self._failure is not None:
                raise TokenFailure from self._failure

    def _renew_token(self) -> None:
        self._failure = None
        try:
            super()._update_token()
        except FAILURES as error:
            self._failed_at = time.monotonic()
            self._failure = error.with_traceback(None)  # which would keep the request alive
            return
        if self._access_token is not None and not self._is_token_usable():
            # This machine's clock is wrong, or the time is in another unit: GigaChat's 401 tells then (contract 1).
            self._access_token.expires_at = 0

    def _limit_login(self, request: httpx.Request) -> None:
        """The SDK asks for a token by password with the client whose time limit is that of a long answer."""
        if request.url.path.endswith("/token"):
            request.extensions["timeout"] = self._oauth_timeout.as_dict()
