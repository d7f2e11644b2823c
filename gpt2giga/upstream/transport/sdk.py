"""The SDK's client with its token handling and its connections put right (contract 9.3, 9.4, 9.6, 9.7)."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextvars import ContextVar
from typing import Any, cast, TypeVar

import gigachat.client
import gigachat.settings
import httpx
import orjson
from gigachat import GigaChat
from gigachat.api.utils import EVENT_STREAM, USER_AGENT
from gigachat.exceptions import ResponseError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from gpt2giga.concurrency import background
from gpt2giga.config.settings import AccountSettings, LimitSettings
from gpt2giga.upstream.listener import Listener
from gpt2giga.upstream.transport.http import Connections, Response
from gpt2giga.upstream.transport.tls import ssl_context

T = TypeVar("T")

CONNECT_TIMEOUT = 10.0
OAUTH_TIMEOUT = 30.0
# A process holds as many connections as it has requests in flight; idle ones save the next TLS handshake.
IDLE_CONNECTIONS = 100
IDLE_SECONDS = 60.0
# Of AccessToken.expires_at.
NOT_KNOWN, LONG_AGO = 0, 1
# What the SDK raises when there is no token to be had; pydantic's and json's errors are ValueErrors.
FAILURES = (httpx.HTTPError, ResponseError, ValueError, TypeError, LookupError)
# The token of this thread's last request, of whichever account.
_sent: ContextVar[str | None] = ContextVar("sent", default=None)


class GivenSettings(gigachat.settings.Settings):
    """The SDK's settings without its own look into the environment (contract 9.16): it would take the service's
    account for a client's (GPT2GIGA_PASS_TOKEN), and fail on what our settings allow."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


gigachat.client.Settings = GivenSettings  # type: ignore[attr-defined]  # it offers no other way


class TokenFailure(Exception):
    """GigaChat gave no token; `__cause__` says why."""


class Client(GigaChat):
    """One for a process; safe to share between threads and greenlets."""

    def __init__(
        self,
        account: AccountSettings,
        listener: Listener | None = None,
        *,
        queue_timeout: float = LimitSettings.queue_timeout,
    ) -> None:
        context = ssl_context(account)
        super().__init__(
            base_url=account.base_url,
            auth_url=account.auth_url,
            credentials=account.credentials,
            scope=account.scope,
            access_token=account.access_token,
            model=account.model,
            profanity_check=account.profanity_check,
            user=account.user,
            password=account.password,
            timeout=account.timeout,
            verify_ssl_certs=account.verify_ssl_certs,
            ssl_context=context,
            flags=list(account.flags) if account.flags else None,
            max_retries=0,  # the SDK's own retries repeat text that was already passed on (contract 9.8)
        )
        self._settings.token_expiry_buffer_ms = account.token_expiry_buffer_ms
        connect = min(CONNECT_TIMEOUT, account.timeout)
        self._oauth_timeout = httpx.Timeout(min(OAUTH_TIMEOUT, account.timeout), connect=connect)
        # The SDK would make both with one time limit for everything and connections that are dropped after 5 s.
        client = httpx.Client(
            base_url=account.base_url,
            verify=context,
            timeout=httpx.Timeout(account.timeout, connect=connect, pool=queue_timeout),
            limits=httpx.Limits(
                max_connections=account.max_connections,
                max_keepalive_connections=IDLE_CONNECTIONS,
                keepalive_expiry=IDLE_SECONDS,
            ),
            event_hooks={"request": [self._limit_time]},
        )
        self._connections = Connections(client, context, connect_seconds=connect, idle_seconds=IDLE_SECONDS)
        self._client_instance = cast(httpx.Client, self._connections)
        self._auth_client_instance = httpx.Client(verify=context, timeout=self._oauth_timeout)
        own = {"profanity_check": account.profanity_check, "flags": list(account.flags or ()) or None}
        self._own = {name: value for name, value in own.items() if value is not None}
        self._listener = listener
        self._failure: Exception | None = None
        self._failed_at = 0.0

    def open_chat(
        self, payload: dict[str, Any], *, session: str = "", stream: bool = False, tick: float | None = None
    ) -> Generator[list[Any], None, Response]:
        """GigaChat's answer to a chat request, with its head and to be closed. Yields an empty list at each tick.

        The SDK's own chat() puts a payload through models that drop or refuse parts of what GigaChat takes
        (contract 8.1, 8.3, 8.5), and through the json module: more work than all the rest of a large request. Raises
        what it would raise.
        """
        headers = {"Content-Type": "application/json"}
        if stream:
            payload = {**payload, "stream": True}
            headers |= {"Accept": EVENT_STREAM, "Cache-Control": "no-store"}
        if session:
            headers["X-Session-ID"] = session
        content = orjson.dumps({**payload, **self._own})
        response = yield from self._authorized(content, headers, tick)
        if response.status_code == 401 and self._use_auth:
            # Renewed once, also a token that was fresh when the request got it.
            response.close()
            self._reset_token()
            response = yield from self._authorized(content, headers, tick)
        try:
            self._check(response, stream)
        except BaseException:
            response.close()
            raise
        return response

    def _authorized(
        self, content: bytes, headers: dict[str, str], tick: float | None
    ) -> Generator[list[Any], None, Response]:
        if self._use_auth and not self._is_token_usable():
            yield from background.run(self._update_token, tick)
        token = self.token
        own = {"Authorization": f"Bearer {token}", "User-Agent": USER_AGENT} if token else {"User-Agent": USER_AGENT}
        response = yield from self._connections.send(
            "POST", "/chat/completions", content=content, headers=own | headers, tick=tick
        )
        return response  # noqa: RET504 a generator's result

    def _check(self, response: Response, stream: bool) -> None:
        if response.status_code != 200:
            headers = httpx.Headers(response.headers)
            raise ResponseError(response.url, response.status_code, response.read(), headers)
        kind = response.headers.get("content-type", "").partition(";")[0]
        if stream and kind != EVENT_STREAM:
            raise httpx.TransportError(f"a stream was asked for, and {kind!r} came")

    @property
    def token(self) -> str | None:
        """The SDK reads it once per attempt; remembered, so that a 401 is blamed on the token that was sent."""
        token = super().token
        _sent.set(token)
        return token

    def _reset_token(self) -> None:
        """Called after a 401. A late one must not throw away the token that another request has just renewed.

        Without the lock, which a renewal may hold for long; ended, not removed, for others may be reading it.
        """
        token = self._access_token
        if token is not None and token.access_token == _sent.get():
            token.expires_at = LONG_AGO

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
        before = self._access_token
        try:
            super()._update_token()
        except FAILURES as error:
            self._failed_at = time.monotonic()
            self._failure = error.with_traceback(None)  # which would keep the request alive
            self._tell_renewal(False)
            return
        if self._access_token is before:  # somebody else has renewed it, or it never ends
            return
        self._tell_renewal(True)
        if self._access_token is not None and not self._is_token_usable():
            # This machine's clock is wrong, or the time is in seconds (contract 1.3, 1.10): GigaChat's 401 tells then.
            self._access_token.expires_at = NOT_KNOWN

    def _tell_renewal(self, done: bool) -> None:
        if self._listener:
            self._listener.renewed(done)

    def _limit_time(self, request: httpx.Request) -> None:
        """What only looks something up, and the SDK's login by password, need not wait as long as an answer."""
        if request.method == "GET" or request.url.path.endswith("/token"):
            request.extensions["timeout"] = self._oauth_timeout.as_dict()
