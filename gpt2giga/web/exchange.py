"""One request, from its arrival to the last byte of its answer, and the order of all that happens to it."""

from __future__ import annotations

import enum
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TYPE_CHECKING, TypeAlias

from flask import Flask, g, Request, Response
from flask import request as flask_request

from gpt2giga.chat import Done, Event, Usage
from gpt2giga.config.limits import LimitSettings
from gpt2giga.config.settings import ServerSettings
from gpt2giga.errors import ClientGone, Filtered, InternalError, ProxyError
from gpt2giga.upstream.caller import Priority
from gpt2giga.web.on_behalf import OnBehalf, OWN_REQUEST
from gpt2giga.web.trusted_proxies import Proxies

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from gpt2giga.store.keys import StoredKey

# Ids that clients make up and that end in headers and log lines.
ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# Nothing that can be called with these changes anything, and no body of theirs is read.
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Answers quote what was sent: no browser is to take one for a page or a script.
HEADERS = {"X-Content-Type-Options": "nosniff"}
# Of an answer that GigaChat's filter gave or stopped; most streams begin before it is known.
FILTERED = {**HEADERS, "X-Gpt2giga-Filtered": "true"}
RESTARTING = "restarting"  # the code of the error that ends a request when the service stops


class Outcome(enum.Enum):
    WHOLE = "the answer was sent to its end"
    REFUSED = "an error was the answer"
    CUT = "a stream broke after its beginning"
    CLIENT_GONE = "the client hung up before the end"
    RESTARTING = "the service stopped before the end"


@dataclass(slots=True)
class Exchange:
    """What is known of a request. `client` is the address behind trusted proxies, `key` what the client shows as its
    API key (secret) and `key_name` what the operator calls it, `first_ms` the time to the first piece of GigaChat's
    answer, `queued` the seconds in line for the account's slots, `account` and `answering_model` who answers, as far as
    that was told, `cause` the code of what went wrong.
    is_filtered: GigaChat's filter gave the answer, or ended it. stored_key: the one that was shown, where it is of
    those that `gpt2giga keys` made. headers: of the answer, whatever it is. allowed_models: bare names; empty: all.
    asker: the service asks by itself, on behalf of somebody.

    keeps_content: what was asked and answered is kept too, for the log (GPT2GIGA_LOG_CONTENT). wants_all: every event
    is to be observed, not only the last.
    """

    id: str
    method: str
    path: str
    request: Request
    limits: LimitSettings
    route: str = ""
    client: str = ""
    keeps_content: bool = False
    asker: OnBehalf | None = None
    key: str = ""
    key_name: str = ""
    stored_key: StoredKey | None = None
    headers: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    status: int = 0
    model: str = ""
    stream: bool = False
    usage: Usage | None = None
    first_ms: float | None = None
    queued: float = 0.0
    is_in_line: bool = False
    account: str = ""
    answering_model: str = ""
    priority: Priority | None = None
    allowed_models: frozenset[str] = frozenset()
    outcome: Outcome = Outcome.WHOLE
    cause: str = ""
    is_filtered: bool = False
    body: Any = None
    answer: list[Event] = field(default_factory=list)
    end_calls: list[Callable[[], Any]] = field(default_factory=list)
    is_over: bool = False
    wants_all: bool = True

    @property
    def tenant(self) -> str:
        """Whose the responses and files are that it makes. Where no key is asked for, everybody's."""
        if self.asker:
            return self.asker.tenant
        if self.stored_key:
            return self.stored_key.tenant
        return tenant_of(self.key) if self.key else ""

    def on_end(self, call: Callable[[], Any]) -> None:
        """`call` is called once, when the exchange is over however it ended. It must not raise."""
        self.end_calls.append(call)

    def may_use(self, model: str) -> bool:
        """The model, as GigaChat calls it."""
        return not self.allowed_models or bare_model(model) in self.allowed_models

    def begin_wait(self) -> None:
        self.is_in_line = True

    def add_wait(self, seconds: float) -> None:
        self.is_in_line = False
        self.queued += seconds

    def answered_by(self, account: str, model: str) -> None:
        self.account, self.answering_model = account, model

    def spend(self, usage: Usage | None) -> None:
        if usage:
            self.usage = self.usage + usage if self.usage else usage

    def ms(self) -> float:
        return round((time.monotonic() - self.started) * 1000, 1)

    def observe(self, events: list[Event]) -> None:
        """Events of the answer that are about to be sent."""
        if self.first_ms is None:
            self.first_ms = self.ms()
            self.wants_all = self.keeps_content
        if self.keeps_content:
            self.answer += events
        if (done := events[-1]).__class__ is Done and (done.finish == "content_filter" or done.was_filtered):
            self.is_filtered = True

    def fail(self, error: ProxyError) -> None:
        self.cause = error.code or error.type
        self.is_filtered = self.is_filtered or isinstance(error, Filtered)
        if isinstance(error, ClientGone):
            self.outcome = Outcome.CLIENT_GONE
        elif error.code == RESTARTING:
            self.outcome = Outcome.RESTARTING
        else:
            self.outcome = Outcome.CUT if self.status else Outcome.REFUSED

    def end(self) -> None:
        """Gives back what the exchange has taken. Once."""
        self.is_over = True
        if self.outcome is Outcome.CLIENT_GONE:
            self.cause = ClientGone.code
        for call in self.end_calls:
            call()


