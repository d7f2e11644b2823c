"""What requests of all dialects say besides messages and tools: effort, form of the answer, conversation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

from gpt2giga.chat import JsonFormat, Message
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.parameters import TypeCheck

Effort: TypeAlias = Literal["low", "medium", "high"]
Messages: TypeAlias = tuple[Message, ...]

# Clients send whatever their menus offer: more and less than GigaChat has is clamped, all else leaves it to GigaChat.
EFFORTS: Mapping[str, Effort | None] = {
    "none": "low",
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
    "off": None,
    "disabled": None,
    "auto": None,
    "default": None,
}
# Smaller budgets of thinking tokens than these; Claude Code's words for 4000, 10000 and 32000 are the measure.
LOW_BUDGET = 6000
MEDIUM_BUDGET = 16000
# GigaChat has no stop sequences, so that every piece of an answer is looked through for each.
MOST_STOPS = 1000
# What GigaChat has and OpenAI has not (contract 3.0.6, 3.0.8, 3.0.11, 3.0.14), each with what it must be.
EXTRAS: Mapping[str, TypeCheck] = {
    "repetition_penalty": partial(fields.number, low=0, high=fields.INT32),
    "profanity_check": fields.boolean,
    "update_interval": partial(fields.number, low=0, high=fields.INT32),
    "flags": fields.texts,
    "few_shot_examples": fields.array,
    "return_parameters": fields.optional_mapping,
    "unnormalized_history": fields.boolean,
    "function_ranker": fields.optional_mapping,
}
EXTRA_NAMES = {"extra_body", *EXTRAS}


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the client wants its answer: no matter of the chat itself. thoughts: are they to be shown? ignored:
    parameters that change nothing."""

    stream: bool
    thoughts: bool
    ignored: tuple[str, ...]
    choices: int = 1


def from_effort(body: Body, name: str, within: str = "") -> tuple[Effort | None, list[str]]:
    """The effort, and where a word stands that nobody knows: it changes nothing."""
    word = fields.string(body, name, within).lower()
    return EFFORTS.get(word), [fields.path(name, within)] if word and word not in EFFORTS else []


def from_budget(budget: int) -> Effort:
    if budget < LOW_BUDGET:
        return "low"
    return "medium" if budget < MEDIUM_BUDGET else "high"


def from_openai_format(wanted: Any, param: str, from_schema: Callable[[Body, str], JsonFormat]) -> JsonFormat | None:
    """from_schema: reads the type json_schema, which stands in another place in each API."""
    if wanted is None:
        return None
    wanted = fields.mapping(wanted, param)
    kind = wanted.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return JsonFormat()
    if kind != "json_schema":
        raise invalid(f"{param}.type", "text, json_object or json_schema")
    return from_schema(wanted, param)


def from_stops(value: Any, param: str) -> tuple[str, ...]:
    """Empty ones are left out: editors send all the markers that they have names for."""
    if value is None:
        return ()
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(text, str) for text in stops) or len(stops) > MOST_STOPS:
        raise invalid(param, f"a text or a list of at most {MOST_STOPS} texts")
    return tuple(dict.fromkeys(text for text in stops if text))


def from_extras(body: Body) -> Mapping[str, Any]:
    """Also from `extra_body`, which only OpenAI's SDK for Python puts into the body itself."""
    if EXTRA_NAMES.isdisjoint(body):  # nearly always
        return {}
    given = {**fields.optional_mapping(body, "extra_body"), **body}
    found = {name: given[name] for name in EXTRAS if given.get(name) is not None}
    for name in found:
        EXTRAS[name](found, name)
    return found


def to_session(word: str, messages: Messages, to_text: Callable[[Messages], str] = repr) -> str:
    """GigaChat's session, which its prompt cache goes by: the same for all requests of one conversation.

    By the client's own word for the conversation, or by its beginning, which every later turn repeats. It looks like a
    UUID, as those that GigaChat makes up.
    """
    users = (number for number, message in enumerate(messages) if message.role == "user")
    digest = hashlib.sha256((word or to_text(messages[: next(users, 0) + 1])).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
