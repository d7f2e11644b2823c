"""The SDK's client with its token handling and its connections put right (contract 9)."""

from __future__ import annotations

import json
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from itertools import chain, islice
from typing import Any, cast, TypeVar

import gigachat.client
import gigachat.settings
import httpx
import orjson
from gigachat import GigaChat
from gigachat.api.utils import build_headers, EVENT_STREAM, execute_request_sync, execute_stream_sync
from gigachat.exceptions import AuthenticationError, ResponseError
from pydantic_core import from_json
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from gpt2giga.concurrency.pump import Pump
from gpt2giga.config.settings import Settings
from gpt2giga.upstream.contract.v1 import Unreadable
from gpt2giga.upstream.listener import NOBODY, Observer
from gpt2giga.upstream.transport.http import Connections
from gpt2giga.upstream.transport.tls import ssl_context
from gpt2giga.upstream.transport.wire import on_response

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
    """The SDK's settings without its own look into the environment: it would take the service's account for a
    client's (GPT2GIGA_PASS_TOKEN), and fail on what our settings allow."""

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


class AsItCame:
    """Given to the SDK as a model, this makes of a frame just its JSON.

    GigaChat does not escape what it sends (contract 9), and strict JSON has no control characters in its strings.
    """

    @staticmethod
    def model_validate_json(data: str) -> Any:
        try:
            return from_json(data)
        except ValueError:
            return _from_loose_json(data)


def _from_loose_json(data: str) -> Any:
    try:
        return json.loads(data, strict=False)
    except (ValueError, RecursionError) as error:
        raise Unreadable(data) from error


class TokenFailure(Exception):
    """GigaChat gave no token; `__cause__` says why."""


class Client(GigaChat):
    """One for a process; safe to share between threads and greenlets."""

    def __init__(self, settings: Settings, observer: Observer = NOBODY) -> None:
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
        client = httpx.Client(
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
            event_hooks={"request": [self._limit_time], "response": [on_response]},
        )
        self._client_instance = cast(httpx.Client, _connections(settings, client, context) or client)
        self._auth_client_instance = httpx.Client(verify=context, timeout=self._oauth_timeout)
        self._observer = observer
        self._failure: Exception | None = None
        self._failed_at = 0.0

    def complete(self, payload: dict[str, Any]) -> dict[str, Any]:
        return self._authorized(lambda: self._completion(payload))

    def chunks(self, payload: dict[str, Any]) -> Iterator[Any]:
        return self._authorized(lambda: self._stream({**payload, "stream": True}))

    def _authorized(self, attempt: Callable[[], T]) -> T:
        """A rejected token is renewed once, also one that was fresh when the request waited for it: the SDK's own
        calls would fail then."""
        self._ensure_token()
        try:
            return attempt()
        except AuthenticationError:
            if not self._use_auth:
                raise
        self._reset_token()
        self._ensure_token()
        return attempt()

    def _ensure_token(self) -> None:
        if self._use_auth and not self._is_token_usable():
            self._update_token()

    def _stream(self, payload: dict[str, Any]) -> Iterator[Any]:
        """Returns when the first item is there."""
        request = self._request(payload)
        items = execute_stream_sync(self._client, request, cast(Any, AsItCame))
        first = [*islice(items, 1)]
        request.clear()  # it is sent, and the SDK would hold it until the stream has ended
        return chain(first, items)

    def _completion(self, payload: dict[str, Any]) -> Any:
        return execute_request_sync(self._client, self._request(payload), cast(Any, dict))

    def _request(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The SDK's own chat() puts a payload through models that drop or refuse parts of what GigaChat takes
        (contract 8), and through the json module: more work than all the rest of a large request. This is its
        chat() without that step.
        """
        Pump.check()  # a client that left while its request stood in line costs no tokens
        own = {"profanity_check": self._settings.profanity_check, "flags": self._settings.flags}
        payload |= {name: value for name, value in own.items() if value is not None}
        headers = build_headers(self.token)
        headers["Content-Type"] = "application/json"
        if payload.get("stream"):
            headers |= {"Accept": EVENT_STREAM, "Cache-Control": "no-store"}
        return {"method": "POST", "url": "/chat/completions", "content": orjson.dumps(payload), "headers": headers}

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
            self._observer.renewed(False)
            return
        if self._access_token is before:  # somebody else has renewed it, or it never ends
            return
        self._observer.renewed(True)
        if self._access_token is not None and not self._is_token_usable():
            # This machine's clock is wrong, or the time is in another unit: GigaChat's 401 tells then (contract 1).
            self._access_token.expires_at = NOT_KNOWN

    def _limit_time(self, request: httpx.Request) -> None:
        """What only looks something up, and the SDK's login by password, need not wait as long as an answer."""
        if request.method == "GET" or request.url.path.endswith("/token"):
            request.extensions["timeout"] = self._oauth_timeout.as_dict()


def _connections(settings: Settings, client: httpx.Client, context: ssl.SSLContext) -> Connections | None:
    """None where httpx knows more: proxies, and a limit of connections."""
    host = str(client.base_url.host)
    proxies = {client.base_url.scheme, "all"} & urllib.request.getproxies().keys()
    behind_proxy = bool(proxies) and not urllib.request.proxy_bypass(host)
    if settings.http_client == "httpx" or settings.max_connections is not None or behind_proxy:
        return None
    connect = client.timeout.connect or CONNECT_TIMEOUT
    return Connections(client, context, connect_seconds=connect, idle_seconds=IDLE_SECONDS)
