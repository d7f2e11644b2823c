"""The vocabulary: what a chat is, whoever asks and whoever answers.

Values only. A dialect turns its requests into a ChatRequest and events into its answers; the upstream turns
a ChatRequest into GigaChat's payload and GigaChat's answers into events. A whole answer and a streamed one
are the same events, so the accumulated stream always equals the whole answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from typing import Literal
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model made: a part of an assistant message, and an event of an answer."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered: a part of a user message. An empty call_id or name is unknown, not an error."""

    call_id: str
    name: str
    parts: tuple[Text, ...]


Part: TypeAlias = Text | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """`parameters` is the JSON Schema as the client sent it; the upstream makes it acceptable."""

    name: str
    description: str
    parameters: Any


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`name` is set when one tool is asked for by name."""

    mode: Literal["auto", "none", "required", "named"] = "auto"
    name: str = ""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """`model` is the id the client asked for, empty when it named none. None: the client did not say."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens. `prompt` includes `cached`, `completion` includes `reasoning`, as OpenAI counts them."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The last event of every answer that is whole; an answer without it was cut."""

    finish: Literal["stop", "length", "tool_calls", "content_filter"]
    usage: Usage | None


Event: TypeAlias = TextDelta | ReasoningDelta | ToolCall | Done
