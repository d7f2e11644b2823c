"""Calls that leave out what their tool requires, or give it in another type (contract 3.1.8): asked for once more.

An agent whose tool refuses such a call asks in vain for ever. What is still wrong the second time is passed on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

from gpt2giga.chat import ChatRequest, Done, Event, Message, Text, Tool, ToolCall, ToolChoice, ToolResult, Usage
from gpt2giga.errors import ProxyError, Unavailable
from gpt2giga.upstream.emulation.arguments import faults
from gpt2giga.upstream.emulation.batches import Ask, collect, Steps
from gpt2giga.upstream.listener import Listener

# Of one answer: each sends the whole conversation once more.
MOST_REPAIRS = 5

log = logging.getLogger(__name__)


def check_calls(
    chat: ChatRequest, ask: Ask, offered: tuple[Tool, ...], listener: Listener | None
) -> Iterator[list[Event]]:
    """offered: the client's tools; `chat` may have one of ours instead. Text is passed on as it comes, and stays: of a
    second answer only the call counts. Each call is asked for by itself, and all that follows the first such call waits
    until GigaChat has told it: an account may have one request at a time."""
    batches = ask(chat)
    for batch in batches:
        first = next((n for n, event in enumerate(batch) if _is_wrong(event, chat, offered)), None)
        if first is None:
            yield batch
            continue
        yield batch[:first]
        rest = batch[first:] + (yield from collect(batches))
        spent: list[Usage] = []
        repairs_left = MOST_REPAIRS
        for event in rest:
            if repairs_left and isinstance(event, ToolCall) and (wrong := _faults(event, chat, offered)):
                repairs_left -= 1
                second = yield from _ask_again(chat, ask, event, wrong)
                spent += _usages(second)
                event = _better(event, wrong, second, chat, offered, listener)
            elif isinstance(event, Done) and spent:
                event = replace(event, usage=sum([*_usages([event]), *spent], Usage()))
            yield [event]


def _is_wrong(event: Event, chat: ChatRequest, offered: tuple[Tool, ...]) -> bool:
    return isinstance(event, ToolCall) and bool(_faults(event, chat, offered))


def _usages(events: list[Event]) -> list[Usage]:
    return [event.usage for event in events if isinstance(event, Done) and event.usage]


def _better(
    call: ToolCall,
    wrong: list[str],
    second: list[Event],
    chat: ChatRequest,
    offered: tuple[Tool, ...],
    listener: Listener | None,
) -> ToolCall:
    """The call with the fewest faults, under the first one's id."""
    candidates = [(event, _faults(event, chat, offered)) for event in second if isinstance(event, ToolCall)]
    best, left = min([*candidates, (call, wrong)], key=lambda candidate: len(candidate[1]))
    if left:
        log.warning("A call of %s does not fit its tool and is passed on: %s", best.name, _words(left))
    if listener:
        listener.on_call_repaired(done=not left)
    return replace(best, id=call.id)


def _faults(call: ToolCall, chat: ChatRequest, offered: tuple[Tool, ...]) -> list[str]:
    tool = next((tool for tool in chat.tools if tool.name == call.name), None)
    if tool and tool.takes_text and [type(value) for value in call.arguments.values()] == [str]:
        return []
    return faults(call.arguments, tool.parameters) if tool in offered else []


def _ask_again(chat: ChatRequest, ask: Ask, call: ToolCall, wrong: list[str]) -> Steps:
    """The answer to a history in which the tool refused the call; empty when there is none."""
    refusal = Text(f"The call was not made: {_words(wrong)}. Call {call.name} again, with all of its arguments.")
    told = (Message("assistant", (call,)), Message("user", (ToolResult(call.id, call.name, (refusal,)),)))
    forced = ToolChoice("named", call.name)
    again = replace(chat, messages=(*chat.messages, *told), tool_choice=forced, several_calls=False)
    try:
        return (yield from collect(ask(again)))
    except Unavailable:
        raise
    except ProxyError as error:  # a call that is not quite right is worth more than an error
        log.info("A call could not be asked for once more: %s", error.code)
        return []


def _words(wrong: list[str]) -> str:
    return "; ".join(wrong)
