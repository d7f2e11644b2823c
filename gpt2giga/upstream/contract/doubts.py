"""A refusal that may rest on a wrong belief about GigaChat: which one it would be, so that a request can be sent once
more without it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpt2giga.chat import ChatRequest, ToolResult
from gpt2giga.upstream.contract.facts import Facts

# What the service calls the keywords that a schema may hold (contract 3.1.4, 10.5).
KEYWORD_WORDS: Mapping[str, re.Pattern[str]] = {
    "unions": re.compile(r"\b(anyOf|oneOf|allOf|union)", re.IGNORECASE),
    "references": re.compile(r"\$?\b(ref|defs|definitions)\b", re.IGNORECASE),
    "type_lists": re.compile(r"\btype \[|\btype list|\btypes\b", re.IGNORECASE),
    "integer_enums": re.compile(r"\benum\b", re.IGNORECASE),
    "const": re.compile(r"\bconst\b", re.IGNORECASE),
    "formats": re.compile(r"\bformat\b", re.IGNORECASE),
    "additional_properties": re.compile(r"additionalProperties", re.IGNORECASE),
    "open_objects": re.compile(r"\bproperties' is missing", re.IGNORECASE),
}
ABOUT_SCHEMAS = re.compile(r"schema|function|parameters|propert|keyword|\btypes?\b|enum|JSON syntax", re.IGNORECASE)
# Contract 5.11.
NO_SUCH_TOOL = re.compile(r"Unknown tool (\w+)|Tool (\w+) is unavailable")
# What a role that it does not know, or a result of the other role's form, is answered with (contract 5.7, 5.29).
ABOUT_RESULTS = re.compile(r"JSON syntax|function result|\brole\b", re.IGNORECASE)
# Statuses of a server that does not have the interface, or not for this account.
NOT_SERVED = (403, 404, 405, 501)


@dataclass(frozen=True, slots=True)
class Refused:
    """status: None for an answer that came and could not be read. native: the keywords of schemas that went up as they
    were."""

    status: int | None
    words: str
    native: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Doubt:
    """values: what the facts are then. lasts: if the second request is taken, the first belief was wrong."""

    values: Mapping[str, Any]
    lasts: bool = True


def doubt(chat: ChatRequest, facts: Facts, refused: Refused) -> Doubt | None:
    rules = (_schemas, _parameters, _own_tools, _v2)
    return next((found for rule in rules if (found := rule(chat, facts, refused))), None)


def _schemas(chat: ChatRequest, facts: Facts, refused: Refused) -> Doubt | None:
    if not refused.native or refused.status not in (400, 422) or not ABOUT_SCHEMAS.search(refused.words):
        return None
    named = {keyword for keyword in refused.native if KEYWORD_WORDS[keyword].search(refused.words)}
    return Doubt({"schema_keywords": facts.schema_keywords - (named or refused.native)})


def _parameters(chat: ChatRequest, facts: Facts, refused: Refused) -> Doubt | None:
    if refused.status not in (400, 422):
        return None
    if chat.temperature == 0 and facts.temperature_zero and "temperature" in refused.words:
        return Doubt({"temperature_zero": False})
    if chat.reasoning_effort and facts.effort and "reasoning" in refused.words:
        return Doubt({"effort": False})
    return None


def _own_tools(chat: ChatRequest, facts: Facts, refused: Refused) -> Doubt | None:
    if refused.status not in (404, 422) or not (found := NO_SUCH_TOOL.search(refused.words)):
        return None
    left = facts.hosted - {found[1] or found[2]}
    return Doubt({"hosted": left}) if left != facts.hosted else None


def _v2(chat: ChatRequest, facts: Facts, refused: Refused) -> Doubt | None:
    if not facts.v2:
        return None
    if refused.status is None:
        return Doubt({"v2": False}, lasts=False)
    if refused.status in NOT_SERVED:  # v1 is asked without tools of GigaChat's own, which may be what is refused
        return Doubt({"v2": False}, lasts=facts.hosted.isdisjoint(chat.hosted))
    if refused.status not in (400, 422):
        return None
    if chat.tool_choice.mode == "required" and facts.any_call and re.search(r"\bmode\b|\bany\b", refused.words):
        return Doubt({"any_call": False})
    has_results = any(isinstance(part, ToolResult) for message in chat.messages for part in message.parts)
    if has_results and ABOUT_RESULTS.search(refused.words):
        return Doubt({"result_role": "tool" if facts.result_role == "function" else "function"})  # contract 5.6
    return None
