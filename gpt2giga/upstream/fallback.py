"""Another model answers where there are no tokens for the one that was asked for, or it is not open to the account
(GPT2GIGA_FALLBACK). Only who sets that has this in the way of his requests."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain as joined
from typing import Any, TypeVar

from gpt2giga.chat import ChatRequest, Event, File, HostedTool, Image, Message, ToolResult
from gpt2giga.config.settings import Settings, TranslationSettings
from gpt2giga.errors import NotFound, PermissionDenied, ProxyError, QuotaExceeded
from gpt2giga.upstream.caller import ANYBODY, Caller
from gpt2giga.upstream.contract.filter import Verdict
from gpt2giga.upstream.contract.models import Catalog
from gpt2giga.upstream.embeddings import Embedding
from gpt2giga.upstream.gigachat import GigaChat

log = logging.getLogger(__name__)

T = TypeVar("T")

# For so long a model that has no tokens left, or does not exist, is not asked again: unless more are bought.
CLOSED_SECONDS = 600.0


def settings_behind(settings: Settings) -> Settings:
    """Of what a fallback stands in front of: it names models that clients need not be able to name."""
    translation = settings.translation
    return replace(settings, translation=replace(translation, pass_model=True)) if translation.fallback else settings


def with_fallback(upstream: GigaChat, settings: Settings) -> GigaChat:
    """upstream: made with `settings_behind` these settings."""
    translation = settings.translation
    return Fallback(upstream, translation, settings.account.model) if translation.fallback else upstream


class Fallback:
    """A GigaChat (gigachat.py) in front of another one. default: the model of requests that name none."""

    def __init__(self, upstream: GigaChat, translation: TranslationSettings, default: str) -> None:
        self._upstream = upstream
        self.files, self.book = upstream.files, upstream.book
        self.catalog = upstream.catalog
        if not translation.pass_model:
            self.catalog = Catalog(default, translation, upstream.catalog.models, upstream.book.of)
        # Who answers in the place of a model, in this order. Two names may mean one model.
        self._followers: dict[str, list[str]] = {}
        for chain in translation.fallback:
            models = [*dict.fromkeys(upstream.catalog.resolve(name) for name in chain.split(">"))]
            self._followers |= {model: models[place + 1 :] for place, model in enumerate(models[:-1])}
        # By model: until when it is not asked, on the monotonic clock.
        self._closed: dict[str, float] = {}

    @property
    def is_known(self) -> bool:
        return self._upstream.is_known

    def answer(
        self, chat: ChatRequest, *, stream: bool, tick: float | None = None, caller: Caller = ANYBODY
    ) -> Generator[list[Event], None, None]:
        """As the Upstream's. What was passed on is never taken back: later failures are the answer's."""
        asked, refusals = self.catalog.resolve(chat.model), dict[str, ProxyError]()
        for model in self._models(asked, lambda other: caller.may_use(other) and self._takes(chat, other)):
            caller.answered_by("", model)  # whose account it is, is told when that is known
            ask = self._upstream.answer(replace(chat, model=model), stream=stream, tick=tick, caller=caller)
            with closing(ask) as batches:
                try:
                    first = yield from _beginning(batches)
                except ProxyError as error:
                    self._note(model, error, refusals)
                    continue
                yield from joined([first], batches)
                return
        raise _taken(asked, refusals)

    def complete(self, chat: ChatRequest, caller: Caller = ANYBODY) -> list[Event]:
        return [event for batch in self.answer(chat, stream=False, caller=caller) for event in batch]

    def draw(self, prompt: str, model: str, caller: Caller = ANYBODY) -> bytes:
        def ask(other: str) -> bytes:
            caller.answered_by("", other)
            return self._upstream.draw(prompt, other, caller)

        return self._first(model, ask, caller.may_use)

    def count_tokens(self, texts: list[str], model: str) -> int:
        return self._first(model, lambda other: self._upstream.count_tokens(texts, other))

    def embed(self, texts: list[str], model: str, caller: Caller = ANYBODY) -> list[Embedding]:
        """By no other model: its vectors would spoil the index that these are for."""
        return self._upstream.embed(texts, model, caller)

    def moderate(self, text: str, caller: Caller = ANYBODY) -> Verdict:
        return self._upstream.moderate(text, caller)

    def hosted_tools(self, model: str) -> frozenset[HostedTool]:
        return self._upstream.hosted_tools(self.catalog.resolve(model))

    def check(self) -> None:
        self._upstream.check()

    def close(self) -> None:
        self._upstream.close()

    def forget(self) -> None:
        """Somebody has bought tokens."""
        self._closed = {}

    def _first(self, model: str, ask: Callable[[str], T], takes: Callable[[str], bool] = lambda _: True) -> T:
        asked, refusals = self.catalog.resolve(model), dict[str, ProxyError]()
        for other in self._models(asked, takes):
            try:
                return ask(other)
            except ProxyError as error:
                self._note(other, error, refusals)
        raise _taken(asked, refusals)

    def _models(self, asked: str, takes: Callable[[str], bool]) -> Iterator[str]:
        """In their order. The one that was asked for comes last when it is closed: it may be that nobody else takes the
        request, and its error is the one to be told."""
        is_open = self._is_open(asked)
        if is_open:
            yield asked
        yield from (model for model in self._followers.get(asked, ()) if self._is_open(model) and takes(model))
        if not is_open:
            yield asked

    def _is_open(self, model: str) -> bool:
        return model not in self._closed or self._closed[model] <= time.monotonic()

    def _takes(self, chat: ChatRequest, model: str) -> bool:
        """All of GigaChat's models that chat take functions, but not all see, search or draw."""
        if is_seen_or_heard(chat.messages) and not self.book.of(model).images:
            return False
        return not chat.hosted or self._upstream.hosted_tools(model).issuperset(chat.hosted)

    def _note(self, model: str, error: ProxyError, refusals: dict[str, ProxyError]) -> None:
        """Raises it where no other model would do better. A 403 may be about the request; it is not remembered."""
        if not is_closed(error):
            raise error
        refusals[model] = error
        if isinstance(error, PermissionDenied):
            log.info("%s is not open (%s): the next model is asked", model, error.code)
        elif self._is_open(model):
            self._closed[model] = time.monotonic() + CLOSED_SECONDS
            log.warning("%s is left alone for ten minutes, for GigaChat says %s", model, error.code)


def is_closed(error: ProxyError) -> bool:
    """No tokens for this model, or it is none of this account's."""
    is_unknown = isinstance(error, NotFound) and error.code == "model_not_found"
    return is_unknown or isinstance(error, QuotaExceeded | PermissionDenied)


def is_seen_or_heard(messages: Sequence[Message]) -> bool:
    """Something of them is a picture, also in earlier turns and in results of tools, or a recording, which the models
    that see are thought to hear (contract 3.3.11)."""
    parts = [part for message in messages for part in message.parts]
    inner = [part for result in parts if isinstance(result, ToolResult) for part in result.parts]
    return any(isinstance(part, Image) or _is_recording(part) for part in (*parts, *inner))


def _is_recording(part: object) -> bool:
    return isinstance(part, File) and part.url.startswith(("data:audio/", "data:video/"))


def _beginning(batches: Iterator[list[Event]]) -> Generator[list[Any], None, list[Event]]:
    """The first batch that holds anything. Yields the empty ones before it."""
    for batch in batches:
        if batch:
            return batch
        yield batch
    return []


def _taken(asked: str, refusals: dict[str, ProxyError]) -> ProxyError:
    """Without the others, whose tracebacks would hold all of the request in memory."""
    found = refusals[asked]
    refusals.clear()
    return found
