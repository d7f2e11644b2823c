"""A prompt that is too long, by GigaChat's words for it: in those that agents look for."""

from __future__ import annotations

import re

from gpt2giga.errors import ContextTooLong
from gpt2giga.language import _

# How GigaChat says that a prompt is too long (contract 3.4.3, 3.4.4, 6.13); "tokens limit 1 to 8192" is of max_tokens.
OVERFLOW = re.compile(
    r"context.?too.?long|maximum (allowed )?context|tokens? limit(?!\W{1,3}\d+ to \d)|payload too large", re.IGNORECASE
)
# Not those in names of models and in versions.
FIGURE = re.compile(r"(?<![\w.-])(?<!\d,)(\d{1,9})(?![\w-]|[.,]\w)")
MAXIMUM = re.compile(rf"(?<![\w-])max(?:imum)?\b.{{0,100}}?{FIGURE.pattern}", re.IGNORECASE)
# Those of a body, not of a window.
BYTES = re.compile(r"\bbytes?\b|\d ?[KMG]i?B\b", re.IGNORECASE)
SMALLEST_WINDOW = 500  # 514 is the smallest known


def is_overflow(words: str) -> bool:
    return OVERFLOW.search(words) is not None


def too_long(words: str) -> ContextTooLong:
    """In the words that agents look for when they decide to shorten a conversation, and by how much."""
    found = _figures(words)
    if not found:
        return ContextTooLong(
            _(
                "The request exceeds the context window. This model's maximum context length is not known here "
                "(GigaChat: {words}). Send less text.",
                words=words,
            ),
            param="messages",
        )
    window, asked = found
    what = _("your input has") if "index" in words else _("your messages resulted in")  # of several texts to embed
    error = ContextTooLong(
        _(
            "This model's maximum context length is {window} tokens. However, {what} {asked} tokens "
            "(GigaChat: {words}). Send less text.",
            window=window,
            what=what,
            asked=asked,
            words=words,
        ),
        param="messages",
    )
    error.asked, error.window = asked, window
    return error


def _figures(words: str) -> tuple[int, int] | None:
    """The window, and the tokens that were asked for: the last two figures, where it does not say which is the most."""
    if BYTES.search(words):
        return None
    figures = [figure for found in FIGURE.findall(words) if (figure := int(found)) >= SMALLEST_WINDOW]
    maximum = MAXIMUM.search(words)
    most = int(maximum[1]) if maximum else 0
    larger = [figure for figure in figures if figure > most]
    if most in figures and larger:
        return most, larger[-1]
    window, asked = sorted(figures[-2:]) if len(figures) > 1 else (0, 0)
    return (window, asked) if window < asked else None
