"""Which worker of xdist runs which files."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadFileScheduling

# The fixtures of conftest.py, in two groups.
UNUSUAL = re.compile(r"\b(guarded|passing|contrary|curt|lively): Service")
SMALL = re.compile(r"\bsmall: Service")


class Together(LoadFileScheduling):
    """The files that share unusual services run in one worker, so that each of these services is started once."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return _group(self.config.rootpath / file) or file


@cache
def _group(file: Path) -> str:
    text = file.read_text()
    return "unusual" if UNUSUAL.search(text) else "small" if SMALL.search(text) else ""
