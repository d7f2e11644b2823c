"""Upstream: GigaChat as the dialects see it. They pass values of `chat` in and get events or ProxyErrors back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gigachat.models import Chat

from gpt2giga.chat import ChatRequest
from gpt2giga.chat import Event
from gpt2giga.errors import NotFound
from gpt2giga.errors import ProxyError
from gpt2giga.settings import Settings
from gpt2giga.upstream import v1
from gpt2giga.upstream.failures import translated
from gpt2giga.upstream.models import Catalog
from gpt2giga.upstream.models import Model
from gpt2giga.upstream.models import not_found
from gpt2giga.upstream.retries import Retries
from gpt2giga.upstream.sdk import Client


class Upstream:
    """One for a process; safe to share between threads and greenlets. Every method raises ProxyError."""

    def __init__(self, settings: Settings) -> None:
        self._client = Client(settings)
        self._retries = Retries(settings.max_retries, settings.retry_backoff_factor, settings.retry_on_status_codes)
        self.catalog = Catalog(settings, self._fetch_models)

    def complete(self, chat: ChatRequest) -> list[Event]:
        payload = self._payload(chat)
        return list(self._retries.events(lambda: self._completion(payload)))

    def stream(self, chat: ChatRequest) -> Iterator[Event]:
        """Nothing is sent before the first event is asked for; closing the iterator closes GigaChat's stream."""
        payload = self._payload(chat)
        yield from self._retries.events(lambda: self._chunks(payload))

    def check(self) -> None:
        """Raises when GigaChat would not answer: no token to be had, or no list of models."""
        with translated():
            self._client.get_token()
        self.catalog.models()

    def close(self) -> None:
        self._client.close()

    def _completion(self, payload: dict[str, Any]) -> Iterator[Event]:
        with self._translated(payload["model"]):
            yield from v1.from_completion(self._client.chat(_verbatim(payload)))

    def _chunks(self, payload: dict[str, Any]) -> Iterator[Event]:
        with self._translated(payload["model"]):
            yield from v1.from_chunks(self._client.stream(_verbatim(payload)))

    def _payload(self, chat: ChatRequest) -> dict[str, Any]:
        return v1.to_payload(chat, self.catalog.resolve(chat.model))

    @contextmanager
    def _translated(self, model: str) -> Iterator[None]:
        """Names the closest model when GigaChat does not know this one."""
        try:
            with translated():
                yield
        except NotFound as error:
            if error.code != "model_not_found":
                raise
            raise not_found(model, self._known_models()) from error

    def _known_models(self) -> list[Model]:
        try:
            return self.catalog.models()
        except ProxyError:  # the 404 is worth more than the reason why the list is missing
            return []

    def _fetch_models(self) -> list[Model]:
        with translated():
            return [Model(model.id_, model.owned_by) for model in self._client.get_models().data]


def _verbatim(payload: dict[str, Any]) -> Chat:
    """The SDK's models drop or refuse parts of what GigaChat takes (contract 8); additional_fields go as they are."""
    return Chat.model_construct(model=payload["model"], additional_fields=payload)
