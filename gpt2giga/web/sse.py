"""Server-sent events: the only place that writes them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import orjson
from flask import Response

from gpt2giga.concurrency.pump import Pump
from gpt2giga.errors import InternalError, ProxyError
from gpt2giga.telemetry import request_log

# U+0085, U+2028 and U+2029: no line ends in a stream of events, but for many a client's library (httpx's too).
LINE_ENDS = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]")
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # nginx must not collect the stream

log = logging.getLogger(__name__)

Item: TypeAlias = Mapping[str, Any] | str


@dataclass(frozen=True, slots=True)
class Style:
    """What a dialect sends when something fails, and after `interval` seconds of silence (0: nothing).

    named: each event has an `event:` line too, with the `type` of its data.
    stamp: the last touch, in the order in which events are sent: heartbeats come between those that wait.
    """

    to_error: Callable[[ProxyError], Item]
    heartbeat: Callable[[], Item]
    interval: float
    named: bool = False
    stamp: Callable[[Item], Item] = lambda item: item


def respond(items: Generator[Item, None, None], style: Style) -> Response:
    """Waits for the first item or heartbeat: a stream refused until then is raised here and becomes a real status.

    Closing the response closes `items`, and with it everything below up to GigaChat's stream.
    """
    pump = Pump(items)
    batches = pump.batches(style.interval or None)
    try:
        first = next(batches)
    except BaseException:
        pump.close()
        raise
    frames = _frames(chain([first], batches), style, request_log.record())
    response = Response(frames, mimetype="text/event-stream", headers=HEADERS)
    response.call_on_close(pump.close)
    return response


def _frames(batches: Iterable[list[Item]], style: Style, record: request_log.Record) -> Iterator[bytes]:
    """An error after the start is the last event; [DONE] would make the cut answer look whole."""
    record.whole = False  # a server that finds the client gone asks for no more
    try:
        for batch in batches:
            yield _bytes(batch or [style.heartbeat()], style)
        last = None
    except ProxyError as error:
        record.cause = error.code or error.type
        last = style.to_error(error)
    except Exception:
        log.exception("Unexpected failure in a stream")
        last = style.to_error(InternalError("The proxy failed unexpectedly; its log says more."))
    if last is not None:
        yield _bytes([last], style)
    record.whole = True


def _bytes(items: Iterable[Item], style: Style) -> bytes:
    """Everything that is there goes out in one write."""
    return b"".join(_frame(style.stamp(item), style.named) for item in items)


def _frame(item: Item, named: bool) -> bytes:
    if isinstance(item, str):
        return b"data: %b\n\n" % item.encode()
    data = _one_line(orjson.dumps(item))
    if named:
        return b"event: %b\ndata: %b\n\n" % (item["type"].encode(), data)
    return b"data: %b\n\n" % data


def _one_line(data: bytes) -> bytes:
    """The same JSON. Most chunks have not even the first byte of such a letter, and there are many chunks."""
    if b"\xc2" not in data and b"\xe2" not in data:
        return data
    return LINE_ENDS.sub(lambda found: b"\\u%04x" % ord(found[0].decode()), data)
