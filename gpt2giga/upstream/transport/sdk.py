"""The SDK's calls, over our own connections and with our own handling of tokens.

Its class GigaChat would have to be mended in a dozen private places. It reads the environment by itself, where it takes
the service's account for a client's and fails on what our settings allow (contract 9.16). It has one time limit for
everything (contract 9.7), and throws away a token that another request has just renewed (contract 9.3). So we use what
lies below it, which takes the HTTP client and the token as arguments. The SDK does not document that, but it is the
same in 0.2.0 to 0.2.4a1, and the tests ran with 0.2.3 and 0.2.4a1:

- gigachat.api.auth (in access_token): how a token is asked for and what comes back, in both forms.
- gigachat.api.embeddings, files, models, tools: one function for each of GigaChat's other calls.

It is imported when it is needed first, for it is half of the time that a process takes to start.
"""

from __future__ import annotations

import re
import time
import weakref
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, cast, TYPE_CHECKING, TypeVar

import httpx
import orjson

from gpt2giga.concurrency.waiting import run_to_end
from gpt2giga.config.account import AccountSettings
from gpt2giga.config.limits import LimitSettings
from gpt2giga.upstream.contract.answers import Unreadable
from gpt2giga.upstream.listener import Listener
from gpt2giga.upstream.transport.access_token import Token, TokenSource
from gpt2giga.upstream.transport.connect import Route
from gpt2giga.upstream.transport.http import Connections, GigaChatResponse, StatusError
from gpt2giga.upstream.transport.login import login_client
from gpt2giga.upstream.transport.tls import ssl_context

if TYPE_CHECKING:
    from gigachat.models import (
        Balance,
        DeletedFile,
        Embeddings,
        Image,
        Models,
        TokensCount,
        UploadedFile,
        UploadedFiles,
    )

T = TypeVar("T")

# What the SDK's own chat() sends.
EVENT_STREAM, USER_AGENT = "text/event-stream", "GigaChat-python-lib"

CONNECT_TIMEOUT = 10.0
# A process holds as many connections as it has requests in flight; idle ones save the next TLS handshake.
IDLE_SECONDS = 60.0
PAYMENT_REQUIRED = 402


