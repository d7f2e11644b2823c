"""How the bytes of an answer go out: delays, faults, and noticing a client that has left."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gpt2giga_sandbox.state import Stream
from gpt2giga_sandbox.steps import Step

LONGEST_SILENCE = 60.0
# A held stream looks so often, in seconds, whether it may go on.
LOOK = 0.1
BLANKS = b" " * 65536


class Dropped(Exception):
    """The connection ends here, by a TCP reset or by an ordinary close."""

    def __init__(self, reset: bool = False) -> None:
        super().__init__("reset" if reset else "close")
        self.reset = reset


class ClientLeft(ConnectionError):
    pass


@dataclass(frozen=True)
class Reply:
    """A whole body is one piece of `pieces`; a stream is one piece an event."""

    pieces: list[bytes]
    status: int = 200
    headers: dict[str, str] | None = None
    streamed: bool = False


def wait(connection: Any, seconds: float) -> None:
    """Sleeps, but raises ClientLeft as soon as the client hangs up."""
    before = connection.gettimeout()
    connection.settimeout(seconds)
    try:
        # The base class: an SSL socket refuses flags, yet its bytes can be peeked at all the same.
        data = socket.socket.recv(connection, 1, socket.MSG_PEEK)
    except (TimeoutError, BlockingIOError):
        return
    except OSError as error:
        raise ClientLeft from error
    finally:
        connection.settimeout(before)
    # Under TLS a client says goodbye with a record; it has nothing else to send while it waits.
    if not data or isinstance(connection, ssl.SSLSocket):
        raise ClientLeft
    # The next request came early, so the silence cannot be waited out on the socket.
    time.sleep(seconds)


def deliver(
    reply: Reply, step: Step, connection: Any, stream: Stream | None, held_at: Callable[[], int | None]
) -> Iterator[bytes]:
    """The server sends the headers with the first item, so faults before it come before any header.

    held_at: after how many frames streams wait at this moment; None: they do not.
    """
    try:
        while step.after and not step.after.is_set():
            wait(connection, LOOK)
        if step.delay:
            wait(connection, step.delay)
        if step.fault:
            raise Dropped(reset=step.fault == "reset")
        if step.reset_after == 0:
            raise Dropped(reset=True)
        yield b""
        for size in range(step.padding, 0, -len(BLANKS)):
            yield BLANKS[:size]
        pieces = _split(reply.pieces, step.split) if step.split else reply.pieces
        for sent, piece in enumerate(_paced(pieces, step, connection)):
            while reply.streamed and sent == held_at():
                wait(connection, LOOK)
            if sent == len(pieces) - 1 and sent + 1 not in (step.hang_after, step.reset_after, step.cut_after):
                # Who has read it may ask again at once, and is not to be told that this is still in work.
                _settle(stream, "finished")
            yield piece
    except Dropped:
        _settle(stream, "cut")
        raise
    _settle(stream, "finished")


def _settle(stream: Stream | None, outcome: str) -> None:
    if stream:
        stream.outcome = outcome
        stream.end()


def _paced(pieces: list[bytes], step: Step, connection: Any) -> Iterator[bytes]:
    for sent, piece in enumerate(pieces):
        _fault_after(sent, step, connection)
        wait(connection, step.frame_delay if sent else 0)
        yield piece
    _fault_after(len(pieces), step, connection)


def _fault_after(sent: int, step: Step, connection: Any) -> None:
    if step.hang_after == sent:
        wait(connection, LONGEST_SILENCE)
        raise Dropped
    if step.reset_after == sent:
        raise Dropped(reset=True)
    if step.cut_after == sent:
        raise Dropped


def _split(pieces: list[bytes], size: int) -> list[bytes]:
    whole = b"".join(pieces)
    return [whole[start : start + size] for start in range(0, len(whole), size)]
