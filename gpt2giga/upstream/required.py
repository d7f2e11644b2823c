"""`tool_choice: required`, which GigaChat does not have (contract 3.1).

The model may choose by itself first. If it answers in words, it is asked for the name of the tool that fits,
as a structured answer, and then that tool is forced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import orjson

from gpt2giga.chat import ChatRequest
from gpt2giga.chat import Event
from gpt2giga.chat import JsonFormat
from gpt2giga.chat import Message
from gpt2giga.chat import Text
from gpt2giga.chat import TextDelta
from gpt2giga.chat import ToolCall
from gpt2giga.chat import ToolChoice
from gpt2giga.errors import UpstreamError

Ask = Callable[[ChatRequest], list[Event]]


def with_call(chat: ChatRequest, ask: Ask) -> list[Event]:
    """The events of an answer that holds a call; raises UpstreamError when the model cannot be brought to one."""
    if len(chat.tools) > 1:
        events = ask(replace(chat, tool_choice=ToolChoice("auto")))
        if has_call(events):
            return events
        name = _chosen(chat, ask)
    else:
        name = chat.tools[0].name
    events = ask(replace(chat, tool_choice=ToolChoice("named", name)))
    if not has_call(events):
        raise UpstreamError("GigaChat's model answered without the required tool call.", code="tool_choice_violated")
    return events


def has_call(events: list[Event]) -> bool:
    return any(isinstance(event, ToolCall) for event in events)


def _chosen(chat: ChatRequest, ask: Ask) -> str:
    names = [tool.name for tool in chat.tools]
    listed = "\n".join(f"- {tool.name}: {tool.description[:300]}" for tool in chat.tools)
    question = Text(f"Which one of these tools must be called next? Answer with its name only.\n{listed}")
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "enum": names}},
        "required": ["name"],
    }
    messages = (*chat.messages, Message("user", (question,)))
    events = ask(replace(chat, messages=messages, tools=(), tool_choice=ToolChoice(), json_format=JsonFormat(schema)))
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    return _name_in(text, names)


def _name_in(text: str, names: list[str]) -> str:
    """The model may wrap its JSON in words or a code fence; the longest name it says counts then."""
    try:
        answer = orjson.loads(text)
        if isinstance(answer, dict) and answer.get("name") in names:
            return str(answer["name"])
    except orjson.JSONDecodeError:
        pass
    return max((name for name in names if name in text), key=len, default=names[0])
