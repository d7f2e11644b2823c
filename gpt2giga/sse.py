"""Server-sent events: the only place that writes them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import TypeAlias

import orjson
from flask import Response

from gpt2giga.errors import InternalError
from gpt2giga.errors import ProxyError
from gpt2giga.pump import End
from gpt2giga.pump import Pump

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # nginx must not collect the stream

log = logging.getLogger(__name__)

Item: TypeAlias = Mapping[str, Any] | str


@dataclass(frozen=True, slots=True)
class Style:
    """What a dialect sends when something fails, and after `interval` seconds of silence (0: nothing)."""

    to_error: Callable[[ProxyError], Item]
    heartbeat: Item
    interval: float


def respond(items: Generator[Item, None, None], style: Style) -> Response:
    """Waits for the first item or heartbeat: a stream refused until then is raised here and becomes a real status.

    Closing the response closes `items`, and with it everything below up to GigaChat's stream.
    """
    pump = Pump(items)
    try:
        first = _read(pump, style)
    except BaseException:
        pump.close()
        raise
    response = Response(_frames(first, pump, style), mimetype="text/event-stream", headers=HEADERS)
    response.call_on_close(pump.close)
    return response


def _frames(first: list[Item], pump: Pump[Item], style: Style) -> Iterator[bytes]:
    """An error after the start is the last event; [DONE] would make the cut answer look whole."""
    yield _frame(first)
    try:
        while True:
            yield _frame(_read(pump, style))
    except End:
        return
    except ProxyError as error:
        failure = error
    except Exception:
        log.exception("Unexpected failure in a stream")
        failure = InternalError("The proxy failed unexpectedly; its log says more.")
    yield _frame([style.to_error(failure)])


def _read(pump: Pump[Item], style: Style) -> list[Item]:
    return pump.read(style.interval or None) or [style.heartbeat]


def _frame(items: Iterable[Item]) -> bytes:
    """Everything that is there goes out in one write."""
    return b"".join(
        b"data: %b\n\n" % (item.encode() if isinstance(item, str) else orjson.dumps(item)) for item in items
    )
