"""One request to GigaChat for a chat, over the interface that does what the chat needs."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, NoReturn

from gpt2giga.chat import ChatRequest, Event, Picture
from gpt2giga.concurrency import background
from gpt2giga.config.limits import LimitSettings
from gpt2giga.config.settings import TranslationSettings
from gpt2giga.errors import ContextTooLong, NotAuthenticated, NotFound, ProxyError, Unavailable
from gpt2giga.upstream.caller import Caller
from gpt2giga.upstream.contract import v1
from gpt2giga.upstream.contract.answers import Unreadable
from gpt2giga.upstream.contract.doubts import Doubt, doubt, Refused
from gpt2giga.upstream.contract.facts import Facts, without_v2
from gpt2giga.upstream.contract.functions import native_keywords, to_functions
from gpt2giga.upstream.contract.interfaces import Interface, V1, V2
from gpt2giga.upstream.contract.models import Model, not_found
from gpt2giga.upstream.contract.tool_names import ToolNames
from gpt2giga.upstream.fact_book import FactBook
from gpt2giga.upstream.files.attachments import FileIds, RequestFiles
from gpt2giga.upstream.files.storage import Files
from gpt2giga.upstream.listener import Listener
from gpt2giga.upstream.transport.failures import FAILURES, is_failure, KeyRejected, to_proxy_error, words_of
from gpt2giga.upstream.transport.http import GigaChatResponse, StatusError
from gpt2giga.upstream.transport.sdk import GigaChatClient

log = logging.getLogger(__name__)

ANY_FAILURE = (*FAILURES, ProxyError)
# Answers of v2 in a row, of one model, after which it is left alone: each was paid for, and asked for again on v1.
MOST_UNREADABLE = 3
# Seconds for which it is. Not for good, since GigaChat may only be between two releases.
REST_SECONDS = 3600.0


class Standing:
    """How an account stands with GigaChat, and what a client is told when it does not answer.

    is_known: GigaChat has answered this account and has not rejected it since.

    is_a_clients: it may be made up. models: those of GigaChat's list.
    """

    is_known = False

    def __init__(
        self,
        name: str,
        is_a_clients: bool,
        listener: Listener,
        book: FactBook,
        *,
        close_idle: Callable[[], None],
        models: Callable[[], list[Model]],
    ) -> None:
        self._name, self.is_a_clients, self._listener, self._book = name, is_a_clients, listener, book
        self._close_idle, self._models = close_idle, models
        self._told = ""

    @contextmanager
    def explaining(self, model: str = "") -> Iterator[None]:
        """For what the SDK does inside: raises a ProxyError for any failure of it."""
        try:
            yield
        except Unavailable:
            raise
        except ANY_FAILURE as error:
            failure = self.to_failure(error, model)
            try:
                raise failure from failure.__cause__
            finally:
                del failure  # its traceback holds this frame: a cycle would keep all of the request in memory
        self.note_success(model)

    def note_success(self, model: str) -> None:
        self.is_known = True
        if model != self._told:  # most requests are for the model of the one before
            self._listener.on_model_known(model)
            self._told = model

    def to_failure(self, error: Exception, model: str) -> ProxyError:
        """What the client is told, with `error` as its cause: names the closest model where GigaChat does not know this
        one, and whose key it is that was rejected."""
        failure = error if isinstance(error, ProxyError) else to_proxy_error(error)
        self.is_known &= not isinstance(failure, KeyRejected)
        if self.is_a_clients and not self.is_known:
            self._close_idle()
        self._listener.on_failure(failure.code or failure.type)
        if model and isinstance(failure, ContextTooLong) and failure.window not in (0, self._book.of(model).window):
            self._book.learn(model, "met", window=failure.window)
        if isinstance(failure, KeyRejected):
            if self.is_a_clients:
                return _with_cause(
                    NotAuthenticated(f"GigaChat rejects the account in your API key ({failure.words})."), error
                )
            log.error("GigaChat rejects the key of account %s: %s. %s", self._name, failure.words, failure.cure)
        if model and failure.code == "model_not_found":
            return _with_cause(not_found(model, self._known_models()), error)
        return failure if failure is error else _with_cause(failure, error)

    def _known_models(self) -> list[Model]:
        try:
            return self._models()
        except Unavailable:
            raise
        except ProxyError:  # the 404 is worth more than the reason why the list is missing
            return []


class Attempts:
    def __init__(
        self,
        client: GigaChatClient,
        files: Files,
        book: FactBook,
        translation: TranslationSettings,
        limits: LimitSettings,
        own_extras: dict[str, Any],
        standing: Standing,
    ) -> None:
        self._client, self._files, self._book, self._own_extras = client, files, book, own_extras
        self._translation, self._limits = translation, limits
        self._standing = standing
        # By model, where the book learns nothing: what this account, a client's own, has shown.
        self._met: dict[str, dict[str, Any]] = {}
        # How many answers of v2 could not be read since the last one that could, by model.
        self._unreadable: Counter[str] = Counter()
        # Until when v2 is left alone, by model: on the monotonic clock.
        self._resting: dict[str, float] = {}

    def make(
        self,
        chat: ChatRequest,
        *,
        model: str,
        attached: RequestFiles | None,
        stream: bool,
        tick: float | None,
        caller: Caller,
    ) -> Iterator[list[Event]]:
        """One request; a second one where a belief about GigaChat proves wrong before anything is passed on."""
        files = (yield from background.run(attached.ids, tick)) if attached else {}
        names, facts, wrong, has_spoken = v1.tool_names(chat), self.facts_of(model), None, False
        try:
            while True:
                interface = V2 if facts.v2 else V1
                try:
                    response = yield from self._open(interface, chat, model, names, files, facts, stream, tick)
                    with closing(response):
                        if wrong and wrong.lasts:
                            self._learn(model, wrong)
                        if stream:
                            answer = interface.streamed(names)
                            try:
                                for piece in chain(response.pieces(), [b"\n"]):
                                    events = answer.feed(piece) if piece else []
                                    yield (yield from self._fetched(events, tick)) if chat.hosted else events
                                    has_spoken = has_spoken or bool(events)
                                    if answer.failure:
                                        raise answer.failure
                                yield answer.end()
                            finally:
                                caller.spend(answer.usage)
                        else:
                            response.read()
                            events = interface.from_completion(response.json(), names, caller.spend)
                            yield (yield from self._fetched(events, tick)) if chat.hosted else events
                    break
                except (StatusError, Unreadable) as error:
                    wrong = None if wrong or has_spoken else self._doubt(error, chat, model, facts)
                    if wrong is None:
                        raise
                    log.warning("GigaChat's %s is asked once more, with %s", interface.version, dict(wrong.values))
                    facts = replace(facts, **wrong.values)
        except ANY_FAILURE as error:
            self._fail(error, model, attached)
        if facts.v2:
            self._unreadable.pop(model, None)
        self._standing.note_success(model)

    def facts_of(self, model: str) -> Facts:
        """What is believed now."""
        facts = self._book.of(model)
        if model in self._met:
            facts = replace(facts, **self._met[model])
        if model in self._resting and time.monotonic() < self._resting[model]:
            facts = without_v2(facts)
        return facts

    def _fail(self, error: Exception, model: str, attached: RequestFiles | None) -> NoReturn:
        if isinstance(error, Unavailable):  # not GigaChat's: so this service ends what it has in work when it stops
            raise error
        failure = self._standing.to_failure(error, model)
        if isinstance(failure, NotFound):
            failure.transient = failure.code == "not_found" and attached is not None and attached.renew()
        try:
            raise failure from failure.__cause__
        finally:
            del failure  # its traceback holds this frame: a cycle would keep all of the request in memory

    def _learn(self, model: str, wrong: Doubt) -> None:
        if "v2" in wrong.values:
            self._resting[model] = time.monotonic() + REST_SECONDS
        elif self._book.learns:
            self._book.learn(model, "met", **wrong.values)
        else:
            self._met[model] = {**self._met.get(model, {}), **wrong.values}

    def _open(
        self,
        interface: Interface,
        chat: ChatRequest,
        model: str,
        names: ToolNames,
        files: FileIds,
        facts: Facts,
        stream: bool,
        tick: float | None,
    ) -> Generator[list[Any], None, GigaChatResponse]:
        functions = []
        if chat.tools:
            functions = to_functions(chat.tools, names, self._limits.max_schema_values, self._native(facts))
        if chat.hosted:
            chat = replace(chat, hosted=tuple(tool for tool in chat.hosted if tool in facts.hosted))
        if self._own_extras:
            chat = replace(chat, extras={**self._own_extras, **chat.extras})
        send_state_id = self._translation.send_state_id
        payload = interface.to_payload(chat, model, names, files, functions, facts, send_state_id=send_state_id)
        session = chat.session if self._translation.session_id else ""
        is_v2 = interface.version == "v2"
        # The payload may be large, and is let go when it is sent.
        return self._client.open_chat(payload, v2=is_v2, session=session, stream=stream, tick=tick)

    def _fetched(self, events: list[Event], tick: float | None) -> Generator[list[Any], None, list[Event]]:
        """With the drawings, which GigaChat keeps as files. One that cannot be had is left out."""
        found: list[Event] = []
        for event in events:
            if isinstance(event, Picture):
                try:
                    content = yield from background.run(partial(self._files.content, event.file_id), tick)
                except Unavailable:
                    raise
                except ProxyError as error:
                    log.warning("A drawing cannot be fetched: %s", error)
                    continue
                event = replace(event, content=content)
            found.append(event)
        return found

    def _native(self, facts: Facts) -> frozenset[str] | None:
        return None if self._translation.tool_schemas == "native" else facts.schema_keywords

    def _doubt(self, error: StatusError | Unreadable, chat: ChatRequest, model: str, facts: Facts) -> Doubt | None:
        """None also where a setting has decided, or the refusal passes by itself or is of the length."""
        if isinstance(error, StatusError):
            failure = to_proxy_error(error)
            if failure.transient or isinstance(failure, ContextTooLong):
                return None
            is_decided = self._translation.tool_schemas == "native"
            native = frozenset[str]() if is_decided else native_keywords(chat.tools, facts.schema_keywords)
            found = doubt(chat, facts, Refused(error.status_code, words_of(error), native))
        elif is_failure(error.document):
            return None
        elif found := doubt(chat, facts, Refused(None, "")):
            self._unreadable[model] += 1
            found = replace(found, lasts=self._unreadable[model] >= MOST_UNREADABLE)
        is_fixed = self._translation.gigachat_api_mode == "v2"
        return None if found and "v2" in found.values and is_fixed else found


def _with_cause(failure: ProxyError, error: Exception) -> ProxyError:
    failure.__cause__ = error
    return failure
