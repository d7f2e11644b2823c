"""Upstream: GigaChat as the dialects see it. They pass values of `chat` in and get events or ProxyErrors back."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import TypeAlias

from gigachat.context import session_id_cvar
from gigachat.models import Chat

from gpt2giga.chat import ChatRequest
from gpt2giga.chat import Event
from gpt2giga.errors import BadRequest
from gpt2giga.errors import NotAuthenticated
from gpt2giga.errors import NotFound
from gpt2giga.errors import ProxyError
from gpt2giga.errors import RateLimited
from gpt2giga.errors import UpstreamError
from gpt2giga.settings import Settings
from gpt2giga.upstream import v1
from gpt2giga.upstream.answers import answer
from gpt2giga.upstream.attachments import Attachments
from gpt2giga.upstream.embedding import embed
from gpt2giga.upstream.embedding import Embedding
from gpt2giga.upstream.failures import translated
from gpt2giga.upstream.files import Files
from gpt2giga.upstream.limiter import Limiter
from gpt2giga.upstream.limiter import QueueTimeout
from gpt2giga.upstream.limiter import Slot
from gpt2giga.upstream.models import Catalog
from gpt2giga.upstream.models import Model
from gpt2giga.upstream.models import not_found
from gpt2giga.upstream.names import ToolNames
from gpt2giga.upstream.retries import Retries
from gpt2giga.upstream.sdk import Client

# The line was full of waiting requests a moment ago; sooner makes no sense, and later is the client's choice.
RETRY_AFTER_QUEUE = 5.0


# A payload, its names and its session -> the events of one answer.
Send: TypeAlias = Callable[[dict[str, Any], ToolNames, str], Iterator[Event]]


class Upstream:
    """One for a process; safe to share between threads and greenlets. Every method raises ProxyError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = Client(settings)
        self._retries = Retries(settings.max_retries, settings.retry_backoff_factor, settings.retry_on_status_codes)
        self.files = Files(self._client, self._translated)
        self._attachments = Attachments(settings, self.files)
        self._limiter = Limiter(settings.slots, settings.account, Path(settings.runtime_dir or tempfile.gettempdir()))
        self.catalog = Catalog(settings, self._fetch_models)

    def complete(self, chat: ChatRequest) -> list[Event]:
        with self._slot():
            return list(self._answer(chat, self._completion, streamed=False))

    def stream(self, chat: ChatRequest) -> Iterator[Event]:
        """Nothing is sent before the first event is asked for; closing the iterator closes GigaChat's stream."""
        with self._slot():
            yield from self._answer(chat, self._chunks, streamed=True)

    def embed(self, texts: list[str], model: str) -> list[Embedding]:
        """Takes no slot of the account: only chats were seen to be limited."""
        average = self._settings.embeddings_overflow == "average"
        return embed(texts, lambda batch: self._retries.once(lambda: self._embed(batch, model)), average=average)

    def _embed(self, texts: list[str], model: str) -> list[Embedding]:
        with self._translated(model):
            found = sorted(self._client.embeddings(texts, model=model).data, key=lambda item: item.index)
        if len(found) != len(texts):
            raise UpstreamError(f"GigaChat gave {len(found)} embeddings for {len(texts)} texts.")
        return [Embedding(item.embedding, item.usage.prompt_tokens) for item in found]

    def draw(self, prompt: str, model: str) -> bytes:
        """A picture by GigaChat's built-in text2image, which answers with the id of a file in an <img> tag."""
        with self._slot():
            payload = v1.to_drawing_payload(prompt, self.catalog.resolve(model))
            text = self._retries.once(lambda: self._drawing(payload))
        found = re.search(r'<img[^>]*\bsrc="([\w-]+)"', text)
        if not found:
            raise BadRequest(f"GigaChat drew nothing and said: {text[:500]}", param="prompt", code="no_image")
        return self.files.content(found[1])

    def _drawing(self, payload: dict[str, Any]) -> str:
        with self._translated(payload["model"]):
            completion = self._client.chat(_verbatim(payload))
        return completion.choices[0].message.content if completion.choices else ""

    def check(self) -> None:
        """Raises when GigaChat would not answer: no token to be had, or no list of models."""
        with self._translated():
            self._client.get_token()
        self.catalog.models()

    def close(self) -> None:
        self._client.close()

    def _slot(self) -> Slot:
        """The account's right to one request at GigaChat; waits in line for it."""
        try:
            return self._limiter.acquire(self._settings.queue_timeout)
        except QueueTimeout as timeout:
            raise RateLimited(
                f"Rate limit reached: the account's {self._settings.slots} slots (GPT2GIGA_MAX_CONCURRENCY) stayed "
                f"busy for {timeout.waited:.0f} seconds.",
                retry_after=RETRY_AFTER_QUEUE,
            ) from None

    def _answer(self, chat: ChatRequest, send: Send, *, streamed: bool) -> Iterator[Event]:
        as_function = self._settings.structured_output == "function"
        with self._attachments.cleaned_up() as used:

            def ask(chat: ChatRequest) -> Iterator[Event]:
                return self._retries.events(lambda: self._attempt(chat, send, used))

            yield from answer(chat, ask, streamed=streamed, as_function=as_function)

    def _attempt(self, chat: ChatRequest, send: Send, used: list[str]) -> Iterator[Event]:
        model = self.catalog.resolve(chat.model)
        names = v1.tool_names(chat)
        files = self._attachments.file_ids(chat, model)
        used += files.values()
        payload = v1.to_payload(chat, model, names, files, send_state_id=self._settings.send_state_id)
        try:
            yield from send(payload, names, chat.session if self._settings.session_id else "")
        except NotFound as error:
            if files and error.code == "not_found":  # GigaChat deletes files after a while
                self._attachments.forget(files.values())
                error.transient = True
            raise

    def _completion(self, payload: dict[str, Any], names: ToolNames, session: str) -> Iterator[Event]:
        with self._translated(payload["model"]):
            session_id_cvar.set(session)
            yield from v1.from_completion(self._client.chat(_verbatim(payload)), names)

    def _chunks(self, payload: dict[str, Any], names: ToolNames, session: str) -> Iterator[Event]:
        with self._translated(payload["model"]):
            session_id_cvar.set(session)  # read when the request is made; the next one in this thread sets its own
            yield from v1.from_chunks(self._client.stream(_verbatim(payload)), names)

    @contextmanager
    def _translated(self, model: str = "") -> Iterator[None]:
        """Names the closest model when GigaChat does not know this one, and whose key it is that was rejected."""
        try:
            with translated():
                yield
        except NotAuthenticated as error:
            if not self._settings.pass_token:
                raise
            raise NotAuthenticated("GigaChat rejects the account in your API key.") from error
        except NotFound as error:
            if not model or error.code != "model_not_found":
                raise
            raise not_found(model, self._known_models()) from error

    def _known_models(self) -> list[Model]:
        try:
            return self.catalog.models()
        except ProxyError:  # the 404 is worth more than the reason why the list is missing
            return []

    def _fetch_models(self) -> list[Model]:
        with self._translated():
            return [Model(model.id_, model.owned_by) for model in self._client.get_models().data]


def _verbatim(payload: dict[str, Any]) -> Chat:
    """The SDK's models drop or refuse parts of what GigaChat takes (contract 8); additional_fields go as they are."""
    return Chat.model_construct(model=payload["model"], additional_fields=payload)


# What a view calls to get the Upstream of the current request's account.
GetUpstream: TypeAlias = Callable[[], Upstream]