# A response ends the opening: the view is not called.
OpeningStep: TypeAlias = Callable[[Exchange], Response | None]
Answering: TypeAlias = Callable[[Exchange, Response], None]
Observing: TypeAlias = Callable[[Exchange], None]


class Opening(Protocol):
    """steps: looked at anew for each request."""

    steps: Sequence[OpeningStep]


def tenant_of(key: str) -> str:
    """Of a key that the settings hold, or of an account that a client brings."""
    return hashlib.sha256(key.encode()).hexdigest()


def bare_model(model: str) -> str:
    """Without a release, in letters of one case."""
    return model.partition(":")[0].lower()


def current() -> Exchange:
    found: Exchange = g.exchange
    return found


def init_app(
    app: Flask,
    server: ServerSettings,
    limits: LimitSettings,
    *,
    opening: Opening,
    answering: Sequence[Answering],
    observers: Sequence[Observing],
) -> None:
    """All that happens around a view, each list in its order: before it, to its response, and when all is over.

    Whatever answers, the view, an error of routing or a step of the opening, the exchange is ended once: when the
    response is closed, or when it is clear that there will be none.
    """
    proxies = Proxies(server.trusted_proxies) if server.trusted_proxies else None

    def open_exchange() -> Response | None:
        exchange = g.exchange = _new(proxies, limits, server.log_content)
        for step in opening.steps:
            if (response := step(exchange)) is not None:
                return response
        return None

    def answer(response: Response) -> Response:
        exchange = current()
        response.call_on_close(partial(close, exchange))
        for step in answering:
            step(exchange, response)
        exchange.status = response.status_code
        response.headers.extend((FILTERED if exchange.is_filtered else HEADERS) | exchange.headers)
        return response

    def close(exchange: Exchange) -> None:
        if not exchange.is_over:
            exchange.end()
            for observe in observers:
                observe(exchange)

    def close_without_response(error: BaseException | None) -> None:
        """Its client hung up while GigaChat was working."""
        if error is not None and "exchange" in g and not current().status:
            exchange = current()
            exchange.status = ClientGone.status
            exchange.outcome = Outcome.CLIENT_GONE
            close(exchange)

    app.response_class = _ClosedWhenRefused
    app.before_request(open_exchange)
    app.after_request(answer)
    app.teardown_request(close_without_response)


def _new(proxies: Proxies | None, limits: LimitSettings, keeps_content: bool) -> Exchange:
    request: Request = flask_request._get_current_object()  # type: ignore[attr-defined]  # asked often, and once found
    given = request.environ.get("HTTP_X_REQUEST_ID", "")
    # Behind a proxy its ids count, and nobody who goes past it may use them.
    believed = ACCEPTED_ID.fullmatch(given) and (proxies is None or proxies.vouch(request.environ))
    rule = request.url_rule
    request_id = given if believed else secrets.token_hex(16)
    own = request.environ.get(OWN_REQUEST)
    exchange = Exchange(
        request_id,
        request.method,
        request.path,
        request,
        limits,
        rule.rule if rule else "",
        proxies.client(request.environ) if proxies else "",
        keeps_content,
        own and own.asker,
        headers={"X-Request-ID": request_id},
    )
    if own:
        own.exchange = exchange
    return exchange


class _ClosedWhenRefused(Response):
    """A server that does not like the headers of a response raises, answers 500 and closes nothing."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return super().__call__(environ, start_response)
        except BaseException:
            exchange = current()
            exchange.status = InternalError.status
            exchange.fail(InternalError(""))
            self.close()
            raise
