"""GigaChat as the dialects see it, whether one account answers or several."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol, TypeAlias

from gpt2giga.chat import ChatRequest, Event, HostedTool
from gpt2giga.upstream.caller import ANYBODY, Caller
from gpt2giga.upstream.contract.filter import Verdict
from gpt2giga.upstream.contract.models import Catalog
from gpt2giga.upstream.embeddings import Embedding
from gpt2giga.upstream.fact_book import FactBook
from gpt2giga.upstream.files.media import Media
from gpt2giga.upstream.files.storage import StoredFile


class FileStore(Protocol):
    """What was uploaded. Every method raises ProxyError."""

    def upload(self, media: Media, purpose: str = "") -> StoredFile: ...
    def list(self) -> list[StoredFile]: ...
    def get(self, file_id: str) -> StoredFile: ...
    def content(self, file_id: str) -> bytes: ...
    def delete(self, file_id: str) -> None: ...


class GigaChat(Protocol):
    """One for a process; safe to share between threads and greenlets. Every method raises ProxyError.

    book: what is known of the models. is_known: GigaChat has answered, and has not rejected the account since.
    """

    @property
    def is_known(self) -> bool: ...
    @property
    def book(self) -> FactBook: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def files(self) -> FileStore: ...

    def answer(
        self, chat: ChatRequest, *, stream: bool, tick: float | None = None, caller: Caller = ANYBODY
    ) -> Generator[list[Event], None, None]:
        """The events of one answer as they come, in batches. An empty batch: nothing to pass on yet; with a `tick` one
        comes at each step to an answer, and every so many seconds of a step that takes long.

        Nothing is sent before the first batch is asked for. Closing the iterator frees the slot and closes GigaChat's
        stream. stream: GigaChat is asked for a stream, and what is yielded cannot be taken back.
        """

    def complete(self, chat: ChatRequest, caller: Caller = ANYBODY) -> list[Event]: ...
    def embed(self, texts: list[str], model: str, caller: Caller = ANYBODY) -> list[Embedding]: ...

    def moderate(self, text: str, caller: Caller = ANYBODY) -> Verdict:
        """What GigaChat's filter says of a text."""

    def count_tokens(self, texts: list[str], model: str) -> int:
        """Of all texts together, as `model` counts them. No slot is taken: nobody saw 429 there (contract 10.6)."""

    def draw(self, prompt: str, model: str, caller: Caller = ANYBODY) -> bytes:
        """A picture by GigaChat's built-in text2image."""

    def hosted_tools(self, model: str) -> frozenset[HostedTool]:
        """What GigaChat does by itself for the model that a client names so."""

    def check(self) -> None:
        """Raises when GigaChat would not answer: no token to be had, or no list of models."""

    def close(self) -> None:
        """Connections that are kept for the next request."""


# What a view calls to get the GigaChat of the current request's account.
GetUpstream: TypeAlias = Callable[[], GigaChat]
