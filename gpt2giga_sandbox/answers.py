"""What the sandbox answers when no script says otherwise: a call, JSON, a picture, or what its voice says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gpt2giga_sandbox.conversation import up_to_results
from gpt2giga_sandbox.echo import Echo, PREFIX
from gpt2giga_sandbox.samples import sample

ECHO = Echo()
DRAW = re.compile(r"нарисуй|\bdraw\b", re.IGNORECASE)
WORD = re.compile(r"\S+\s*")
DRAWING = ("text2image", "image_generate")


@dataclass(frozen=True)
class Call:
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """`finish` empty means the reason that fits the content; `usage` overrides single counts.
    On v1 an answer has one call at most, and nothing of the last three: the built-in tool that was used, and its
    sources and files as v2 tells them."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    finish: str = ""
    reasoning: str = ""
    usage: dict[str, Any] | None = None
    frames_apart: bool = False
    word_by_word: bool = False
    tool: str = ""
    sources: dict[str, dict[str, str]] | None = None
    files: tuple[dict[str, str], ...] = ()

    @property
    def call(self) -> Call | None:
        return self.calls[0] if self.calls else None

    @property
    def finish_reason(self) -> str:
        return self.finish or ("function_call" if self.call else "stop")


def answer(body: dict[str, Any], draw: Callable[[], str], parallel: bool = False, voice: Echo = ECHO) -> Answer:
    """`body` is one of v1. `draw` stores a picture and gives its file id. `parallel`: several calls may come."""
    calls = _calls(body, voice)
    if calls:
        return Answer(calls=calls if parallel else calls[:1])
    if "response_format" in body:
        return cut(Answer(_conforming(body["response_format"]["schema"])), body)
    if _wants_drawing(body):
        return Answer(f'{PREFIX}: рисунок <img src="{draw()}" fuse="true"/> готов.')
    return cut(Answer(voice.says(body["messages"]), word_by_word=voice.word_by_word), body)


def cut(answer: Answer, body: dict[str, Any]) -> Answer:
    """max_tokens counts words here."""
    words = WORD.findall(answer.text)
    limit = body.get("max_tokens", len(words))
    if len(words) <= limit:
        return answer
    return replace(answer, text="".join(words[:limit]).rstrip(), finish="length")


def _calls(body: dict[str, Any], voice: Echo) -> tuple[Call, ...]:
    functions = {function["name"]: function for function in body.get("functions", [])}
    choice = body.get("function_call", "auto")
    if isinstance(choice, dict):
        forced = functions.get(choice["name"])
        known = choice.get("partial_arguments", {})
        return (sampled(forced, {**voice.arguments(forced, body["messages"]), **known}),) if forced else ()
    last = up_to_results(body["messages"])[-1]
    if choice == "none" or last["role"] != "user":
        return ()
    return named(body["messages"], functions, voice)


def named(messages: list[dict[str, Any]], functions: dict[str, dict[str, Any]], voice: Echo = ECHO) -> tuple[Call, ...]:
    """Each function whose name stands in the last message as a word, with the JSON object between it and the next
    name. A name that has no object is a wish only where it was not called with one before."""
    if not functions:
        return ()
    text = voice.heard(messages[-1]["content"])
    names = re.compile(rf"(?<!\w)({'|'.join(sorted(map(re.escape, functions), key=len, reverse=True))})(?!\w)")
    calls: list[Call] = []
    place = 0
    while match := names.search(text, place):
        others = (other.start() for other in names.finditer(text, match.end()) if other[1] != match[1])
        arguments, place = _json_object(text, match.end(), next(others, len(text)))
        if arguments is not None:
            calls.append(Call(match[1], arguments))
        elif match[1] not in [call.name for call in calls]:
            calls.append(sampled(functions[match[1]], voice.arguments(functions[match[1]], messages)))
    wish = "" if calls else voice.wish(text, functions)
    return (sampled(functions[wish], voice.arguments(functions[wish], messages)),) if wish else tuple(calls)


def _json_object(text: str, start: int, end: int) -> tuple[dict[str, Any] | None, int]:
    """The JSON object that begins between `start` and `end`, and where it ends; else None and `start`."""
    opening = text.find("{", start, end)
    if opening < 0:
        return None, start
    try:
        value, after = json.JSONDecoder().raw_decode(text, opening)
    except ValueError:
        return None, start
    return value, after


def sampled(function: dict[str, Any], known: dict[str, Any]) -> Call:
    arguments = sample(function["parameters"], optional=False)
    # A default at the root may be anything.
    return Call(function["name"], {**(arguments if isinstance(arguments, dict) else {}), **known})


def _conforming(schema: dict[str, Any]) -> str:
    # Four spaces and line breaks, as Sber's test stands print it; the public host does not (contract 3.2.4).
    return json.dumps(sample(schema), ensure_ascii=False, indent=4)


def _wants_drawing(body: dict[str, Any]) -> bool:
    """Built-ins are on only when function_call asks for them and no functions are given (contract 3.1.12)."""
    choice = body.get("function_call")
    if isinstance(choice, dict):
        return choice.get("name") in DRAWING
    last = body["messages"][-1]
    asked = last["role"] == "user" and DRAW.search(last["content"])
    return choice == "auto" and not body.get("functions") and bool(asked)
