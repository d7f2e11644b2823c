"""One line a request, on stderr. Never prompts, answers or keys, unless GPT2GIGA_LOG_CONTENT says so."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import Flask, g, request, Response

from gpt2giga.chat import Done, Event, ToolCall, Usage
from gpt2giga.config.settings import Settings
from gpt2giga.errors import ClientGone, InternalError, ProxyError
from gpt2giga.telemetry import log_format
from gpt2giga.web.body import ACCEPTED_ID
from gpt2giga.web.trusted_proxies import Proxies

log = logging.getLogger(__name__)


@dataclass
class Record:
    """What is known of a request; becomes its line when the response is closed."""

    id: str
    method: str
    path: str
    backend: str
    keeps_content: bool
    client: str = ""
    started: float = field(default_factory=time.monotonic)
    status: int = 0
    model: str = ""
    stream: bool = False
    usage: Usage | None = None
    first_ms: float | None = None
    whole: bool = True
    cause: str = ""
    body: Any = None
    answer: list[str] = field(default_factory=list)
    observers: tuple[Callable[[Record], None], ...] = ()
    route: str = ""

    def opened(self, model: str, body: Any, *, stream: bool = False) -> Record:
        self.model, self.stream = model, stream
        self.body = body if self.keeps_content else None
        return self

    def observed(self, events: Iterable[Event]) -> Iterator[Event]:
        """The same events; notes the first one's time, the usage, and how it ended."""
        self.cause = InternalError.code  # unless something else ends it
        try:
            for event in events:
                if self.first_ms is None:
                    self.first_ms = self._ms()
                if self.keeps_content:
                    self.answer.append(_told(event))
                if isinstance(event, Done):
                    self.cause = ""
                    if event.usage:
                        self.usage = (self.usage or Usage()) + event.usage
                yield event
        except ProxyError as error:
            self.cause = error.code or error.type
            raise

    def write(self) -> None:
        """Once, when the last byte has been sent, or the client has gone."""
        if not self.whole:
            self.cause = ClientGone.code
        log.info("request", extra={"fields": self._fields()})
        for observe in self.observers:
            observe(self)

    def _ms(self) -> float:
        return round((time.monotonic() - self.started) * 1000, 1)

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"id": self.id, "method": self.method, "path": self.path, "status": self.status}
        if self.client:
            fields["client"] = self.client
        if self.model:
            fields |= {"model": self.model, "stream": self.stream, "backend": self.backend}
        if self.usage:
            fields |= {"in": self.usage.prompt, "out": self.usage.completion, "cached": self.usage.cached}
        if self.cause:
            fields["cause"] = self.cause
        if self.first_ms is not None:
            fields["first_ms"] = self.first_ms
        if self.keeps_content:
            fields |= {"request": self.body, "answer": "".join(self.answer)}
        return {**fields, "ms": self._ms()}


def init_app(app: Flask, settings: Settings, *observers: Callable[[Record], None]) -> None:
    """Each observer is shown every record when it is closed."""
    log_format.configure(settings)
    proxies = Proxies(settings.trusted_proxies) if settings.trusted_proxies else None

    def open_record() -> None:
        given = request.headers.get("X-Request-ID", "")
        # Behind a proxy its ids count, and nobody who goes past it may use them.
        believed = ACCEPTED_ID.fullmatch(given) and (proxies is None or proxies.vouch(request.environ))
        request_id = given if believed else secrets.token_hex(16)
        found = Record(request_id, request.method, request.path, settings.backend, settings.log_content)
        found.observers = observers
        if rule := request.url_rule:
            found.route = rule.rule
        if proxies:
            found.client = proxies.client(request.environ)
        g.record = found

    app.before_request(open_record)
    app.after_request(_close_record)
    app.teardown_request(_close_lost)


def record() -> Record:
    """The record of the current request."""
    found: Record = g.record
    return found


def _close_record(response: Response) -> Response:
    found = record()
    response.headers["X-Request-ID"] = found.id
    found.status = response.status_code
    response.call_on_close(found.write)
    return response


def _close_lost(error: BaseException | None) -> None:
    """A request that ended without a response: its client hung up while GigaChat was working."""
    if error is not None and "record" in g and not record().status:
        record().status, record().cause = ClientGone.status, ClientGone.code
        record().write()


def _told(event: Event) -> str:
    if isinstance(event, Done):
        return ""
    if isinstance(event, ToolCall):
        return f"{event.name}({orjson.dumps(event.arguments).decode()})"
    return event.text
