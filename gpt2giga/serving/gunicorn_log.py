"""gunicorn's own lines in the form of ours."""

from __future__ import annotations

import logging
import re
from typing import Any

from gunicorn.glogging import Logger

INVALID = re.compile(r"(Invalid request from ip=\S+: [^:]*).*", re.S)


class GunicornLog(Logger):
    """gunicorn sets it up anew at each reload. Files that its own options name keep its form."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        ours = logging.getLogger("gpt2giga").handlers
        if cfg.errorlog == "-":
            self.error_log.handlers = [*ours]
        if cfg.accesslog == "-":
            self.access_log.handlers = [*ours]
        self.error_log.filters = [_without_quotes]


def _without_quotes(entry: logging.LogRecord) -> bool:
    """It quotes what it cannot read, which may be a header with a key."""
    entry.msg, entry.args = INVALID.sub(r"\1", entry.getMessage()), ()
    return True
