"""Answers that are JSON: asked for, checked against the client's schema, and asked for once more if they fail."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from typing import TypeAlias

import orjson

from gpt2giga.chat import ChatRequest
from gpt2giga.chat import Done
from gpt2giga.chat import Event
from gpt2giga.chat import JsonFormat
from gpt2giga.chat import Message
from gpt2giga.chat import ReasoningDelta
from gpt2giga.chat import RefusalDelta
from gpt2giga.chat import Text
from gpt2giga.chat import TextDelta
from gpt2giga.chat import Tool
from gpt2giga.chat import ToolCall
from gpt2giga.chat import ToolChoice
from gpt2giga.errors import BadRequest
from gpt2giga.errors import UpstreamError

Ask: TypeAlias = Callable[[ChatRequest], Iterator[Event]]

FENCED = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL | re.IGNORECASE)
FUNCTION = "answer"
INSTRUCTION = "Answer with one JSON object and nothing else: no words around it, no code fence."


def with_json(chat: ChatRequest, wanted: JsonFormat, ask: Ask, *, streamed: bool, as_function: bool) -> Iterator[Event]:
    """Raises BadRequest for a schema that is none, UpstreamError when a strict promise cannot be kept."""
    check = Check(wanted)
    if chat.tools and chat.tool_choice.mode != "none":
        # GigaChat does not take functions together with response_format (contract 3.1), so first with tools only.
        events = list(ask(_instructed(replace(chat, json_format=None), wanted)))
        if any(isinstance(event, ToolCall) for event in events) or check.passes(events):
            yield from check.cleaned(events)
            return
    chat = replace(chat, tools=(), tool_choice=ToolChoice())
    chat = _instructed(chat, wanted) if wanted.schema is None else chat
    if streamed and wanted.schema is not None and not as_function:
        yield from _streamed(chat, check, ask)
    else:
        yield from _whole(chat, check, ask, as_function)


def _streamed(chat: ChatRequest, check: Check, ask: Ask) -> Iterator[Event]:
    """Text that begins as JSON does is passed on as it comes, and checked at the end.

    Everything else is held back, so that it can still become a refusal or be asked for once more.
    """
    seen: list[Event] = []
    flows = False
    for event in ask(chat):
        seen.append(event)
        if isinstance(event, TextDelta) and not flows:
            text = _text(seen).lstrip()
            flows = text.startswith(("{", "["))
            if flows:
                yield TextDelta(text)
        elif isinstance(event, ReasoningDelta) or (isinstance(event, TextDelta) and flows):
            yield event
    if not flows:
        yield from _repaired(chat, check, ask, seen)
        return
    check.demand(seen)
    yield seen[-1]


def _whole(chat: ChatRequest, check: Check, ask: Ask, as_function: bool) -> Iterator[Event]:
    def asked(chat: ChatRequest) -> Iterator[Event]:
        return _by_function(chat, check.wanted, ask) if as_function and check.wanted.schema is not None else ask(chat)

    yield from _repaired(chat, check, asked, list(asked(chat)))


def _repaired(chat: ChatRequest, check: Check, ask: Ask, events: list[Event]) -> Iterator[Event]:
    """The answer if it passes; else the second one, asked for with what was wrong with the first."""
    fault = check.fault(events)
    if fault:
        said = Message("assistant", (Text(_text(events)),))
        request = Message("user", (Text(f"This is not what was asked for: {fault}. {INSTRUCTION}"),))
        events = list(ask(replace(chat, messages=(*chat.messages, said, request))))
        check.demand(events)
    yield from check.cleaned(events)


def _by_function(chat: ChatRequest, wanted: JsonFormat, ask: Ask) -> Iterator[Event]:
    """GPT2GIGA_STRUCTURED_OUTPUT=function: the arguments of a forced call are the answer."""
    is_object = isinstance(wanted.schema, dict) and wanted.schema.get("type", "object") == "object"
    schema = wanted.schema if is_object else {"type": "object", "properties": {"value": wanted.schema}}
    tool = Tool(FUNCTION, "Gives the answer.", schema)
    forced = replace(chat, tools=(tool,), tool_choice=ToolChoice("named", FUNCTION), json_format=None)
    for event in ask(forced):
        if isinstance(event, ToolCall):
            yield TextDelta(orjson.dumps(event.arguments if is_object else event.arguments.get("value")).decode())
        elif isinstance(event, Done):
            yield Done("stop" if event.finish == "tool_calls" else event.finish, event.usage)
        elif isinstance(event, ReasoningDelta):
            yield event


class Check:
    """Is an answer what the client asked for? Answers that were cut or filtered are left as they are."""

    def __init__(self, wanted: JsonFormat) -> None:
        self.wanted = wanted
        self._validator = _validator(wanted.schema) if wanted.schema is not None else None

    def passes(self, events: list[Event]) -> bool:
        return not self.fault(events)

    def fault(self, events: list[Event]) -> str:
        """What is wrong, in words for the model; empty when nothing is."""
        if any(isinstance(event, Done) and event.finish in ("length", "content_filter") for event in events):
            return ""
        try:
            document = orjson.loads(_unfenced(_text(events)))
        except orjson.JSONDecodeError as error:
            return f"it is no JSON document ({error})"
        if self._validator is None:
            return "" if isinstance(document, dict) else "it is no JSON object"
        return _first_error(self._validator, document)

    def demand(self, events: list[Event]) -> None:
        """A strict promise is kept or broken openly."""
        fault = self.fault(events)
        if fault and self.wanted.strict:
            raise UpstreamError(f"GigaChat's answer does not follow the response format: {fault}.", code="invalid_json")

    def cleaned(self, events: list[Event]) -> Iterator[Event]:
        """One text without code fences, or a refusal when GigaChat's filter answered instead of the model."""
        filtered = any(isinstance(event, Done) and event.finish == "content_filter" for event in events)
        text = _text(events)
        yield from (event for event in events if isinstance(event, ReasoningDelta))
        if filtered and text:
            yield RefusalDelta(text)
        elif text:
            yield TextDelta(_unfenced(text))
        yield from (event for event in events if isinstance(event, ToolCall))
        done = events[-1]
        yield Done("stop", done.usage) if filtered and isinstance(done, Done) else done


def _validator(schema: Any) -> Any:
    import jsonschema  # takes a while to load, and most processes never need it
    import referencing

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise BadRequest(
            f"The schema of response_format is not valid JSON Schema: {error.message}.", param="response_format"
        ) from None
    # An empty registry: a $ref to an address is an error, not a request to it.
    return kind(schema, registry=referencing.Registry())


def _first_error(validator: Any, document: Any) -> str:
    """Schemas may hold what shows only when it is used: a $ref to nowhere or to itself, a pattern that is none."""
    from referencing.exceptions import Unresolvable

    try:
        error = next(validator.iter_errors(document), None)
    except (Unresolvable, RecursionError, re.error) as failure:
        words = f"The schema of response_format cannot be used: {type(failure).__name__}."
        raise BadRequest(words, param="response_format") from None
    return f"{error.json_path}: {error.message}"[:500] if error else ""


def _instructed(chat: ChatRequest, wanted: JsonFormat) -> ChatRequest:
    schema = f" It must follow this JSON Schema: {orjson.dumps(wanted.schema).decode()}" if wanted.schema else ""
    return replace(chat, messages=(*chat.messages, Message("system", (Text(INSTRUCTION + schema),))), json_format=None)


def _text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def _unfenced(text: str) -> str:
    fenced = FENCED.fullmatch(text)
    return fenced[1] if fenced else text.strip()
