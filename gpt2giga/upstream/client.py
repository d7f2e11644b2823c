"""Upstream: GigaChat as the dialects see it. They pass values of `chat` in and get events or ProxyErrors back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from functools import partial
from typing import Any, TypeAlias

from gpt2giga.chat import ChatRequest, Event, HostedTool, Usage
from gpt2giga.concurrency import background
from gpt2giga.concurrency.waiting import gevent_is_on, run_to_end
from gpt2giga.config.limits import LimitSettings
from gpt2giga.config.settings import AccountSettings, ServerSettings, TranslationSettings
from gpt2giga.errors import (
    ContextTooLong,
    NotAuthenticated,
    PermissionDenied,
    ProxyError,
    RateLimited,
    Unavailable,
    UpstreamError,
)
from gpt2giga.language import _, N_
from gpt2giga.upstream.accounts.slots import QueueTimeout, Slot, Slots
from gpt2giga.upstream.attempts import ANY_FAILURE, Attempts
from gpt2giga.upstream.caller import ANYBODY, Caller
from gpt2giga.upstream.contract import v1
from gpt2giga.upstream.contract.answers import whole_number
from gpt2giga.upstream.contract.drawing import from_drawing, to_drawing_payload
from gpt2giga.upstream.contract.facts import ANY_MODEL
from gpt2giga.upstream.contract.history import has_files
from gpt2giga.upstream.contract.models import Catalog, Model, not_found
from gpt2giga.upstream.contract.tool_names import ToolNames
from gpt2giga.upstream.embeddings import embed, Embedding
from gpt2giga.upstream.emulation.checked_calls import check_calls
from gpt2giga.upstream.emulation.emulate import emulate
from gpt2giga.upstream.emulation.one_call import first_call
from gpt2giga.upstream.fact_book import FactBook
from gpt2giga.upstream.files.attachments import Attachments, RequestFiles
from gpt2giga.upstream.files.storage import Files
from gpt2giga.upstream.listener import Listener
from gpt2giga.upstream.packages import Packages
from gpt2giga.upstream.transport.failures import KeyRejected, to_proxy_error
from gpt2giga.upstream.transport.retries import Retries
from gpt2giga.upstream.transport.sdk import GigaChatClient

BUSY = N_(
    "Rate limit reached: the account's {slots} slots (GPT2GIGA_MAX_CONCURRENCY) stayed busy for {seconds} seconds."
)

log = logging.getLogger(__name__)

# The line was full of waiting requests a moment ago; sooner makes no sense, and later is the client's choice.
RETRY_AFTER_QUEUE = 5.0


class Upstream:
    """One for a process; safe to share between threads and greenlets. Every method raises ProxyError.

    is_known: GigaChat has answered this account and has not rejected it since.
    """

    is_known = False

    def __init__(
        self,
        account: AccountSettings,
        limits: LimitSettings,
        translation: TranslationSettings,
        server: ServerSettings,
        book: FactBook,
        listener: Listener | None = None,
    ) -> None:
        listener = self._listener = listener or Listener()
        self._translation, self._limits = translation, limits
        self._is_a_clients = server.pass_token
        self._client = GigaChatClient(account, listener, limits)
        self._retries = Retries(limits.max_retries, limits.retry_backoff_factor, limits.retry_on_status_codes, listener)
        self.files = Files(self._client, self._explaining)
        self.packages = Packages(self._client, self._explaining, account.identity)
        self._attachments = Attachments(
            self.files,
            fetch_urls=translation.fetch_urls,
            delete_files=translation.delete_files,
            most_pixels=limits.max_pixels,
        )
        self.book = book
        own_extras = {"profanity_check": account.profanity_check, "flags": account.flags or None}
        self._own_extras = {name: value for name, value in own_extras.items() if value is not None}
        self._attempts = Attempts(
            self._client,
            self.files,
            book,
            translation,
            limits,
            self._own_extras,
            to_failure=self._to_failure,
            note_success=self._note_success,
        )
        self._most_slots = limits.slots(account.scope, book.of(ANY_MODEL).slots)
        self._slots = Slots(self._most_slots, account.identity, server.runtime_folder, server.redis_url)
        self.catalog = Catalog(account.model, translation, self._fetch_models, book.of)

    def answer(
        self, chat: ChatRequest, *, stream: bool, tick: float | None = None, caller: Caller = ANYBODY
    ) -> Generator[list[Event], None, None]:
        """The events of one answer as they come, in batches. An empty batch: nothing to pass on yet; with a `tick` one
        comes at each step to an answer, and every so many seconds of a step that takes long.

        Nothing is sent before the first batch is asked for. Closing the iterator frees the slot and closes GigaChat's
        stream. stream: GigaChat is asked for a stream, and what is yielded cannot be taken back.
        """
        model = self.catalog.resolve(chat.model)
        with self._files_of(chat, model) if has_files(chat.messages) else nullcontext() as attached:
            if attached:  # fetching may take long, and the slot need not wait for it
                # A thread cannot be ended, and would go on uploading what is to be deleted.
                is_endable = gevent_is_on() or not self._translation.delete_files
                yield from background.run(partial(self._retries.once, attached.ids), tick if is_endable else None)
            attempt = partial(self._attempts.make, model=model, attached=attached, stream=stream, tick=tick)
            if chat.tools and not chat.several_calls:
                attempt = partial(first_call, attempt)
            with (yield from self._slot(tick, caller)):
                yield []
                ask = partial(self._retries.batches, attempt, tick=tick)
                checks = bool(chat.tools) and self._translation.check_calls
                if checks:
                    ask = partial(check_calls, ask=ask, offered=chat.tools, listener=self._listener)
                # Nearly always GigaChat's answer is the answer.
                if chat.stop or chat.json_format or chat.tool_choice.mode == "required":
                    as_function = self._translation.structured_output == "function"
                    most = self._limits.max_schema_values
                    yield from emulate(
                        chat,
                        ask,
                        streamed=stream,
                        as_function=as_function,
                        most_schema_values=most,
                        can_require=self._attempts.facts_of(model).any_call,
                    )
                elif checks:
                    yield from ask(chat)
                else:
                    yield from (yield from self._retries.begin(partial(attempt, chat), tick))

    def hosted_tools(self, model: str) -> frozenset[HostedTool]:
        """What GigaChat does by itself for the model that a client names so."""
        return self._attempts.facts_of(self.catalog.resolve(model)).hosted

    def complete(self, chat: ChatRequest, caller: Caller = ANYBODY) -> list[Event]:
        return [event for batch in self.answer(chat, stream=False, caller=caller) for event in batch]

    def embed(self, texts: list[str], model: str, caller: Caller = ANYBODY) -> list[Embedding]:
        average = self._translation.embeddings_overflow == "average"
        try:
            return embed(
                texts,
                lambda batch: self._retries.once(lambda: self._embed(batch, model, caller)),
                most_texts=self.book.of(model).embeddings_batch,
                average=average,
            )
        except ContextTooLong as error:
            error.param = "input"
            raise

    def _embed(self, texts: list[str], model: str, caller: Caller) -> list[Embedding]:
        """Behind chats where the account has one slot: beside one of them 429 was seen (contract 3.4.8)."""
        turn = run_to_end(self._slot(None, caller, last=True)) if self._most_slots == 1 else nullcontext()
        with turn, self._explaining(model):
            found = sorted(self._client.embeddings(texts, model=model).data, key=lambda item: item.index)
            embeddings = [Embedding(item.embedding, whole_number(item.usage.prompt_tokens)) for item in found]
        if len(found) != len(texts):
            raise UpstreamError(f"GigaChat gave {len(found)} embeddings for {len(texts)} texts.")
        return embeddings

    def count_tokens(self, texts: list[str], model: str) -> int:
        """Of all texts together, as `model` counts them. No slot is taken: nobody saw 429 there (contract 10.6)."""
        model = self.catalog.resolve(model)
        return self._retries.once(lambda: self._count_tokens(texts, model)) if texts else 0

    def _count_tokens(self, texts: list[str], model: str) -> int:
        with self._explaining(model):
            return sum(whole_number(count.tokens) for count in self._client.tokens_count(texts, model=model))

    def draw(self, prompt: str, model: str, caller: Caller = ANYBODY) -> tuple[bytes, Usage]:
        """A picture by GigaChat's built-in text2image."""
        with run_to_end(self._slot(None, caller)):
            payload = self._own_extras | to_drawing_payload(prompt, self.catalog.resolve(model))
            file_id, usage = from_drawing(self._retries.once(lambda: self._drawing(payload)))
        return self.files.content(file_id), usage

    def _drawing(self, payload: dict[str, Any]) -> list[Event]:
        with self._explaining(payload["model"]), closing(run_to_end(self._client.open_chat(payload))) as response:
            response.read()
            return v1.from_completion(response.json(), ToolNames())

    def check(self) -> None:
        """Raises when GigaChat would not answer: no token to be had, or no list of models."""
        if self._client.logs_in:
            with self._explaining():
                self._client.get_token()
        self.catalog.models()

    def close(self) -> None:
        self._client.close()

    def _files_of(self, chat: ChatRequest, model: str) -> AbstractContextManager[RequestFiles]:
        return self._attachments.of(chat, model, takes_images=self.book.of(model).images)

    def _slot(self, tick: float | None, caller: Caller, *, last: bool = False) -> Generator[list[Any], None, Slot]:
        """The account's right to one request at GigaChat; waits in line for it, or behind the line."""
        if self._is_a_clients and not self.is_known:
            yield from background.run(partial(self._retries.once, self._prove), tick)
        asked = time.monotonic()
        self._listener.on_wait_begun()
        try:
            acquire = self._slots.acquire_last if last else self._slots.acquire
            return (yield from acquire(self._limits.queue_timeout, tick, caller.add_wait))
        except QueueTimeout as timeout:
            raise RateLimited(
                _(BUSY, slots=self._most_slots, seconds=round(timeout.waited)), retry_after=RETRY_AFTER_QUEUE
            ) from None
        finally:  # also when a greenlet is killed in the line
            self._listener.on_wait_over(time.monotonic() - asked)

    def _prove(self) -> None:
        """Anybody can make up an account, and a line leaves files on the disk: GigaChat has to know it first."""
        try:
            self.check()
        except PermissionDenied:  # it may chat, but not list models
            self.is_known = True
        except ProxyError as error:
            if not self.is_known or isinstance(error, Unavailable):
                raise

    @contextmanager
    def _explaining(self, model: str = "") -> Iterator[None]:
        """For what the SDK does inside: raises a ProxyError for any failure of it."""
        try:
            yield
        except Unavailable:
            raise
        except ANY_FAILURE as error:
            failure = self._to_failure(error, model)
            try:
                raise failure from failure.__cause__
            finally:
                del failure  # as above
        self._note_success(model)

    def _to_failure(self, error: Exception, model: str) -> ProxyError:
        """What the client is told, with `error` as its cause: names the closest model where GigaChat does not know this
        one, and whose key it is that was rejected."""
        failure = error if isinstance(error, ProxyError) else to_proxy_error(error)
        self.is_known &= not isinstance(failure, KeyRejected)
        if self._is_a_clients and not self.is_known:
            self._client.close_idle()
        self._listener.on_failure(failure.code or failure.type)
        if model and isinstance(failure, ContextTooLong) and failure.window not in (0, self.book.of(model).window):
            self.book.learn(model, "met", window=failure.window)
        if isinstance(failure, KeyRejected):
            if self._is_a_clients:
                return _with_cause(
                    NotAuthenticated(f"GigaChat rejects the account in your API key ({failure.words})."), error
                )
            log.error("GigaChat rejects the key: %s. %s", failure.words, failure.cure)
        if model and failure.code == "model_not_found":
            return _with_cause(not_found(model, self._known_models()), error)
        return failure if failure is error else _with_cause(failure, error)

    def _note_success(self, model: str) -> None:
        self.is_known = True
        self._listener.on_model_known(model)

    def _known_models(self) -> list[Model]:
        try:
            return self.catalog.models()
        except Unavailable:
            raise
        except ProxyError:  # the 404 is worth more than the reason why the list is missing
            return []

    def _fetch_models(self) -> list[Model]:
        with self._explaining():
            models = [Model(model.id_, model.owned_by) for model in self._client.get_models().data]
        for model in models:
            self._listener.on_model_known(model.id)
        return models


def _with_cause(failure: ProxyError, error: Exception) -> ProxyError:
    failure.__cause__ = error
    return failure


# What a view calls to get the Upstream of the current request's account.
GetUpstream: TypeAlias = Callable[[], Upstream]
