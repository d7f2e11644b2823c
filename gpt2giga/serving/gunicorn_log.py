"""gunicorn's own lines in the form of ours."""

from __future__ import annotations

import logging
import os
import re
from typing import Any

from gunicorn.glogging import Logger

from gpt2giga.telemetry.log_format import ToStderr

# Gemini's clients may show their key behind the path.
KEY = re.compile(r"([?&]key=)[^&\s\"]+")
INVALID = re.compile(r"(Invalid request from ip=\S+: [^:]*).*", re.S)


class GunicornLog(Logger):
    """gunicorn sets it up anew at each reload. What its own options name besides, files or syslog, keeps its form."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        if cfg.errorlog == "-":
            _write_as_we_do(self.error_log)
        if cfg.accesslog == "-":
            _write_as_we_do(self.access_log)
        self.error_log.filters = [_with_process, _without_quotes]
        self.access_log.filters = [_with_process, _without_keys]


def _write_as_we_do(log: logging.Logger) -> None:
    """In place of gunicorn's own lines on a standard stream, and of what the former setup put there."""
    others = [handler for handler in log.handlers if type(handler) not in (logging.StreamHandler, ToStderr)]
    log.handlers = [*logging.getLogger("gpt2giga").handlers, *others]


def _with_process(entry: logging.LogRecord) -> bool:
    """gunicorn's forms name the process, which ours does without (log_format.configure)."""
    entry.process = os.getpid()
    return True


def _without_quotes(entry: logging.LogRecord) -> bool:
    """It quotes what it cannot read, which may be a header with a key."""
    entry.msg, entry.args = INVALID.sub(r"\1", entry.getMessage()), ()
    return _without_keys(entry)


def _without_keys(entry: logging.LogRecord) -> bool:
    entry.msg, entry.args = KEY.sub(r"\1***", entry.getMessage()), ()
    return True
