"""Upstream: GigaChat as the dialects see it. They pass values of `chat` in and get events or ProxyErrors back."""

from __future__ import annotations

import logging
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from gigachat.context import session_id_cvar

from gpt2giga.chat import ChatRequest, Done, Event, TextDelta, Usage
from gpt2giga.config.settings import Settings
from gpt2giga.errors import (
    BadRequest,
    ContextTooLong,
    NotAuthenticated,
    NotFound,
    ProxyError,
    RateLimited,
    Unavailable,
    UpstreamError,
)
from gpt2giga.upstream.accounts.redis_slots import limiter
from gpt2giga.upstream.accounts.slots import QueueTimeout, Slot
from gpt2giga.upstream.contract import v1
from gpt2giga.upstream.contract.models import Catalog, Model, not_found
from gpt2giga.upstream.contract.tool_names import ToolNames
from gpt2giga.upstream.embeddings import embed, Embedding
from gpt2giga.upstream.emulation.emulate import answer
from gpt2giga.upstream.files.attachments import Attached, Attachments
from gpt2giga.upstream.files.storage import Files
from gpt2giga.upstream.listener import NOBODY, Observer
from gpt2giga.upstream.transport.failures import KeyRejected, translated
from gpt2giga.upstream.transport.retries import Retries
from gpt2giga.upstream.transport.sdk import Client

log = logging.getLogger(__name__)

# The line was full of waiting requests a moment ago; sooner makes no sense, and later is the client's choice.
RETRY_AFTER_QUEUE = 5.0


# A payload, its names and its session -> the events of one answer.
Send: TypeAlias = Callable[[dict[str, Any], ToolNames, str], Iterator[Event]]


