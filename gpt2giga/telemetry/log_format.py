"""What a line of the log looks like: plain or JSON, always one line, whatever a client sent."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any

from gpt2giga.config.settings import ServerSettings

HANDLER = "gpt2giga"
PLAIN = re.compile(r"[\w./:@+-]+")
# Unlike orjson it does not fail over half of a surrogate pair, which an exception may hold.
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def configure(server: ServerSettings) -> None:
    """From here on the log has the form that the settings ask for; may be called again."""
    # What no line shows, and finding it out for each of them costs as much as writing it (logging, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    ours = logging.getLogger("gpt2giga")
    ours.handlers = [handler(server)]
    ours.setLevel(server.log_level.upper())
    ours.propagate = False
    # The SDK logs the text of a frame that it cannot read.
    logging.getLogger("gigachat").setLevel(logging.WARNING if server.log_content else logging.CRITICAL)


def adopt_libraries() -> None:
    """What they warn of gets the form of ours, unless somebody has arranged for it. The rest might hold anything."""
    root = logging.getLogger()
    if all(handler.get_name() == HANDLER for handler in root.handlers):
        ours = logging.getLogger("gpt2giga")
        root.handlers = [*ours.handlers]
        root.setLevel(max(ours.level, logging.WARNING))


def unwrapped(stream: Any) -> Any:
    """The stream itself, where something of ours stands before it."""
    return getattr(stream, "unwrapped", stream)


def handler(server: ServerSettings) -> logging.Handler:
    made = ToStderr(unwrapped(sys.stderr))
    made.set_name(HANDLER)
    lines = JsonLines if server.log_format == "json" else PlainLines
    made.setFormatter(lines(server.log_content))
    return made


class ToStderr(logging.StreamHandler):  # type: ignore[type-arg]  # no generic class in Python 3.10
    def flush(self) -> None:
        """Python flushes standard error at each line's end anyway; doing it again takes a lock for each line."""


class Lines(logging.Formatter):
    def __init__(self, with_content: bool = False) -> None:
        super().__init__()
        self._with_content = with_content

    def trace(self, error: BaseException) -> str:
        """Where it happened, also what came before. What an exception says may be text of a prompt or an answer."""
        if self._with_content:
            return "".join(traceback.format_exception(error))
        before = error.__cause__ or error.__context__
        frames = "".join(traceback.format_tb(error.__traceback__))
        return f"{self.trace(before) if before else ''}{frames}{type(error).__qualname__}\n"


class JsonLines(Lines):
    def format(self, entry: logging.LogRecord) -> str:
        line = {"time": _moment(entry), "level": entry.levelname, "message": entry.getMessage()}
        if entry.exc_info and entry.exc_info[1]:
            line["traceback"] = self.trace(entry.exc_info[1])
        return printable(_json({**line, **getattr(entry, "fields", {})}))


class PlainLines(Lines):
    """A traceback follows its line indented, so that no part of it can be taken for a line. What is not one plain word
    is quoted: what a client sends cannot look like the end of the line.
    """

    def format(self, entry: logging.LogRecord) -> str:
        pairs = _to_pairs(getattr(entry, "fields", {}))
        lines = [f"{_moment(entry)} {entry.levelname} {printable(entry.getMessage())}{pairs}"]
        if entry.exc_info and entry.exc_info[1]:
            lines += [f"    {printable(line)}" for line in self.trace(entry.exc_info[1]).splitlines()]
        return "\n".join(lines)


def printable(text: str) -> str:
    r"""Line ends of every kind, colour codes and the like as \uXXXX: readers, terminals and Python take them so."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _moment(entry: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(entry.created)) + f".{int(entry.msecs):03}Z"


def _to_pairs(fields: Mapping[str, object]) -> str:
    """Nearly always every value is one plain word, which one look at all of them tells."""
    words = [value if isinstance(value, str) else _to_text(value) for value in fields.values()]
    if not (all(words) and PLAIN.fullmatch("".join(words))):
        words = [word if PLAIN.fullmatch(word) else printable(_json(word)) for word in words]
    return "".join([f" {name}={word}" for name, word in zip(fields, words, strict=True)])


def _to_text(value: object) -> str:
    return str(value).lower() if type(value) in (int, float, bool) else _json(value)
