"""What a question to GigaChat consists of, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from gpt2giga.language import _
from gpt2giga.upstream.contract.facts import Facts

# GigaChat's word that a request as it stands will not do. What else is no 200 says nothing about the request.
REFUSALS = (400, 404, 405, 413, 422, 501)
# On v2 also: the interface or the tool is not for this account (contract 2.12, 5.11).
NOT_OPEN = (*REFUSALS, 403)


@dataclass(frozen=True, slots=True)
class Request:
    """what: a few words for the report. at_once: sent so many times at the same moment."""

    what: str
    payload: Mapping[str, Any]
    v2: bool = False
    stream: bool = False
    embeddings: bool = False
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """status: None where none came, or none that can be read. words: GigaChat's own of a refusal, else what went
    wrong. frames: of a stream, with the names of their events. window: tokens, where a refusal names them. together:
    how many of several requests were answered at the same moment.
    """

    status: int | None
    words: str = ""
    document: Any = None
    frames: tuple[tuple[str, Any], ...] = ()
    window: int = 0
    together: int = 1

    @property
    def is_good(self) -> bool:
        return self.status == 200

    @property
    def is_refusal(self) -> bool:
        return self.status in REFUSALS

    @property
    def is_not_open(self) -> bool:
        return self.status in NOT_OPEN

    @property
    def outcome(self) -> str:
        """For people."""
        status = _("no answer") if self.status is None else str(self.status)
        return f"{status}: {self.words}" if self.words else status


class Unclear(Exception):
    """An answer that is neither yes nor no; the text says which."""


# Sends answers to requests in; what it returns are facts by name.
Asking: TypeAlias = Generator[Request, Answer, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Topic:
    """facts: what is known when it has been asked. requests, tokens: at most. of: what is asked, and `window` where a
    whole window is paid for if GigaChat takes it. needs_v2: asked only of models that v2 answers for."""

    name: str
    title: str
    facts: tuple[str, ...]
    requests: int
    tokens: int
    ask: Callable[[str, Facts], Asking] = field(compare=False)
    of: Literal["chat", "account", "embedder", "window"] = "chat"
    needs_v2: bool = False


def passes(request: Request, control: Request) -> Generator[Request, Answer, bool]:
    """Whether GigaChat takes the request. A refusal counts where `control`, the same without what is asked about, is
    taken. Raises Unclear."""
    answer = yield request
    if answer.is_good:
        return True
    if not answer.is_refusal:
        raise Unclear(answer.outcome)
    without = yield control
    if not without.is_good:
        raise Unclear(_("the request is refused without it too ({outcome})", outcome=without.outcome))
    return False
