"""Limits of keys count by spans of UTC: what a test spends must fall into one of them."""

from __future__ import annotations

import time

from gpt2giga.store.spending import span


def wait_for_room(name: str, seconds: float) -> None:
    """Into the next span, where this one has no more than so many seconds left. A month ends with a day."""
    while (left := span(name, time.time()).end - time.time()) < seconds:
        time.sleep(max(0.0, left))
