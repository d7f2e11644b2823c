"""`tool_choice: required`, which GigaChat has on v2 only (contract 3.1.11, 5.3).

Where it has not, the model may choose by itself first. If it answers in words, it is asked for the name of the tool
that fits, as a structured answer, and then that tool is forced.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import replace

import orjson

from gpt2giga.chat import (
    ChatRequest,
    Done,
    Event,
    HostedCall,
    JsonFormat,
    Message,
    Text,
    TextDelta,
    ToolCall,
    ToolChoice,
)
from gpt2giga.errors import PromiseBroken
from gpt2giga.upstream.emulation.batches import Ask, collect

# Characters. It was asked for a name only.
LONGEST_ANSWER = 10_000


def require_call(chat: ChatRequest, ask: Ask, *, can_require: bool) -> Iterator[list[Event]]:
    """An answer that holds a call, be it of a tool of GigaChat's own, or one that GigaChat's filter stopped.

    Raises PromiseBroken when the model cannot be brought to a call.
    """
    name = chat.tools[0].name
    if len(chat.tools) > 1 or chat.hosted:
        first = chat if can_require else replace(chat, tool_choice=ToolChoice("auto"))
        events = yield from collect(ask(first))
        if _is_final(events):
            yield events
            return
        if len(chat.tools) > 1:
            name = yield from _choose_tool(chat, ask)
    events = yield from collect(ask(replace(chat, tool_choice=ToolChoice("named", name))))
    if not _is_final(events):
        raise PromiseBroken("GigaChat's model answered without the required tool call.", code="tool_choice_violated")
    yield events


def _is_final(events: list[Event]) -> bool:
    """What the filter stopped once it stops every time; its words are for the user."""
    return any(
        isinstance(event, ToolCall | HostedCall) or (isinstance(event, Done) and event.finish == "content_filter")
        for event in events
    )


def _choose_tool(chat: ChatRequest, ask: Ask) -> Generator[list[Event], None, str]:
    names = [tool.name for tool in chat.tools]
    listed = "\n".join(f"- {tool.name}: {tool.description[:300]}".rstrip(": ") for tool in chat.tools)
    question = Text(f"Which one of these tools must be called next? Answer with its name only.\n{listed}")
    schema = {"type": "object", "properties": {"name": {"type": "string", "enum": names}}, "required": ["name"]}
    asked = replace(
        chat,
        messages=(*chat.messages, Message("user", (question,))),
        tools=(),
        hosted=(),
        tool_choice=ToolChoice(),
        max_tokens=None,  # the client's limit is for the answer itself
        json_format=JsonFormat(schema),
    )
    events = yield from collect(ask(asked))
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    return _find_name(text[:LONGEST_ANSWER], names)


def _find_name(text: str, names: list[str]) -> str:
    """The model may wrap its JSON in words or a code fence, or leave it out; the longest name it says counts then."""
    try:
        answer = orjson.loads(text[text.find("{") : text.rfind("}") + 1])
    except orjson.JSONDecodeError:
        answer = {}
    if answer.get("name") in names:
        return str(answer["name"])
    said = (name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text))
    return max(said, key=len, default=names[0])
