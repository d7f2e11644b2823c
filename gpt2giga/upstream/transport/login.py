"""The HTTP client that the SDK asks for tokens through."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import cast

import httpx

from gpt2giga.config.account import AccountSettings
from gpt2giga.upstream.transport.connect import httpx_proxy

SECONDS = 30.0
# Bytes. A token has one or two thousand.
LARGEST_ANSWER = 1024 * 1024


def login_client(account: AccountSettings, context: ssl.SSLContext, connect_seconds: float) -> httpx.Client:
    url = account.auth_url if account.credentials else account.base_url
    return httpx.Client(
        base_url=account.base_url,
        # A token is asked for twice an hour; and accounts that clients make up may not hold connections open.
        transport=_Transport(
            verify=context, proxy=httpx_proxy(url, context), limits=httpx.Limits(max_keepalive_connections=0)
        ),
        timeout=httpx.Timeout(min(SECONDS, account.timeout), connect=connect_seconds),
        headers={"Accept-Encoding": "identity"},
    )


class _Transport(httpx.HTTPTransport):
    """httpx reads an answer of any size."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        response.stream = _Bounded(cast(httpx.SyncByteStream, response.stream))
        return response


class _Bounded(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        left = LARGEST_ANSWER
        for piece in self._stream:
            left -= len(piece)
            if left < 0:
                raise httpx.DecodingError(f"an answer of more than {LARGEST_ANSWER} bytes")
            yield piece

    def close(self) -> None:
        self._stream.close()
