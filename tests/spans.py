"""Limits of keys count by spans of UTC: what a test spends must fall into one of them."""

from __future__ import annotations

import time

MINUTE, DAY = 60, 86400


def wait_for_room(span: int, seconds: int) -> None:
    """Into the next span, where this one has no more than so many seconds left. A month ends with a day."""
    while (left := span - time.time() % span) < seconds:
        time.sleep(left)
