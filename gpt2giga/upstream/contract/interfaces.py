"""GigaChat's interfaces for chats as values of one shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from gpt2giga.chat import Event, Usage
from gpt2giga.errors import UpstreamError
from gpt2giga.upstream.caller import Spend
from gpt2giga.upstream.contract import v1, v2
from gpt2giga.upstream.contract.answers import Unreadable
from gpt2giga.upstream.contract.tool_names import ToolNames


class Streamed(Protocol):
    """An answer in the making, from the bytes of its stream. usage: as far as it has come. failure: of a frame that
    could not be read."""

    usage: Usage | None
    failure: Unreadable | UpstreamError | None

    def feed(self, piece: bytes) -> list[Event]: ...

    def end(self) -> list[Event]: ...


@dataclass(frozen=True, slots=True)
class Interface:
    """to_payload, from_completion: see those of v1."""

    version: Literal["v1", "v2"]
    to_payload: Callable[..., dict[str, Any]]
    from_completion: Callable[[Any, ToolNames, Spend], list[Event]]
    streamed: Callable[[ToolNames], Streamed]


V1 = Interface("v1", v1.to_payload, v1.from_completion, v1.StreamedAnswer)
V2 = Interface("v2", v2.to_payload, v2.from_completion, v2.StreamedAnswer)
