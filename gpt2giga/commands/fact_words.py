"""Facts in plain words, and what the service does differently because of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, TypeAlias

from gpt2giga.upstream.contract.facts import Facts, SCHEMA_KEYWORDS

LABELS = {
    "window": "window, tokens",
    "longest_answer": "longest answer, tokens",
    "images": "takes images",
    "temperature_zero": "takes temperature 0",
    "text_beside_call": "takes words beside a call",
    "call_frames": "frames of a streamed call",
    "effort": "takes reasoning_effort",
    "reasoning": "shows its thoughts",
    "slots": "requests at a time",
    "embeddings_batch": "texts of one request",
    "schema_keywords": "schemas of tools may hold",
    "v2": "answers on v2",
    "result_role": "role of results on v2",
    "any_call": "can be made to call",
    "parallel_calls": "several calls in one answer",
    "hosted": "does by itself",
}
HOSTED = {
    "web_search": "GigaChat's web search for clients that ask for it",
    "url_content_extraction": "GigaChat reads pages for clients that ask for it",
    "image_generate": "GigaChat draws pictures in chats of clients that ask for it",
}
Effect: TypeAlias = tuple[str, str]
# Where the fact becomes true, and where it becomes false.
SWITCHES: dict[str, Effect] = {
    "v2": ("chats go over GigaChat's newer interface, v2", "chats go over GigaChat's older interface, v1"),
    "parallel_calls": ("several calls in one answer", "one call an answer"),
    "any_call": (
        "tool_choice=required is left to GigaChat",
        "tool_choice=required is seen to here: GigaChat is asked again until it calls",
    ),
    "temperature_zero": ("temperature 0 goes up as it is", "temperature 0 goes up as the lowest that GigaChat takes"),
    "text_beside_call": (
        "what a model says beside a call stays beside it in the history",
        "what a model says beside a call goes into a message of its own",
    ),
    "effort": ("reasoning_effort goes up", "reasoning_effort is left out"),
    "reasoning": ("clients are told that it shows its thoughts", "clients are told that it shows no thoughts"),
}


def value_in_words(value: Any, name: str = "") -> str:
    if name == "call_frames" and not value:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "nothing more"
    return f"{value:,}" if isinstance(value, int) else str(value)


def effects(before: Facts, after: Facts) -> Iterator[str]:
    """Of one model. What needs another word than its name has a rule of its own."""
    for field in fields(Facts):
        was, now = getattr(before, field.name), getattr(after, field.name)
        if was == now:
            continue
        if field.name in SWITCHES:
            yield SWITCHES[field.name][0 if now else 1]
        elif field.name in RULES:
            yield from RULES[field.name](was, now)


def _schemas(was: frozenset[str], now: frozenset[str]) -> Iterator[str]:
    if now == frozenset(SCHEMA_KEYWORDS):
        yield "schemas of tools go up as they were written"
    elif now:
        yield f"schemas of tools go up as they were written where they need no more than {value_in_words(now)}"
    else:
        yield "schemas of tools are rewritten to what every model takes"


def _hosted(was: frozenset[str], now: frozenset[str]) -> Iterator[str]:
    yield from (HOSTED[tool] for tool in sorted(now - was))
    yield from (f"no longer: {HOSTED[tool]}" for tool in sorted(was - now))


RULES: dict[str, Callable[[Any, Any], Iterator[str]]] = {
    "schema_keywords": _schemas,
    "hosted": _hosted,
    "window": lambda was, now: iter([f"clients are told of {now:,} tokens instead of {was:,}"]),
    "embeddings_batch": lambda was, now: iter([f"{now} texts in one request for embeddings instead of {was}"]),
    "result_role": lambda was, now: iter([f"results of calls go up in the role {now}"]),
}
