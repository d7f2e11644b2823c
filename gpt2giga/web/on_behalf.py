"""Requests that this service makes to itself, for somebody who need not be there any more: the lines of a batch, or
what was asked in the background. They go the way of all requests, from the key's rights to the line of the log.

    asker = OnBehalf.of(exchange, "batch_1")
    OwnRequest(asker).send(app, "/v1/chat/completions", body)
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any, TYPE_CHECKING

import orjson

from gpt2giga.upstream.caller import Priority

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    from gpt2giga.web.exchange import Exchange

# In the WSGI environment. What clients send is there under names that begin with HTTP_, so none of them can set it.
OWN_REQUEST = "gpt2giga.own_request"


@dataclass(frozen=True, slots=True)
class OnBehalf:
    """Who has asked, as far as it may be stored: no secret. The key is looked up again at each request, by its id, or
    where it is one of GPT2GIGA_API_KEY by the tenant.

    work: the id of what is done, for the log. priority: None where the key or the kind of the request decides.
    is_counted: among the requests of the key, when it was asked for.
    """

    tenant: str
    work: str
    key_id: str = ""
    priority: Priority | None = None
    is_counted: bool = False

    @classmethod
    def of(
        cls, exchange: Exchange, work: str, priority: Priority | None = None, *, is_counted: bool = False
    ) -> OnBehalf:
        """priority: instead of the one that the exchange has."""
        key_id = exchange.stored_key.id if exchange.stored_key else ""
        return cls(exchange.tenant, work, key_id, exchange.priority if priority is None else priority, is_counted)

    @classmethod
    def from_json(cls, text: str) -> OnBehalf:
        values = orjson.loads(text)
        priority = values.pop("priority")
        return cls(**values, priority=None if priority is None else Priority(priority))

    def to_json(self) -> str:
        return orjson.dumps(asdict(self)).decode()


@dataclass(slots=True)
class Answer:
    """headers: by their names in small letters. pieces: to be closed; before their end the request is in work."""

    status: int
    headers: dict[str, str]
    pieces: Iterator[bytes]

    @property
    def request_id(self) -> str:
        return self.headers.get("x-request-id", "")


class OwnRequest:
    """One request. exchange: as soon as there is one; it tells, for example, whether it stands in line for a slot.

    Nobody watches over a client that may hang up: whoever sends it ends it, by killing the greenlet or by closing the
    pieces. When the process stops, the request ends as all others do: with 503, code `restarting`.
    """

    def __init__(self, asker: OnBehalf) -> None:
        self.asker = asker
        self.exchange: Exchange | None = None

    def send(self, app: WSGIApplication, path: str, body: bytes) -> tuple[Answer, bytes]:
        """Returns when the answer is whole."""
        answer = self.open(app, path, body)
        with closing(answer.pieces):  # type: ignore[type-var]
            return answer, b"".join(answer.pieces)

    def open(self, app: WSGIApplication, path: str, body: bytes) -> Answer:
        """Returns with the beginning of the answer, which is a stream where the body asks for one."""
        head: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            head.update(status=int(status[:3]), headers={name.lower(): value for name, value in headers})

        pieces = app(self._environ(path, body), start_response)
        return Answer(head["status"], head["headers"], _closed_after(pieces))

    def _environ(self, path: str, body: bytes) -> WSGIEnvironment:
        return {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            OWN_REQUEST: self,
        }


def _closed_after(pieces: Any) -> Iterator[bytes]:
    """Begun at once, for a generator that was never begun closes nothing."""

    def read() -> Iterator[bytes]:
        try:
            yield b""
            yield from pieces
        finally:
            if hasattr(pieces, "close"):
                pieces.close()

    begun = read()
    next(begun)
    return begun
