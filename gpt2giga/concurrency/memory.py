"""What a large request took goes back to the system; glibc would keep it for a next one that may never come."""

from __future__ import annotations

import gc
import time
from contextlib import suppress
from functools import cache
from typing import Any

from gpt2giga.concurrency import background

# Bytes of a body or an answer.
LARGE = 1024 * 1024
SECONDS_UNTIL_IT_IS_FREE = 0.2
# Of mallopt(3).
M_MMAP_THRESHOLD, MAPPED_FROM = -3, 1024 * 1024

_is_asked = False  # once is enough for all that end at the same time


def give_back_soon() -> None:
    """To be called where something large begins, and where it ends."""
    global _is_asked
    libc = _libc()
    if not _is_asked:
        _is_asked = True
        background.start(_trim, libc)


@cache
def _libc() -> Any:
    """With each large piece that is freed glibc raises the size from which on the next one goes back at once."""
    import ctypes

    libc = ctypes.CDLL(None)
    with suppress(AttributeError):  # another libc
        libc.mallopt(M_MMAP_THRESHOLD, MAPPED_FROM)
    return libc


def _trim(libc: Any) -> None:
    global _is_asked
    time.sleep(SECONDS_UNTIL_IT_IS_FREE)
    _is_asked = False
    gc.collect()
    with suppress(AttributeError):
        libc.malloc_trim(0)