class GigaChatClient:
    """One for a process; safe to share between threads and greenlets. used_up_at: when GigaChat said last that tokens
    are used up (contract 3.4.5), on the monotonic clock."""

    used_up_at: float | None = None

    def __init__(
        self, account: AccountSettings, listener: Listener | None = None, limits: LimitSettings | None = None
    ) -> None:
        """Raises SettingsError."""
        context = ssl_context(account)
        connect = min(CONNECT_TIMEOUT, account.timeout)
        self._login = login_client(account, context, connect)
        self._tokens = TokenSource(account, self._login, listener)
        self.logs_in = self._tokens.can_renew
        self._connections = Connections(
            Route(account.base_url, context, connect),
            silence=account.timeout,
            idle_seconds=IDLE_SECONDS,
            most=account.max_connections,
            limits=limits or LimitSettings(),
        )
        for close in (self._connections.close, self._login.close):
            weakref.finalize(self, close).atexit = False  # an account that made room for others may still have work
        # As the SDK finds v2 (contract 2.6).
        self._v2_path = re.sub(r"/v\d+$", "/v2", self._connections.path)

    def close(self) -> None:
        self._connections.close()
        self._login.close()

    def close_idle(self) -> None:
        self._connections.close_idle()

    def open_chat(
        self,
        payload: dict[str, Any],
        *,
        v2: bool = False,
        session: str = "",
        stream: bool = False,
        tick: float | None = None,
    ) -> Generator[list[Any], None, GigaChatResponse]:
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
        content, path = orjson.dumps(payload), self._v2_path if v2 else None
        token = yield from self._tokens.get(tick)
        response = yield from self._send_chat(content, path, headers, token, tick)
        if response.status_code == 401 and self._tokens.reject(token):
            # Renewed once, also a token that was fresh when the request got it.
            response.close()
            token = yield from self._tokens.get(tick)
            response = yield from self._send_chat(content, path, headers, token, tick)
        try:
            if response.status_code != 200:
                self._note(response.status_code)
                raise StatusError(response.status_code, response.read(), response.headers)
            if stream and (kind := response.headers.get("content-type", "").partition(";")[0]) != EVENT_STREAM:
                raise httpx.TransportError(f"a stream was asked for, and {kind!r} came")
        except BaseException:
            response.close()
            raise
        return response

    def _send_chat(
        self, content: bytes, path: str | None, headers: dict[str, str], token: Token | None, tick: float | None
    ) -> Generator[list[Any], None, GigaChatResponse]:
        headers = {"User-Agent": USER_AGENT, **headers}
        if token:
            headers["Authorization"] = f"Bearer {token.value}"
        return self._connections.send(
            "POST", "/chat/completions", content=content, headers=headers, tick=tick, path=path
        )

    def get_token(self) -> Token | None:
        """None for an account that is a certificate. Raises TokenFailure, as all calls do."""
        return run_to_end(self._tokens.get(None))

    def embeddings(self, texts: list[str], model: str) -> Embeddings:
        from gigachat.api.embeddings import embeddings_sync

        return self._call(embeddings_sync, input_=texts, model=model)

    def tokens_count(self, texts: list[str], model: str) -> list[TokensCount]:
        from gigachat.api.tools import tokens_count_sync

        return self._call(tokens_count_sync, input_=texts, model=model)

    def check_with_filter(self, payload: dict[str, Any]) -> Any:
        return self._call(_check_with_filter, payload=payload)

    def get_models(self) -> Models:
        from gigachat.api.models import get_models_sync

        return self._call(get_models_sync)

    def get_balance(self) -> Balance:
        from gigachat.api.tools import get_balance_sync

        return self._call(get_balance_sync)

    def upload_file(self, file: tuple[str, bytes, str]) -> UploadedFile:
        from gigachat.api.files import upload_file_sync

        return self._call(upload_file_sync, file=file)

    def get_files(self) -> UploadedFiles:
        from gigachat.api.files import get_files_sync

        return self._call(get_files_sync)

    def get_file(self, file_id: str) -> UploadedFile:
        from gigachat.api.files import get_file_sync

        return self._call(get_file_sync, file=file_id)

    def get_image(self, file_id: str) -> Image:
        from gigachat.api.files import get_image_sync

        return self._call(get_image_sync, file_id=file_id)

    def delete_file(self, file_id: str) -> DeletedFile:
        from gigachat.api.files import delete_file_sync

        return self._call(delete_file_sync, file=file_id)

    def _call(self, function: Callable[..., T], **arguments: Any) -> T:
        """Of the SDK's. A rejected token is renewed once, also one that was fresh when the request got it."""
        from gigachat.exceptions import ResponseError
        from pydantic import ValidationError

        call = partial(function, cast(httpx.Client, self._connections), **arguments)
        token = self.get_token()
        try:
            try:
                return call(access_token=token and token.value)
            except ResponseError as error:
                if error.status_code != 401 or not self._tokens.reject(token):
                    raise
            token = self.get_token()
            return call(access_token=token and token.value)
        except ResponseError as error:
            self._note(error.status_code)
            raise StatusError(error.status_code, error.content or b"", error.headers or {}) from error
        except ValidationError as error:
            raise Unreadable(error.errors(include_url=False, include_context=False)[0].get("input")) from error

    def _note(self, status: int) -> None:
        if status == PAYMENT_REQUIRED:
            self.used_up_at = time.monotonic()


def _check_with_filter(client: Connections, *, payload: dict[str, Any], access_token: str | None) -> Any:
    """As the SDK would, if it had that call (contract 2.20)."""
    from gigachat.api.utils import build_headers
    from gigachat.exceptions import ResponseError

    headers = {**build_headers(access_token), "Content-Type": "application/json"}
    response = client.request("POST", "/filter/check", headers=headers, content=orjson.dumps(payload))
    if response.status_code != 200:
        raise ResponseError(response.url, response.status_code, response.content, response.headers)
    return response.json()
