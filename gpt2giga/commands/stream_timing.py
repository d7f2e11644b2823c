"""When the pieces of a stream came: what tells an answer that flows from one that somebody held back."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from gpt2giga.language import _

# Pieces closer together than this came at once.
MOMENT_SECONDS = 0.02
# Fewer moments than this say nothing about who held them back.
FEWEST_MOMENTS = 5


@dataclass
class StreamTiming:
    started: float = field(default_factory=time.monotonic)
    first: float = 0.0
    last: float = 0.0
    moments: int = 0

    def note(self) -> None:
        now = time.monotonic() - self.started
        self.first = self.first or now
        if not self.moments or now - self.last > MOMENT_SECONDS:
            self.moments += 1
        self.last = now

    def was_held_back(self, direct: StreamTiming | None) -> bool | None:
        """Compared with the same question's answer straight from GigaChat; None when that came too fast to tell."""
        if direct is None or direct.moments < FEWEST_MOMENTS:
            return None
        return self.moments * 3 <= direct.moments

    def __str__(self) -> str:
        return _("first byte after {first:.2f} s, all in {last:.2f} s", first=self.first, last=self.last)