class Upstream:
    """One for a process; safe to share between threads and greenlets. Every method raises ProxyError.

    is_known: GigaChat has answered this account and has not rejected it since.
    """

    is_known = False

    def __init__(self, settings: Settings, observer: Observer = NOBODY) -> None:
        self._settings, self._observer = settings, observer
        self._client = Client(settings, observer)
        self._retries = Retries(
            settings.max_retries, settings.retry_backoff_factor, settings.retry_on_status_codes, observer
        )
        self.files = Files(self._client, self._translated)
        self._attachments = Attachments(settings, self.files)
        self._limiter = limiter(settings, Path(settings.runtime_dir or tempfile.gettempdir()))
        self.catalog = Catalog(settings, self._fetch_models)

    def complete(self, chat: ChatRequest) -> list[Event]:
        return list(self._answer(chat, self._completion, streamed=False))

    def stream(self, chat: ChatRequest) -> Iterator[Event]:
        """Nothing is sent before the first event is asked for; closing the iterator closes GigaChat's stream."""
        return self._answer(chat, self._chunks, streamed=True)

    def embed(self, texts: list[str], model: str) -> list[Embedding]:
        """Takes no slot of the account: only chats were seen to be limited."""
        average = self._settings.embeddings_overflow == "average"
        try:
            return embed(texts, lambda batch: self._retries.once(lambda: self._embed(batch, model)), average=average)
        except ContextTooLong as error:
            error.param = "input"
            raise

    def _embed(self, texts: list[str], model: str) -> list[Embedding]:
        with self._translated(model):
            found = sorted(self._client.embeddings(texts, model=model).data, key=lambda item: item.index)
        if len(found) != len(texts):
            raise UpstreamError(f"GigaChat gave {len(found)} embeddings for {len(texts)} texts.")
        return [Embedding(item.embedding, item.usage.prompt_tokens) for item in found]

    def count_tokens(self, texts: list[str], model: str) -> int:
        """Of all texts together, as `model` counts them. Takes no slot of the account, as `embed`."""
        model = self.catalog.resolve(model)
        return self._retries.once(lambda: self._count_tokens(texts, model)) if texts else 0

    def _count_tokens(self, texts: list[str], model: str) -> int:
        with self._translated(model):
            return sum(count.tokens for count in self._client.tokens_count(texts, model=model))

    def draw(self, prompt: str, model: str) -> tuple[bytes, Usage]:
        """A picture by GigaChat's built-in text2image, which answers with the id of a file in an <img> tag."""
        with self._slot():
            payload = v1.to_drawing_payload(prompt, self.catalog.resolve(model))
            events = self._retries.once(lambda: self._drawing(payload))
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        usages = [event.usage for event in events if isinstance(event, Done) and event.usage]
        found = re.search(r'<img[^>]*\bsrc="([\w-]+)"', text)
        if not found:
            raise BadRequest(f"GigaChat drew nothing and said: {text[:500]}", param="prompt", code="no_image")
        return self.files.content(found[1]), sum(usages, Usage())

    def _drawing(self, payload: dict[str, Any]) -> list[Event]:
        with self._translated(payload["model"]):
            return list(v1.from_completion(self._client.complete(payload), ToolNames()))

    def check(self) -> None:
        """Raises when GigaChat would not answer: no token to be had, or no list of models."""
        with self._translated():
            self._client.get_token()
        self.catalog.models()

    def close(self) -> None:
        self._client.close()

    def _slot(self) -> Slot:
        """The account's right to one request at GigaChat; waits in line for it."""
        if self._settings.pass_token and not self.is_known:
            self._prove()
        asked = time.monotonic()
        self._observer.queued()
        try:
            return self._limiter.acquire(self._settings.queue_timeout)
        except QueueTimeout as timeout:
            raise RateLimited(
                f"Rate limit reached: the account's {self._settings.slots} slots (GPT2GIGA_MAX_CONCURRENCY) stayed "
                f"busy for {timeout.waited:.0f} seconds.",
                retry_after=RETRY_AFTER_QUEUE,
            ) from None
        finally:  # also when a greenlet is killed in the line
            self._observer.served(time.monotonic() - asked)

    def _prove(self) -> None:
        """Anybody can make up an account, and a line leaves files on the disk. Raises NotAuthenticated."""
        try:
            self.check()
        except NotAuthenticated:
            raise
        except ProxyError as error:  # the request itself will tell
            log.info("An account could not be looked at: %s", error.code)

    def _answer(self, chat: ChatRequest, send: Send, *, streamed: bool) -> Iterator[Event]:
        as_function = self._settings.structured_output == "function"
        model = self.catalog.resolve(chat.model)
        with self._attachments.of(chat, model) as attached:
            self._retries.once(attached.ids)  # fetching may take long, and the slot need not wait for it

            def ask(chat: ChatRequest) -> Iterator[Event]:
                return self._retries.events(lambda: self._attempt(chat, model, send, attached))

            with self._slot():
                yield from answer(chat, ask, streamed=streamed, as_function=as_function)

    def _attempt(self, chat: ChatRequest, model: str, send: Send, attached: Attached) -> Iterator[Event]:
        names = v1.tool_names(chat)
        payload = v1.to_payload(chat, model, names, attached.ids(), send_state_id=self._settings.send_state_id)
        try:
            yield from send(payload, names, chat.session if self._settings.session_id else "")
        except NotFound as error:
            error.transient = error.code == "not_found" and attached.renew()
            raise

    def _completion(self, payload: dict[str, Any], names: ToolNames, session: str) -> Iterator[Event]:
        with self._translated(payload["model"]):
            outer = session_id_cvar.set(session)
            try:
                completion = self._client.complete(payload)
            finally:  # the next request in this thread may be anybody's
                session_id_cvar.reset(outer)
            yield from v1.from_completion(completion, names)

    def _chunks(self, payload: dict[str, Any], names: ToolNames, session: str) -> Iterator[Event]:
        with self._translated(payload["model"]):
            session_id_cvar.set(session)  # read when the request is made; a stream has a thread of its own
            yield from v1.from_chunks(self._client.chunks(payload), names)

    @contextmanager
    def _translated(self, model: str = "") -> Iterator[None]:
        """Names the closest model when GigaChat does not know this one, and whose key it is that was rejected."""
        try:
            with self._observed(model), translated():
                yield
        except KeyRejected as error:
            if self._settings.pass_token:
                raise NotAuthenticated(f"GigaChat rejects the account in your API key ({error.words}).") from error
            log.error("GigaChat rejects the key: %s. %s", error.words, error.cure)
            raise
        except NotFound as error:
            if not model or error.code != "model_not_found":
                raise
            raise not_found(model, self._known_models()) from error

    @contextmanager
    def _observed(self, model: str) -> Iterator[None]:
        try:
            yield
        except Unavailable:  # not GigaChat's: so this service ends what it has in work when it stops
            raise
        except ProxyError as error:
            self.is_known &= not isinstance(error, KeyRejected)
            self._observer.failed(error.code or error.type)
            raise
        self.is_known = True
        self._observer.accepted(model)

    def _known_models(self) -> list[Model]:
        try:
            return self.catalog.models()
        except ProxyError:  # the 404 is worth more than the reason why the list is missing
            return []

    def _fetch_models(self) -> list[Model]:
        with self._translated():
            models = [Model(model.id_, model.owned_by) for model in self._client.get_models().data]
        for model in models:
            self._observer.accepted(model.id)
        return models


# What a view calls to get the Upstream of the current request's account.
GetUpstream: TypeAlias = Callable[[], Upstream]
