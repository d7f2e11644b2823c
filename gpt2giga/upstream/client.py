"""Upstream: one account of GigaChat as the dialects see it. They pass values of `chat` in and get events or ProxyErrors
back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from typing import Any, NamedTuple

from gpt2giga.chat import ChatRequest, Event, HostedTool, Usage
from gpt2giga.concurrency import background
from gpt2giga.concurrency.waiting import gevent_is_on, run_to_end
from gpt2giga.config.account import AccountSettings
from gpt2giga.config.limits import LimitSettings
from gpt2giga.config.settings import ServerSettings, TranslationSettings
from gpt2giga.errors import PermissionDenied, ProxyError, RateLimited, Unavailable, UpstreamError
from gpt2giga.language import _, N_
from gpt2giga.upstream.accounts.slots import QueueTimeout, Slot, Slots
from gpt2giga.upstream.attempts import Attempts, Standing
from gpt2giga.upstream.caller import ANYBODY, Caller, Priority
from gpt2giga.upstream.contract import v1
from gpt2giga.upstream.contract.answers import whole_number
from gpt2giga.upstream.contract.drawing import from_drawing, to_drawing_payload
from gpt2giga.upstream.contract.facts import ANY_MODEL
from gpt2giga.upstream.contract.filter import FILTER, from_filter, to_filter_payload, Verdict
from gpt2giga.upstream.contract.history import has_files
from gpt2giga.upstream.contract.models import Catalog, Model
from gpt2giga.upstream.contract.tool_names import ToolNames
from gpt2giga.upstream.embeddings import embed, Embedding
from gpt2giga.upstream.emulation.checked_calls import check_calls
from gpt2giga.upstream.emulation.emulate import emulate
from gpt2giga.upstream.emulation.one_call import first_call
from gpt2giga.upstream.fact_book import FactBook
from gpt2giga.upstream.files.attachments import Attachments, RequestFiles
from gpt2giga.upstream.files.storage import Files
from gpt2giga.upstream.listener import Listener, Waiting
from gpt2giga.upstream.packages import Packages
from gpt2giga.upstream.transport.retries import Retries
from gpt2giga.upstream.transport.sdk import GigaChatClient

BUSY = N_(
    "Rate limit reached: the account's {slots} slots (GPT2GIGA_MAX_CONCURRENCY) stayed busy for {seconds} seconds."
)

log = logging.getLogger(__name__)

# The line was full of waiting requests a moment ago; sooner makes no sense, and later is the client's choice.
RETRY_AFTER_QUEUE = 5.0


class Turn(NamedTuple):
    """What a pool has seen to already, and sees to afterwards. model: GigaChat's name for it."""

    model: str
    slot: Slot
    attached: RequestFiles | None = None


