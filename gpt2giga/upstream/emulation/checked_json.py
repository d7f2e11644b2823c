"""Answers that are JSON: asked for, checked against the client's schema, and asked for once more if they fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson

from gpt2giga import bounded_json
from gpt2giga.bounded_json import MOST_VALUES_IN_TEXT, TooManyValues
from gpt2giga.chat import (
    ChatRequest,
    Done,
    Event,
    HostedCall,
    JsonFormat,
    Message,
    ReasoningDelta,
    RefusalDelta,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolChoice,
)
from gpt2giga.errors import PromiseBroken
from gpt2giga.upstream.emulation.batches import Ask, collect
from gpt2giga.upstream.emulation.json_in_text import DocumentEnd, find_documents, strip_fence
from gpt2giga.upstream.emulation.validator import from_clients_schema, Validate, validator

FUNCTION = "answer"
FILTERED = "GigaChat's filter stopped the answer."
# How answers end that are left as they are.
UNCHECKED = ("length", "content_filter")


def answer_json(
    chat: ChatRequest, check: Check, ask: Ask, *, streamed: bool, as_function: bool
) -> Iterator[list[Event]]:
    """Raises PromiseBroken when a strict promise cannot be kept."""
    wanted = check.wanted
    if chat.tools and chat.tool_choice.mode != "none":
        # GigaChat may refuse functions together with response_format (contract 3.1.27), so first with tools only.
        events = yield from collect(ask(_instruct(chat, wanted)))
        document, fault = (_text(events), "") if _is_called(events) else check.find(events)
        if not fault:
            yield clean(events, document)
            return
    is_hosted = chat.tool_choice.mode == "hosted"
    choice = chat.tool_choice if is_hosted else ToolChoice()
    chat = replace(chat, tools=(), tool_choice=choice, json_format=wanted)
    if streamed and wanted.schema and not as_function:
        yield from _stream(chat, check, ask)
    elif wanted.schema:
        yield from _repair(chat, check, lambda chat: ask_once(chat, ask, as_function=as_function))
    else:  # there is no schema that GigaChat would take
        yield from _repair(_instruct(chat, wanted), check, ask)


def ask_once(chat: ChatRequest, ask: Ask, *, as_function: bool) -> Iterator[list[Event]]:
    """The answer to one request, whatever it is; as_function: a schema becomes that of a forced function."""
    if not as_function or chat.json_format is None:
        return ask(chat)
    schema, is_wrapped = _arguments(chat.json_format.schema)
    forced = ToolChoice("named", FUNCTION)
    chat = replace(chat, tools=(Tool(FUNCTION, "Gives the answer.", schema),), tool_choice=forced, json_format=None)
    return ([_as_text(event, is_wrapped) for event in batch] for batch in ask(chat))


def _as_text(event: Event, is_wrapped: bool) -> Event:
    """The arguments of the forced function are the answer."""
    if isinstance(event, ToolCall):
        value = event.arguments.get("value") if is_wrapped else event.arguments
        return TextDelta(orjson.dumps(value).decode())
    if isinstance(event, Done) and event.finish == "tool_calls":
        return replace(event, finish="stop")
    return event


def _arguments(schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """A schema for arguments, which are always an object: anything else is wrapped into one."""
    if schema.get("type") == "object" or "properties" in schema:
        return schema, False
    return {"type": "object", "properties": {"value": _move_references(schema)}, "required": ["value"]}, True


def _move_references(node: Any) -> Any:
    """References count from the root, so they have to follow their schema to where it stands now."""
    if isinstance(node, list):
        return [_move_references(item) for item in node]
    if not isinstance(node, dict):
        return node
    moved = {key: _move_references(value) for key, value in node.items()}
    if isinstance(node.get("$ref"), str) and node["$ref"].startswith("#"):
        moved["$ref"] = "#/properties/value" + node["$ref"][1:]
    return moved


def _stream(chat: ChatRequest, check: Check, ask: Ask) -> Iterator[list[Event]]:
    """Text that begins as JSON does is passed on as it comes, up to the end of the JSON, and checked then.

    Everything else is held back, so that it can still become a refusal or be asked for once more.
    """
    seen: list[Event] = []
    end: DocumentEnd | None = None
    is_blank = True
    for batch in ask(chat):
        passed: list[Event] = []
        for event in batch:
            if isinstance(event, TextDelta):
                text = event.text.lstrip() if is_blank else event.text
                if is_blank and text.startswith(("{", "[")):
                    end = DocumentEnd()
                is_blank = is_blank and not text
                event = TextDelta(end.cut(text) if end else event.text)
                if end and event.text:
                    passed.append(event)
            elif isinstance(event, ReasoningDelta | HostedCall):
                passed.append(event)
            seen.append(event)
        yield passed
    if not end:
        yield from _repair(
            chat, check, ask, [event for event in seen if not isinstance(event, ReasoningDelta | HostedCall)]
        )
        return
    if _finish(seen) == "content_filter":
        yield [RefusalDelta(FILTERED), _done(seen)]
    else:
        check.demand("" if _finish(seen) in UNCHECKED else check.fault(_text(seen)))
        yield [_done(seen)]


def _repair(chat: ChatRequest, check: Check, ask: Ask, events: list[Event] | None = None) -> Iterator[list[Event]]:
    """The answer if it passes; else the second one, asked for with what was wrong with the first."""
    events = events or (yield from collect(ask(chat)))
    document, fault = check.find(events)
    if fault:
        text = _text(events)
        said = (Message("assistant", (Text(text),)),) if text else ()
        request = Message("user", (Text(f"This is not what was asked for: {fault}. {_instruction(check.wanted)}"),))
        events = yield from collect(ask(replace(chat, messages=(*chat.messages, *said, request))))
        document, fault = check.find(events)
        check.demand(fault)
    yield clean(events, document)


class Check:
    """Is an answer what the client asked for? Answers that were cut or filtered are left as they are.

    wanted: what GigaChat is asked for, whose schema is JSON Schema. Raises BadRequest for a schema that is none.
    """

    def __init__(self, asked: JsonFormat, most_schema_values: int) -> None:
        self.wanted = asked
        self._validate: Validate = _is_object
        if asked.schema is not None:
            schema = from_clients_schema(asked.schema, most_schema_values, asked.param)
            self.wanted = replace(asked, schema=schema)
            self._validate = validator(schema, asked.param)

    def find(self, events: list[Event]) -> tuple[str, str]:
        """The document in an answer, without the words around it, and what is wrong with it.

        Where none is right the whole text, and what is wrong with the longest.
        """
        text = _text(events)
        if _finish(events) in UNCHECKED:
            return strip_fence(text), ""
        faults = []
        for document in find_documents(text):
            if not (fault := self.fault(document)):
                return document, ""
            faults.append(fault)
        return strip_fence(text), faults[0]

    def fault(self, text: str) -> str:
        """What is wrong with a document, in words for the model; empty when nothing is."""
        try:
            document = bounded_json.parse(text.encode(), MOST_VALUES_IN_TEXT)
        except TooManyValues:
            return f"it has more than {MOST_VALUES_IN_TEXT} values"
        except orjson.JSONDecodeError as error:
            return f"it is no JSON document ({error})"
        return self._validate(document)

    def demand(self, fault: str) -> None:
        """A strict promise is kept or broken openly."""
        if fault and self.wanted.strict:
            raise PromiseBroken(f"GigaChat's answer does not follow the response format: {fault}.", code="invalid_json")


def clean(events: list[Event], document: str) -> list[Event]:
    """The document as the only text, or a refusal when GigaChat's filter answered instead of the model.

    Sources and pictures have no place in a document.
    """
    answer: list[Event] = [event for event in events if isinstance(event, ReasoningDelta | HostedCall)]
    if _finish(events) == "content_filter":
        answer.append(RefusalDelta(_text(events) or FILTERED))
    elif document:
        answer.append(TextDelta(document))
    return [*answer, *(event for event in events if isinstance(event, ToolCall)), _done(events)]


def _is_object(document: Any) -> str:
    return "" if isinstance(document, dict) else "it is no JSON object"


def _is_called(events: list[Event]) -> bool:
    return any(isinstance(event, ToolCall) for event in events)


def _finish(events: list[Event]) -> str:
    done = events[-1]
    return done.finish if isinstance(done, Done) else ""


def _done(events: list[Event]) -> Event:
    """Clients of structured output read a refusal, and fail at the finish reason of a filter."""
    done = events[-1]
    if isinstance(done, Done) and done.finish == "content_filter":
        return replace(done, finish="stop", was_filtered=True)
    return done


def _instruct(chat: ChatRequest, wanted: JsonFormat) -> ChatRequest:
    message = Message("system", (Text(_instruction(wanted)),))
    return replace(chat, messages=(*chat.messages, message), json_format=None)


def _instruction(wanted: JsonFormat) -> str:
    kind = "object" if wanted.schema is None else "document"
    schema = f" It must follow this JSON Schema: {orjson.dumps(wanted.schema).decode()}" if wanted.schema else ""
    return f"Answer with one JSON {kind} and nothing else: no words around it, no code fence.{schema}"


def _text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))
