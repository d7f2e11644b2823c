"""The SDK's client with its token handling and its connections put right (contract 9)."""

from __future__ import annotations

import threading
import time

import httpx
from gigachat import GigaChat
from gigachat.exceptions import ResponseError

from gpt2giga.settings import Settings
from gpt2giga.upstream.tls import ssl_context
from gpt2giga.upstream.wire import on_response

CONNECT_TIMEOUT = 10.0
OAUTH_TIMEOUT = 30.0
# A process holds as many connections as it has requests in flight; idle ones save the next TLS handshake.
IDLE_CONNECTIONS = 100
IDLE_SECONDS = 60.0
# While OAuth fails, waiting requests get the same failure for this long instead of each asking again in turn.
FAILURE_SECONDS = 3.0


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
        # The SDK would make both with one time limit for everything and connections that are dropped after 5 s.
        self._client_instance = httpx.Client(
            base_url=settings.base_url,
            verify=context,
            timeout=httpx.Timeout(settings.timeout, connect=CONNECT_TIMEOUT),
            limits=httpx.Limits(
                max_connections=settings.max_connections,
                max_keepalive_connections=IDLE_CONNECTIONS,
                keepalive_expiry=IDLE_SECONDS,
            ),
            # Streams are changed on their way, so they must not be compressed.
            headers={"Accept-Encoding": "identity"},
            event_hooks={"response": [on_response]},
        )
        self._auth_client_instance = httpx.Client(
            verify=context,
            timeout=httpx.Timeout(min(OAUTH_TIMEOUT, settings.timeout), connect=CONNECT_TIMEOUT),
        )
        self._sent = threading.local()
        self._oauth_failure: Exception | None = None
        self._oauth_failed_at = 0.0

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
        with self._sync_token_lock:
            if self._oauth_failure and time.monotonic() < self._oauth_failed_at + FAILURE_SECONDS:
                raise self._oauth_failure.with_traceback(None)
            self._oauth_failure = None
            try:
                super()._update_token()
            except (httpx.HTTPError, ResponseError, ValueError) as error:
                self._oauth_failure, self._oauth_failed_at = error, time.monotonic()
                raise
