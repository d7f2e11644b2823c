"""GigaChat's interfaces for chats as values of one shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from gpt2giga.chat import Event, Usage
from gpt2giga.errors import UpstreamError
from gpt2giga.upstream.contract import v1, v2
from gpt2giga.upstream.contract.answers import MISREADINGS, Unreadable
from gpt2giga.upstream.contract.tool_names import ToolNames


class Streamed(Protocol):
    """An answer in the making, from the bytes of its stream. failure: of a frame that could not be read."""

    failure: Unreadable | UpstreamError | None

    @property
    def usage(self) -> Usage | None:
        """As far as it has come."""

    def feed(self, piece: bytes) -> list[Event]: ...

    def end(self) -> list[Event]: ...


@dataclass(frozen=True, slots=True)
class Interface:
    """to_payload, from_completion, to_usage: see those of v1."""

    version: Literal["v1", "v2"]
    to_payload: Callable[..., dict[str, Any]]
    from_completion: Callable[[Any, ToolNames], list[Event]]
    streamed: Callable[[ToolNames], Streamed]
    to_usage: Callable[[Any], Usage]

    def usage_of(self, document: Any) -> Usage | None:
        """Also of an answer that makes no sense otherwise; None where none can be read."""
        try:
            return self.to_usage(document["usage"])
        except (*MISREADINGS, Unreadable):
            return None


V1 = Interface("v1", v1.to_payload, v1.from_completion, v1.StreamedAnswer, v1.to_usage)
V2 = Interface("v2", v2.to_payload, v2.from_completion, v2.StreamedAnswer, v2.to_usage)
