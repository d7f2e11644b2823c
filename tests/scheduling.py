"""Which worker of xdist runs which files."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadFileScheduling

# The fixtures of conftest.py.
UNUSUAL = re.compile(r"\b(guarded|passing|contrary|curt|lively): Service")


class Together(LoadFileScheduling):
    """The files that use unusual services run in one worker, so that each of these services is started once."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "unusual" if _is_unusual(self.config.rootpath / file) else file


@cache
def _is_unusual(file: Path) -> bool:
    return bool(UNUSUAL.search(file.read_text()))
