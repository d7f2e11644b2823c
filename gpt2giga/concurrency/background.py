"""Running what may take long beside the request, so that the request can give signs of life meanwhile."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

from gpt2giga.concurrency.waiting import gevent_is_on
from gpt2giga.errors import ProxyError

T = TypeVar("T")

_computing = threading.Lock()


def run(
    call: Callable[[], T], tick: float | None, discard: Callable[[T], Any] = lambda _: None
) -> Generator[list[Any], None, T]:
    """What `call` returns or raises. Yields an empty list each time `tick` seconds have passed; None: never.

    Closing the generator ends the call where it waits. A thread cannot be ended: it runs on, and nobody listens.
    discard: gets a result that nobody waits for any more.
    """
    if tick is None:
        return call()
    done = threading.Event()
    results: list[T] = []
    failures: list[BaseException] = []
    is_left = threading.Event()

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 raised again where somebody can handle it
            if not is_left.is_set():
                failures.append(error)
        done.set()
        if is_left.is_set():
            discard_result()

    def discard_result() -> None:
        with suppress(IndexError):  # the other side was first, or there is none
            discard(results.pop())

    stop = start(work)
    try:
        while not done.wait(tick):
            yield []
    except BaseException:
        is_left.set()
        stop()
        discard_result()
        raise
    if failures:
        try:
            raise failures.pop()
        finally:
            del work  # its cell holds the error, whose traceback holds this frame
    return results.pop()


def compute(call: Callable[[], T]) -> T:
    """Runs beside all requests, one at a time, what takes much memory, computes for long and lets go of Python's lock
    meanwhile, as Pillow does. It must not use what gevent has patched."""
    if not gevent_is_on():
        with _computing:
            return call()
    results: list[T] = []
    failures: list[ProxyError] = []
    is_left = False

    def work() -> None:
        if is_left:  # its client hung up while it stood in line
            return
        try:
            results.append(call())
        except ProxyError as error:  # gevent would print its traceback
            failures.append(error)

    try:
        _thread().apply(work)
    finally:
        is_left = True
    if failures:
        raise failures.pop()
    return results.pop()


@cache
def _thread() -> Any:
    """Of a process; a killed greenlet cannot end what runs in it."""
    from gevent.threadpool import ThreadPool

    return ThreadPool(1)


def start(work: Callable[..., None], *arguments: Any) -> Callable[[], Any]:
    """Starts it in the context of the caller. What is returned ends it where it waits, unless it is a thread."""
    context = contextvars.copy_context()
    if gevent_is_on():
        import gevent

        greenlet = gevent.spawn(context.run, work, *arguments)
        return lambda: greenlet.kill(block=False)
    threading.Thread(target=context.run, args=(work, *arguments), daemon=True).start()
    return nothing


def start_apart(work: Callable[..., None], *arguments: Any) -> Callable[[], Any]:
    """As `start`, for what goes on when the caller has long gone: nothing of the caller's stays in memory for it."""
    return contextvars.Context().run(start, work, *arguments)


def nothing() -> None:
    """Stands where there is nothing to end."""
