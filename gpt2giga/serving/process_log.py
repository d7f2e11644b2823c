"""All that a serving process says becomes lines of its log: also what Python, gunicorn and libraries warn of or print.

In JSON nothing else is ever written; plain text that is printed stays as it is.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO, TYPE_CHECKING

from gpt2giga.config.settings import ServerSettings, SettingsError
from gpt2giga.config.sources import environment, read_variables
from gpt2giga.telemetry import log_format

if TYPE_CHECKING:
    from types import TracebackType

log = logging.getLogger(__name__)


def wanted_form(env_file: Path | None = None) -> str:
    """Before the settings are checked, whose mistakes are to be told in the form they ask for."""
    try:
        variables = read_variables(env_file)[0]
    except SettingsError:
        variables = environment()
    return "json" if variables.get("GPT2GIGA_LOG_FORMAT", "").strip() == "json" else "plain"


def begin(form: str, *, stdout: bool = True) -> None:
    """stdout: False where somebody else reads it."""
    adopt(ServerSettings(log_format=form), stdout=stdout)
    logging.captureWarnings(True)
    warnings.formatwarning = _to_sentence
    sys.excepthook = _tell_the_end
    threading.excepthook = _tell_thread
    sys.unraisablehook = _tell_unraisable


def adopt(server: ServerSettings, *, stdout: bool = True) -> None:
    """The form of all that is told from here on; may be called again."""
    is_json = server.log_format == "json"
    sys.stderr = _stream(sys.stderr, logging.ERROR, is_json)
    if stdout:
        sys.stdout = _stream(sys.stdout, logging.INFO, is_json)
    log_format.configure(server)
    log_format.adopt_libraries()


def adopt_gevent() -> None:
    """It would print what fails in greenlets that nobody waits for."""
    from gevent.hub import Hub

    Hub.print_exception = _tell_greenlet  # type: ignore[method-assign, assignment]


class PrintedLines:
    """In place of a standard stream: each printed line becomes one of the log."""

    def __init__(self, unwrapped: TextIO, level: int) -> None:
        self.unwrapped = unwrapped
        self._level, self._form = logging.getLevelName(level), log_format.JsonLines()
        self._begun = threading.local()  # print() writes a line and its end one after the other

    def write(self, text: str) -> int:
        *lines, self._begun.line = (getattr(self._begun, "line", "") + text).split("\n")
        for line in filter(str.strip, lines):
            entry = logging.makeLogRecord({"levelname": self._level, "msg": line})
            self.unwrapped.write(f"{self._form.format(entry)}\n")
        if lines:
            self.unwrapped.flush()
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unwrapped, name)


def _stream(present: Any, level: int, is_json: bool) -> Any:
    """A process may have none."""
    unwrapped = log_format.unwrapped(present)
    return PrintedLines(unwrapped, level) if is_json and unwrapped else unwrapped


def _to_sentence(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    return f"{category.__name__}: {message} ({filename}:{lineno})"


def _tell_the_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Nothing of a client's is in the main thread, so the text may be told. Ctrl-C is no failure."""
    if not issubclass(kind, KeyboardInterrupt):
        log.critical("The process ends: %s: %s", kind.__name__, error, exc_info=(kind, error, trace))


def _tell_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value and not isinstance(failed.exc_value, SystemExit):
        told = (failed.exc_type, failed.exc_value, failed.exc_traceback)
        log.error("Unexpected failure in a thread", exc_info=told)


def _tell_unraisable(failed: sys.UnraisableHookArgs) -> None:
    if failed.exc_value:
        told = (failed.exc_type, failed.exc_value, failed.exc_traceback)
        log.error("Unexpected failure where nobody can handle it", exc_info=told)


def _tell_greenlet(_: Any, context: Any, kind: Any, error: Any, trace: Any) -> None:
    log.error("Unexpected failure in a greenlet", exc_info=(kind, error or kind(), trace))
