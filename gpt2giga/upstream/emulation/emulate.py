"""What GigaChat lacks and OpenAI promises, made from one or several of GigaChat's answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gpt2giga.chat import ChatRequest, Done, Event, Usage
from gpt2giga.upstream.emulation import checked_json, required_call, stop
from gpt2giga.upstream.emulation.batches import Ask


def emulate(
    chat: ChatRequest, ask: Ask, *, streamed: bool, as_function: bool, most_schema_values: int, can_require: bool
) -> Iterator[list[Event]]:
    """One answer. The usage is that of all requests it took; closing the iterator closes the one in work.

    streamed: what is yielded is passed on at once and cannot be taken back.
    as_function: structured output by a forced function, for models without response_format.
    can_require: GigaChat itself can be made to call some function.
    """
    spent: list[Usage] = []

    def ask_and_count(chat: ChatRequest) -> Iterator[list[Event]]:
        for batch in ask(chat):
            spent.extend(event.usage for event in batch if isinstance(event, Done) and event.usage)
            yield batch

    answer = _answer(chat, ask_and_count, streamed, as_function, most_schema_values, can_require)
    for batch in stop.cut(answer, chat.stop, close=streamed) if chat.stop else answer:
        yield [_with_usage(event, spent, streamed) if isinstance(event, Done) else event for event in batch]


def _with_usage(done: Done, spent: list[Usage], streamed: bool) -> Done:
    """A stream that a stop sequence cut has none: it depends on the network whether GigaChat had told it by then."""
    if not spent or (streamed and done.stopped_by):
        return done
    return replace(done, usage=sum(spent, Usage()))


def _answer(
    chat: ChatRequest, ask: Ask, streamed: bool, as_function: bool, most_schema_values: int, can_require: bool
) -> Iterator[list[Event]]:
    """A call that is demanded leaves no room for an answer in JSON."""
    free = replace(chat, json_format=None)
    if chat.tool_choice.mode == "required":
        return required_call.require_call(
            free, lambda chat: checked_json.ask_once(chat, ask, as_function=as_function), can_require=can_require
        )
    if chat.json_format and chat.tool_choice.mode != "named":
        check = checked_json.Check(chat.json_format, most_schema_values)
        return checked_json.answer_json(chat, check, ask, streamed=streamed, as_function=as_function)
    return ask(free)
