"""Several accounts as one: each has its own slots, tokens, files and faults."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, TypeVar

from gpt2giga.chat import ChatRequest, Event, HostedTool
from gpt2giga.concurrency.waiting import run_to_end
from gpt2giga.config.settings import Settings
from gpt2giga.errors import ProxyError, RateLimited, Unavailable, UpstreamUnavailable
from gpt2giga.language import _, N_
from gpt2giga.upstream.accounts.slots import acquire_any, QueueTimeout, Slot
from gpt2giga.upstream.caller import ANYBODY, Caller, Priority
from gpt2giga.upstream.client import RETRY_AFTER_QUEUE, Turn, Upstream
from gpt2giga.upstream.contract.filter import FILTER, Verdict
from gpt2giga.upstream.contract.history import has_files
from gpt2giga.upstream.contract.models import Catalog, Model
from gpt2giga.upstream.embeddings import embed, Embedding
from gpt2giga.upstream.fact_book import FactBook
from gpt2giga.upstream.files.attachments import RequestFiles
from gpt2giga.upstream.listener import Listener, Waiting
from gpt2giga.upstream.pool.files import PoolFiles
from gpt2giga.upstream.pool.set_aside import SetAside
from gpt2giga.upstream.pool.way import Way
from gpt2giga.upstream.transport.retries import Retries

T = TypeVar("T")

BUSY = N_(
    "Rate limit reached: all {count} accounts stayed busy for {seconds} seconds (GPT2GIGA_MAX_CONCURRENCY is the "
    "number of slots of each)."
)
# An account has made its own attempts.
NO_RETRIES = Retries(0, 0, ())


class Pool:
    """A GigaChat (gigachat.py). accounts: by name; more and fewer of them while it works."""

    def __init__(self, settings: Settings, book: FactBook, listener: Listener) -> None:
        self._limits, self._translation, self._listener = settings.limits, settings.translation, listener
        self.book = book
        self.accounts: Mapping[str, Upstream] = {}
        self.aside = SetAside()
        self.catalog = Catalog(settings.account.model, settings.translation, self._fetch_models, book.of)
        self.files = PoolFiles(lambda: self._way("").accounts())

    def set_accounts(self, accounts: Mapping[str, Upstream]) -> None:
        """Requests in work stay where they are; those in line hear of it within a second."""
        for account in accounts.values():
            account.attachments.id_here = self.files.id_at(account)
        for name in self.accounts.keys() | accounts.keys():
            if accounts.get(name) is not self.accounts.get(name):
                self.aside.forget(name)
        self.accounts = accounts

    def answer(
        self, chat: ChatRequest, *, stream: bool, tick: float | None = None, caller: Caller = ANYBODY
    ) -> Generator[list[Event], None, None]:
        """Until its first event is there, another account takes over where one cannot go on."""
        way = self._way(self.catalog.resolve(chat.model), chat)
        priority, arrived = _priority(caller, Priority.NORMAL), time.monotonic()
        while True:
            with ExitStack() as stack:
                account = way.accounts()[0]
                try:
                    attached = yield from self._upload(account, chat, way, tick, stack)
                    prepared = account
                    account, slot = yield from self._slot(way, tick, caller, priority, arrived)
                    stack.enter_context(slot)
                    if attached and account is not prepared:  # nobody is to wait in line twice
                        attached = stack.enter_context(account.files_of(chat, way.model))
                    turn = Turn(way.model, slot, attached)
                    answer = account.answer(chat, stream=stream, tick=tick, caller=caller, turn=turn)
                    stack.callback(answer.close)
                    batches: Iterator[list[Event]] = yield from NO_RETRIES.begin(lambda: answer, tick)  # noqa: B023
                except ProxyError as error:
                    way.failed(account, error)
                    continue
                way.went_well(account)
                yield from batches
                return

    def _upload(
        self, account: Upstream, chat: ChatRequest, way: Way, tick: float | None, stack: ExitStack
    ) -> Generator[list[Any], None, RequestFiles | None]:
        """Before the slot is there, to the account that is the likeliest to get it."""
        if not has_files(chat.messages):
            return None
        attached = stack.enter_context(account.files_of(chat, way.model))
        yield from account.upload(attached, tick)
        return attached

    def complete(self, chat: ChatRequest, caller: Caller = ANYBODY) -> list[Event]:
        return [event for batch in self.answer(chat, stream=False, caller=caller) for event in batch]

    def embed(self, texts: list[str], model: str, caller: Caller = ANYBODY) -> list[Embedding]:
        def send(batch: list[str]) -> list[Embedding]:
            def ask(account: Upstream) -> list[Embedding]:
                return account.retries.once(lambda: account.embed_once(batch, model, caller))

            return self._ask(model, ask, lambda way: self._turn(way, caller, Priority.LOW, _has_one_slot))

        average = self._translation.embeddings_overflow == "average"
        return embed(texts, send, most_texts=self.book.of(model).embeddings_batch, average=average)

    def moderate(self, text: str, caller: Caller = ANYBODY) -> Verdict:
        def ask(account: Upstream) -> Verdict:
            return account.retries.once(lambda: account.moderate_once(text, caller))

        return self._ask(FILTER, ask, lambda way: self._turn(way, caller, Priority.NORMAL, _has_one_slot))

    def count_tokens(self, texts: list[str], model: str) -> int:
        name = self.catalog.resolve(model)
        return self._ask(name, lambda account: account.count_tokens(texts, model))

    def draw(self, prompt: str, model: str, caller: Caller = ANYBODY) -> bytes:
        name = self.catalog.resolve(model)

        def ask(account: Upstream) -> tuple[Upstream, str]:
            return account, account.retries.once(lambda: account.draw_once(prompt, name, caller))

        account, file_id = self._ask(name, ask, lambda way: self._turn(way, caller, Priority.NORMAL))
        return account.files.content(file_id)

    def hosted_tools(self, model: str) -> frozenset[HostedTool]:
        return self._way("").accounts()[0].hosted_tools(model)

    @property
    def is_known(self) -> bool:
        return any(account.is_known for account in self.accounts.values())

    def check(self) -> None:
        """One that would answer is enough."""
        self._ask("", lambda account: account.check())

    def close(self) -> None:
        for account in self.accounts.values():
            account.close()

    def _way(self, model: str, chat: ChatRequest | None = None) -> Way:
        session, home = (chat.session, self.files.home_of_chat(chat)) if chat else ("", "")
        return Way(lambda: self.accounts, self.aside, model, session=session, home=home)

    def _ask(
        self, model: str, call: Callable[[Upstream], T], turn: Callable[[Way], tuple[Upstream, Slot]] | None = None
    ) -> T:
        """What is no chat: of the first account that can. turn: waits for it in line."""
        way = self._way(model)
        while True:
            account, slot = turn(way) if turn else (way.accounts()[0], Slot())
            with slot:
                try:
                    found = call(account)
                except ProxyError as error:
                    way.failed(account, error)
                    continue
            way.went_well(account)
            return found

    def _turn(
        self, way: Way, caller: Caller, usual: Priority, waits: Callable[[Upstream], bool] = lambda _: True
    ) -> tuple[Upstream, Slot]:
        """waits: False for accounts that need no slot for it."""
        for account in way.accounts():
            if not waits(account):
                return account, Slot()
        return run_to_end(self._slot(way, None, caller, _priority(caller, usual), time.monotonic()))

    def _slot(
        self, way: Way, tick: float | None, caller: Caller, priority: Priority, arrived: float
    ) -> Generator[list[Any], None, tuple[Upstream, Slot]]:
        """The right to one request at GigaChat, of whichever account has it first."""
        wait = Waiting(caller, self._listener)
        try:
            while True:
                slots, slot = yield from acquire_any(
                    way.lines, self._limits.queue_timeout, tick, wait, priority, arrived
                )
                account = way.owner(slots)
                with ExitStack() as undo:
                    undo.enter_context(slot)
                    if account in way.accounts():  # it may have run dry at the moment when its slot came free
                        undo.pop_all()
                        return account, slot
        except QueueTimeout as timeout:
            words = _(BUSY, count=len(self.accounts), seconds=round(timeout.waited))
            raise RateLimited(words, retry_after=RETRY_AFTER_QUEUE) from None

    def _fetch_models(self) -> list[Model]:
        """Of all accounts together, without those that give none just now."""
        found: dict[str, Model] = {}
        failure: ProxyError | None = None
        for account in self._way("").accounts():
            try:
                found |= {model.id: model for model in account.fetch_models()}
            except (Unavailable, UpstreamUnavailable):  # of the way to GigaChat, which all of them go
                raise
            except ProxyError as error:
                failure = error
        if failure and not found:
            raise failure
        return [*found.values()]


def _has_one_slot(account: Upstream) -> bool:
    return account.has_one_slot


def _priority(caller: Caller, usual: Priority) -> Priority:
    return usual if caller.priority is None else caller.priority
