"""One line a request, on stderr. Never prompts, answers or keys, unless GPT2GIGA_LOG_CONTENT says so."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import uuid
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import orjson
from flask import Flask
from flask import g
from flask import request
from flask import Response

from gpt2giga.chat import Done
from gpt2giga.chat import Event
from gpt2giga.chat import TextDelta
from gpt2giga.chat import ToolCall
from gpt2giga.chat import Usage
from gpt2giga.errors import ProxyError
from gpt2giga.http import ACCEPTED_ID
from gpt2giga.settings import Settings

PLAIN = re.compile(r"[\w./:@+-]+")
CLIENT_GONE = 499  # nginx's number for it

log = logging.getLogger(__name__)


@dataclass
class Record:
    """What is known of a request; becomes its line when the response is closed."""

    id: str
    method: str
    path: str
    backend: str
    keeps_content: bool
    started: float = field(default_factory=time.monotonic)
    status: int = 0
    model: str = ""
    stream: bool = False
    usage: Usage | None = None
    first_ms: float | None = None
    cause: str = ""
    content: list[Any] = field(default_factory=list)
    written: bool = False

    def opened(self, model: str, body: Any, *, stream: bool = False) -> Record:
        self.model, self.stream = model, stream
        if self.keeps_content:
            self.content.append(body)
        return self

    def observed(self, events: Iterable[Event]) -> Iterator[Event]:
        """The same events; notes the first one's time, the usage, and how it ended."""
        self.cause = "client_gone"  # unless something else ends it
        try:
            for event in events:
                if self.first_ms is None:
                    self.first_ms = self._ms()
                if self.keeps_content and isinstance(event, TextDelta | ToolCall):
                    self.content.append(repr(event))
                if isinstance(event, Done):
                    self.usage, self.cause = (self.usage or Usage()) + (event.usage or Usage()), ""
                yield event
        except ProxyError as error:
            self.cause = error.code or error.type
            raise

    def write(self) -> None:
        if not self.written:
            self.written = True
            log.info("request", extra={"fields": self._fields()})

    def _ms(self) -> float:
        return round((time.monotonic() - self.started) * 1000, 1)

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"id": self.id, "method": self.method, "path": self.path, "status": self.status}
        if self.model:
            fields |= {"model": self.model, "stream": self.stream, "backend": self.backend, "first_ms": self.first_ms}
        if self.usage:
            fields |= {"in": self.usage.prompt, "out": self.usage.completion, "cached": self.usage.cached}
        if self.cause:
            fields["cause"] = self.cause
        if self.content:
            fields["content"] = self.content
        return {**fields, "ms": self._ms()}


def init_app(app: Flask, settings: Settings) -> None:
    _configure(settings)

    def open_record() -> None:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if ACCEPTED_ID.fullmatch(given) else uuid.uuid4().hex
        g.record = Record(request_id, request.method, request.path, settings.backend, settings.log_content)

    app.before_request(open_record)
    app.after_request(_close_record)
    app.teardown_request(_close_lost)


def record() -> Record:
    """The record of the current request."""
    found: Record = g.record
    return found


def _close_record(response: Response) -> Response:
    """The line is written when the last byte of the response has been sent, or the client has gone."""
    found = record()
    response.headers["X-Request-ID"] = found.id
    found.status = response.status_code
    response.call_on_close(found.write)
    return response


def _close_lost(error: BaseException | None) -> None:
    """A request that ended without a response: its client hung up while GigaChat was working."""
    if error is not None and "record" in g and not record().status:
        record().status, record().cause = CLIENT_GONE, "client_gone"
        record().write()


def _configure(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if settings.log_format == "json" else PlainLines())
    ours = logging.getLogger("gpt2giga")
    ours.handlers = [handler]
    ours.setLevel(logging.INFO)
    ours.propagate = False
    if not settings.log_content:
        # The SDK logs the text of a frame that it cannot read.
        logging.getLogger("gigachat").setLevel(logging.CRITICAL)


class JsonLines(logging.Formatter):
    def format(self, entry: logging.LogRecord) -> str:
        line = {"time": _moment(entry), "level": entry.levelname, "message": entry.getMessage()}
        if entry.exc_info:
            line["traceback"] = self.formatException(entry.exc_info)
        return orjson.dumps({**line, **getattr(entry, "fields", {})}).decode()


class PlainLines(logging.Formatter):
    def format(self, entry: logging.LogRecord) -> str:
        pairs = "".join(f" {name}={_shown(value)}" for name, value in getattr(entry, "fields", {}).items())
        message = entry.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        line = f"{_moment(entry)} {entry.levelname} {message}{pairs}"
        return f"{line}\n{self.formatException(entry.exc_info)}" if entry.exc_info else line


def _moment(entry: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(entry.created)) + f".{int(entry.msecs):03}Z"


def _shown(value: object) -> str:
    """Quoted unless it is one plain word: what a client sends cannot look like the end of the line."""
    word = str(value)
    return word if PLAIN.fullmatch(word) else json.dumps(word)