class Upstream:
    """One for a process; safe to share between threads and greenlets. Every method raises ProxyError.

    name: the account's; empty for a client's.
    """

    def __init__(
        self,
        account: AccountSettings,
        limits: LimitSettings,
        translation: TranslationSettings,
        server: ServerSettings,
        book: FactBook,
        listener: Listener | None = None,
        name: str = "",
    ) -> None:
        self.name = name
        listener = self._listener = listener or Listener()
        self._translation, self._limits = translation, limits
        self._client = GigaChatClient(account, listener, limits)
        self.catalog = Catalog(account.model, translation, self.fetch_models, book.of)
        self.standing = Standing(
            name, server.pass_token, listener, book, close_idle=self._client.close_idle, models=self.catalog.models
        )
        self.retries = Retries(limits.max_retries, limits.retry_backoff_factor, limits.retry_on_status_codes, listener)
        self.files = Files(self._client, self.standing.explaining)
        self.packages = Packages(self._client, self.standing.explaining, account.identity)
        self.attachments = Attachments(
            self.files,
            fetch_urls=translation.fetch_urls,
            delete_files=translation.delete_files,
            most_pixels=limits.max_pixels,
        )
        self.book = book
        own_extras = {"profanity_check": account.profanity_check, "flags": account.flags or None}
        self._own_extras = {name: value for name, value in own_extras.items() if value is not None}
        self._attempts = Attempts(self._client, self.files, book, translation, limits, self._own_extras, self.standing)
        self.most_slots = limits.slots(account.scope, book.of(ANY_MODEL).slots)
        self.slots = Slots(self.most_slots, account.identity, server.runtime_folder, server.redis_url)

    def answer(
        self,
        chat: ChatRequest,
        *,
        stream: bool,
        tick: float | None = None,
        caller: Caller = ANYBODY,
        turn: Turn | None = None,
    ) -> Generator[list[Event], None, None]:
        """The events of one answer as they come, in batches. An empty batch: nothing to pass on yet; with a `tick` one
        comes at each step to an answer, and every so many seconds of a step that takes long.

        Nothing is sent before the first batch is asked for. Closing the iterator frees the slot and closes GigaChat's
        stream. stream: GigaChat is asked for a stream, and what is yielded cannot be taken back.
        """
        model = turn.model if turn else self.catalog.resolve(chat.model)
        files: AbstractContextManager[RequestFiles | None] = nullcontext(turn and turn.attached)
        if not turn and has_files(chat.messages):
            files = self.files_of(chat, model)
        with files as attached:
            if attached and not turn:  # fetching may take long, and the slot need not wait for it
                yield from self.upload(attached, tick)
            attempt = partial(
                self._attempts.make, model=model, attached=attached, stream=stream, tick=tick, caller=caller
            )
            if chat.tools and not chat.several_calls:
                attempt = partial(first_call, attempt)
            slot = turn.slot if turn else (yield from self._slot(tick, caller))
            try:
                yield []
                caller.answered_by(self.name, model)
                ask = partial(self.retries.batches, attempt, tick=tick)
                checks = bool(chat.tools) and self._translation.check_calls
                if checks:
                    ask = partial(check_calls, ask=ask, offered=chat.tools, listener=self._listener)
                # Nearly always GigaChat's answer is the answer.
                if chat.stop or chat.json_format or chat.tool_choice.mode == "required":
                    yield from self._emulated(chat, ask, model, stream)
                elif checks:
                    yield from ask(chat)
                else:
                    yield from (yield from self.retries.begin(partial(attempt, chat), tick))
            finally:
                if not turn:
                    slot.release()

    def _emulated(
        self, chat: ChatRequest, ask: Callable[[ChatRequest], Iterator[list[Event]]], model: str, stream: bool
    ) -> Iterator[list[Event]]:
        return emulate(
            chat,
            ask,
            streamed=stream,
            as_function=self._translation.structured_output == "function",
            most_schema_values=self._limits.max_schema_values,
            can_require=self._attempts.facts_of(model).any_call,
        )

    def files_of(self, chat: ChatRequest, model: str) -> AbstractContextManager[RequestFiles]:
        return self.attachments.of(chat, model, takes_images=self.book.of(model).images)

    def upload(self, attached: RequestFiles, tick: float | None) -> Generator[list[Any], None, Any]:
        """Yields an empty list each time `tick` seconds have passed."""
        # A thread cannot be ended, and would go on uploading what is to be deleted.
        is_endable = gevent_is_on() or not self._translation.delete_files
        return background.run(partial(self.retries.once, attached.ids), tick if is_endable else None)

    def hosted_tools(self, model: str) -> frozenset[HostedTool]:
        """What GigaChat does by itself for the model that a client names so."""
        return self._attempts.facts_of(self.catalog.resolve(model)).hosted

    def complete(self, chat: ChatRequest, caller: Caller = ANYBODY) -> list[Event]:
        return [event for batch in self.answer(chat, stream=False, caller=caller) for event in batch]

    def embed(self, texts: list[str], model: str, caller: Caller = ANYBODY) -> list[Embedding]:
        return embed(
            texts,
            lambda batch: self.retries.once(lambda: self._embed_in_turn(batch, model, caller)),
            most_texts=self.book.of(model).embeddings_batch,
            average=self._translation.embeddings_overflow == "average",
        )

    @property
    def has_one_slot(self) -> bool:
        """Then 429 was seen for embeddings beside a chat (contract 3.4.8)."""
        return self.most_slots == 1

    def _turn_beside_chats(self, caller: Caller, usual: Priority) -> AbstractContextManager[Any]:
        return run_to_end(self._slot(None, caller, usual)) if self.has_one_slot else nullcontext()

    def _embed_in_turn(self, texts: list[str], model: str, caller: Caller) -> list[Embedding]:
        with self._turn_beside_chats(caller, Priority.LOW):
            return self.embed_once(texts, model, caller)

    def embed_once(self, texts: list[str], model: str, caller: Caller) -> list[Embedding]:
        """In one request to GigaChat, whatever else the account is doing."""
        caller.answered_by(self.name, model)
        with self.standing.explaining(model):
            found = sorted(self._client.embeddings(texts, model=model).data, key=lambda item: item.index)
            embeddings = [Embedding(item.embedding, whole_number(item.usage.prompt_tokens)) for item in found]
        caller.spend(Usage(prompt=sum(embedding.tokens for embedding in embeddings)))
        if len(found) != len(texts):
            raise UpstreamError(f"GigaChat gave {len(found)} embeddings for {len(texts)} texts.")
        return embeddings

    def moderate(self, text: str, caller: Caller = ANYBODY) -> Verdict:
        """What GigaChat's filter says of a text."""
        with self._turn_beside_chats(caller, Priority.NORMAL):
            return self.retries.once(lambda: self.moderate_once(text, caller))

    def moderate_once(self, text: str, caller: Caller) -> Verdict:
        """In one request to GigaChat, whatever else the account is doing."""
        caller.answered_by(self.name, FILTER)
        with self.standing.explaining(FILTER):
            verdict = from_filter(self._client.check_with_filter(to_filter_payload(text)))
        caller.spend(Usage(prompt=verdict.tokens))
        return verdict

    def count_tokens(self, texts: list[str], model: str) -> int:
        """Of all texts together, as `model` counts them. No slot is taken: nobody saw 429 there (contract 10.6)."""
        model = self.catalog.resolve(model)
        return self.retries.once(lambda: self._count_tokens(texts, model)) if texts else 0

    def _count_tokens(self, texts: list[str], model: str) -> int:
        with self.standing.explaining(model):
            return sum(whole_number(count.tokens) for count in self._client.tokens_count(texts, model=model))

    def draw(self, prompt: str, model: str, caller: Caller = ANYBODY) -> bytes:
        """A picture by GigaChat's built-in text2image."""
        model = self.catalog.resolve(model)
        with run_to_end(self._slot(None, caller)):
            file_id = self.retries.once(lambda: self.draw_once(prompt, model, caller))
        return self.files.content(file_id)

    def draw_once(self, prompt: str, model: str, caller: Caller) -> str:
        """The id of the picture's file at GigaChat."""
        caller.answered_by(self.name, model)
        return from_drawing(self._drawing(self._own_extras | to_drawing_payload(prompt, model), caller))

    def _drawing(self, payload: dict[str, Any], caller: Caller) -> list[Event]:
        with (
            self.standing.explaining(payload["model"]),
            closing(run_to_end(self._client.open_chat(payload))) as response,
        ):
            response.read()
            return v1.from_completion(response.json(), ToolNames(), caller.spend)

    def check(self) -> None:
        """Raises when GigaChat would not answer: no token to be had, or no list of models."""
        if self._client.logs_in:
            with self.standing.explaining():
                self._client.get_token()
        self.catalog.models()

    @property
    def is_known(self) -> bool:
        return self.standing.is_known

    def close(self) -> None:
        self._client.close()

    def close_idle(self) -> None:
        """What is in work goes on."""
        self._client.close_idle()

    def _slot(
        self, tick: float | None, caller: Caller, usual: Priority = Priority.NORMAL
    ) -> Generator[list[Any], None, Slot]:
        """The account's right to one request at GigaChat; waits in line for it."""
        if self.standing.is_a_clients and not self.standing.is_known:
            yield from background.run(partial(self.retries.once, self._prove), tick)
        priority = usual if caller.priority is None else caller.priority
        wait = Waiting(caller, self._listener)
        try:
            return (yield from self.slots.acquire(self._limits.queue_timeout, tick, wait, priority))
        except QueueTimeout as timeout:
            raise RateLimited(
                _(BUSY, slots=self.most_slots, seconds=round(timeout.waited)), retry_after=RETRY_AFTER_QUEUE
            ) from None

    def _prove(self) -> None:
        """Anybody can make up an account, and a line leaves files on the disk: GigaChat has to know it first."""
        try:
            self.check()
        except PermissionDenied:  # it may chat, but not list models
            self.standing.is_known = True
        except ProxyError as error:
            if not self.standing.is_known or isinstance(error, Unavailable):
                raise

    def fetch_models(self) -> list[Model]:
        with self.standing.explaining():
            models = [Model(model.id_, model.owned_by) for model in self._client.get_models().data]
        for model in models:
            self._listener.on_model_known(model.id)
        return models
