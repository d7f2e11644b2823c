"""What GigaChat lacks and OpenAI promises, made from one or several of GigaChat's answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gpt2giga.chat import ChatRequest, Done, Event, Usage
from gpt2giga.upstream.emulation import checked_json, required_call, stop
from gpt2giga.upstream.emulation.checked_json import Ask


def answer(chat: ChatRequest, ask: Ask, *, streamed: bool, as_function: bool) -> Iterator[Event]:
    """Events of one answer. The usage is that of all requests it took; closing the iterator closes the one in work.

    streamed: what is yielded is passed on at once and cannot be taken back.
    as_function: structured output by a forced function, for models without response_format.
    """
    if not (chat.stop or chat.json_format or chat.tool_choice.mode == "required"):
        return ask(chat)  # nearly all: GigaChat's answer is the answer
    return _emulated(chat, ask, streamed, as_function)


def _emulated(chat: ChatRequest, ask: Ask, streamed: bool, as_function: bool) -> Iterator[Event]:
    spent: list[Usage] = []

    def counted(chat: ChatRequest) -> Iterator[Event]:
        for event in ask(chat):
            if isinstance(event, Done) and event.usage:
                spent.append(event.usage)
            yield event

    for event in stop.cut(_made(chat, counted, streamed, as_function), chat.stop, close=streamed):
        yield replace(event, usage=sum(spent, Usage())) if isinstance(event, Done) and spent else event


def _made(chat: ChatRequest, ask: Ask, streamed: bool, as_function: bool) -> Iterator[Event]:
    """A call that is demanded leaves no room for an answer in JSON."""
    free = replace(chat, json_format=None)
    if chat.tool_choice.mode == "required":
        yield from required_call.with_call(
            free, lambda chat: list(checked_json.once(chat, ask, as_function=as_function))
        )
    elif chat.json_format and chat.tool_choice.mode != "named":
        yield from checked_json.with_json(chat, chat.json_format, ask, streamed=streamed, as_function=as_function)
    else:
        yield from ask(free)
