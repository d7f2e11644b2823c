"""The script of the sandbox: one step describes the answer to the next request of its route."""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields, replace
from typing import Any

from gpt2giga_sandbox.answers import Answer, Call

ROUTES = ("chat", "oauth", "models", "embeddings", "files", "tokens", "balance", "speech", "filter")
MESSAGES = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Permission denied",
    404: "No such model",
    413: "Payload too large",
    422: "Invalid params",
    429: "Too many requests",
    500: "Internal Server Error",
}


@dataclass(frozen=True)
class Step:
    """One of `answer`, `text`, `call`, `calls`, `status`, `frames` says what is answered (none: the default
    answer of the route); the rest says how the bytes go out. Steps of chats answer on v1 and on v2; a usage, an answer
    and frames are those of the version that is asked."""

    route: str = "chat"
    times: int = 1
    # What. `answer` is sent as a whole even to a request for a stream, `frames` as a stream to any. Of several
    # `calls` v1 tells the first. `done` is about the end of a stream: [DONE] on v1, the event of the end on v2.
    answer: Any = None
    text: str | None = None
    call: dict[str, Any] | None = None
    calls: list[dict[str, Any]] | None = None
    frames_apart: bool = False
    finish_reason: str = ""
    usage: dict[str, Any] | None = None
    reasoning: str = ""
    status: int = 200
    body: Any = None
    headers: dict[str, str] | None = None
    frames: list[Any] | None = None
    done: bool = True
    # How. Seconds before the headers and between frames; then how many frames go out, [DONE] counted
    # as one and a whole body as one, before the connection closes, resets or falls silent. 0 is after
    # the headers, except that a reset after 0 comes before them. `split` cuts frames to pieces of
    # that many bytes, which then count as frames. `padding` puts so many blanks before everything,
    # in one line, for answers that are larger than anybody wants. `fault` (reset, close) comes before the headers.
    # `after` is waited for first of all; only a script in the same process can have one.
    after: threading.Event | None = None
    delay: float = 0
    frame_delay: float = 0
    cut_after: int | None = None
    reset_after: int | None = None
    hang_after: int | None = None
    split: int = 0
    padding: int = 0
    fault: str = ""

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Step:
        if not isinstance(data, dict):
            raise ValueError(f"a step is an object, not {data}")
        unknown = set(data) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown keys in a step: {', '.join(sorted(unknown))}")
        step = cls(**data)
        if step.route not in ROUTES:
            raise ValueError(f"unknown route of a step: {step.route}")
        if step.after is not None and not isinstance(step.after, threading.Event):
            raise ValueError("what a step comes after is an event of the same process")
        if step.fault not in ("", "reset", "close"):
            raise ValueError(f"unknown fault of a step: {step.fault}")
        return step

    def applied(self, default: Answer) -> Answer:
        """The chat answer this step tells; what it leaves open is taken from `default`."""
        told = default
        named = self.calls or ([self.call] if self.call else [])
        if self.text is not None or named:
            calls = tuple(Call(call["name"], call.get("arguments", {})) for call in named)
            told = Answer(text=self.text or "", calls=calls)
        return replace(
            told,
            finish=self.finish_reason or told.finish,
            reasoning=self.reasoning or told.reasoning,
            usage=self.usage,
            frames_apart=self.frames_apart or default.frames_apart,
        )

    def error_body(self) -> Any:
        if self.body is not None:
            return self.body
        return {"status": self.status, "message": MESSAGES.get(self.status, "Error")}
