"""The vocabulary: what a chat is, whoever asks and whoever answers.

Values only. A dialect turns its requests into a ChatRequest and events into its answers; the upstream turns
a ChatRequest into GigaChat's payload and GigaChat's answers into events. A whole answer and a streamed one
are the same events, so the accumulated stream always equals the whole answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import orjson

from gpt2giga import bounded_json
from gpt2giga.bounded_json import is_writable, MOST_VALUES_IN_TEXT, TooManyValues


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """`url` is a data URL or an address to fetch."""

    url: str


@dataclass(frozen=True, slots=True)
class File:
    """A document or a recording: a data URL or an address to fetch, or the id of a file that was uploaded before.

    once: no later request shows it again, so GigaChat need not keep it.
    """

    url: str
    name: str = ""
    file_id: str = ""
    once: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model made: a part of an assistant message, and an event of an answer.

    Its arguments can always be written by orjson. Models also write integers above 64 bits, which become floats.
    """

    id: str
    name: str
    arguments: dict[str, Any]

    def __post_init__(self) -> None:
        if not is_writable(self.arguments):
            object.__setattr__(self, "arguments", arguments_from_json(json.dumps(self.arguments)))


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered: a part of a user message. An empty call_id or name is unknown, not an error."""

    call_id: str
    name: str
    parts: tuple[Text | Image | File, ...]


Part: TypeAlias = Text | Image | File | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """`parameters` is the JSON Schema as the client sent it; the upstream makes it acceptable.

    extras: what GigaChat's functions have and other vendors' tools have not, as the client sent it. takes_text: the
    client gets the one text of a call, whatever the model calls its parameter.
    """

    name: str
    description: str
    parameters: Any
    extras: Mapping[str, Any] = field(default_factory=dict)
    takes_text: bool = False


# What GigaChat can do by itself within an answer, by its own names (contract 5.2).
HostedTool: TypeAlias = Literal["web_search", "url_content_extraction", "image_generate"]


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`name` is set when one tool is asked for by name: the client's own, or with `hosted` one of GigaChat's."""

    mode: Literal["auto", "none", "required", "named", "hosted"] = "auto"
    name: str = ""


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """The answer's text must be one JSON document; with a schema, one that follows it. strict: or else an error. param:
    where the schema stands in the client's request."""

    schema: Any = None
    strict: bool = True
    param: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """`model` is the id the client asked for, empty when it named none. None: the client did not say.

    hosted: what GigaChat may do by itself; only what it is known to do for this model. several_calls: one answer may
    hold more than one call. session: what the requests of one conversation share; empty when nothing is known to be
    shared. extras: parameters of GigaChat's own, as the client sent them.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    hosted: tuple[HostedTool, ...] = ()
    several_calls: bool = True
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    stop: tuple[str, ...] = ()
    json_format: JsonFormat | None = None
    session: str = ""
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens. `prompt` includes `cached`, `completion` includes `reasoning`, as OpenAI counts them."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt + other.prompt,
            self.completion + other.completion,
            self.cached + other.cached,
            self.reasoning + other.reasoning,
        )


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """Text instead of the JSON that was asked for: the model, or GigaChat's filter, would not answer."""

    text: str


@dataclass(frozen=True, slots=True)
class HostedCall:
    """GigaChat uses one of its own tools: told when it begins, and with the same id when it has ended."""

    id: str
    tool: HostedTool
    status: Literal["running", "completed", "failed"]


@dataclass(frozen=True, slots=True)
class Citation:
    """A page that a part of the answer's text rests on. Comes after that text; start and end count its characters."""

    url: str
    title: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing at this place of the answer. content: empty until it is fetched from GigaChat's files."""

    file_id: str
    media_type: str
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Done:
    """The last event of every answer that is whole; an answer without it was cut.

    stopped_by: the stop sequence that ended the text, empty when none did. was_filtered: GigaChat's filter answered,
    though `finish` says otherwise.
    """

    finish: Literal["stop", "length", "tool_calls", "content_filter"]
    usage: Usage | None
    stopped_by: str = ""
    was_filtered: bool = False


def arguments_from_json(text: str) -> dict[str, Any]:
    """A call's arguments where a dialect writes them as JSON text. Models write broken JSON too; it is kept as text."""
    try:
        value = bounded_json.parse(text.encode(), MOST_VALUES_IN_TEXT, mend=True) if text.strip() else None
    except (orjson.JSONDecodeError, TooManyValues, UnicodeEncodeError):
        return {"text": text}
    if value is None:
        return {}
    if not is_writable(value):
        return {"text": text}
    return value if isinstance(value, dict) else {"value": value}


Event: TypeAlias = TextDelta | ReasoningDelta | RefusalDelta | ToolCall | HostedCall | Citation | Picture | Done
