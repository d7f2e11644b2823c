"""Facts in plain words, and what the service does differently because of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, TypeAlias

from gpt2giga.language import _, N_, ngettext, number
from gpt2giga.upstream.contract.facts import Facts, SCHEMA_KEYWORDS

LABELS = {
    "window": N_("window, tokens"),
    "longest_answer": N_("longest answer, tokens"),
    "images": N_("takes images"),
    "temperature_zero": N_("takes temperature 0"),
    "text_beside_call": N_("takes words beside a call"),
    "call_frames": N_("frames of a streamed call"),
    "effort": N_("takes reasoning_effort"),
    "reasoning": N_("shows its thoughts"),
    "slots": N_("requests at a time"),
    "embeddings_batch": N_("texts of one request"),
    "schema_keywords": N_("schemas of tools may hold"),
    "v2": N_("answers on v2"),
    "result_role": N_("role of results on v2"),
    "any_call": N_("can be made to call"),
    "parallel_calls": N_("several calls in one answer"),
    "hosted": N_("does by itself"),
}
HOSTED = {
    "web_search": N_("GigaChat's web search for clients that ask for it"),
    "url_content_extraction": N_("GigaChat reads pages for clients that ask for it"),
    "image_generate": N_("GigaChat draws pictures in chats of clients that ask for it"),
}
Effect: TypeAlias = tuple[str, str]
# Where the fact becomes true, and where it becomes false.
SWITCHES: dict[str, Effect] = {
    "v2": (N_("chats go over GigaChat's newer interface, v2"), N_("chats go over GigaChat's older interface, v1")),
    "parallel_calls": (N_("several calls in one answer"), N_("one call an answer")),
    "any_call": (
        N_("tool_choice=required is left to GigaChat"),
        N_("tool_choice=required is seen to here: GigaChat is asked again until it calls"),
    ),
    "temperature_zero": (
        N_("temperature 0 goes up as it is"),
        N_("temperature 0 goes up as the lowest that GigaChat takes"),
    ),
    "text_beside_call": (
        N_("what a model says beside a call stays beside it in the history"),
        N_("what a model says beside a call goes into a message of its own"),
    ),
    "effort": (N_("reasoning_effort goes up"), N_("reasoning_effort is left out")),
    "reasoning": (N_("clients are told that it shows its thoughts"), N_("clients are told that it shows no thoughts")),
}


def value_in_words(value: Any, name: str = "") -> str:
    if name == "call_frames" and not value:
        return _("not known")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or _("nothing more")
    return number(value) if isinstance(value, int) else str(value)


def effects(before: Facts, after: Facts) -> Iterator[str]:
    """Of one model. What needs another word than its name has a rule of its own."""
    for field in fields(Facts):
        was, now = getattr(before, field.name), getattr(after, field.name)
        if was == now:
            continue
        if field.name in SWITCHES:
            yield _(SWITCHES[field.name][0 if now else 1])
        elif field.name in RULES:
            yield from RULES[field.name](was, now)


def _schemas(was: frozenset[str], now: frozenset[str]) -> Iterator[str]:
    if now == frozenset(SCHEMA_KEYWORDS):
        yield _("schemas of tools go up as they were written")
    elif now:
        yield _(
            "schemas of tools go up as they were written where they need no more than {keywords}",
            keywords=value_in_words(now),
        )
    else:
        yield _("schemas of tools are rewritten to what every model takes")


def _hosted(was: frozenset[str], now: frozenset[str]) -> Iterator[str]:
    yield from (_(HOSTED[tool]) for tool in sorted(now - was))
    yield from (_("no longer: {what}", what=_(HOSTED[tool])) for tool in sorted(was - now))


def _window(was: int, now: int) -> Iterator[str]:
    yield _("clients are told of {now} tokens instead of {was}", now=number(now), was=number(was))


def _batch(was: int, now: int) -> Iterator[str]:
    yield ngettext(
        "{count} text in one request for embeddings instead of {was}",
        "{count} texts in one request for embeddings instead of {was}",
        now,
        was=was,
    )


def _result_role(was: str, now: str) -> Iterator[str]:
    yield _("results of calls go up in the role {role}", role=now)


RULES: dict[str, Callable[[Any, Any], Iterator[str]]] = {
    "schema_keywords": _schemas,
    "hosted": _hosted,
    "window": _window,
    "embeddings_batch": _batch,
    "result_role": _result_role,
}
