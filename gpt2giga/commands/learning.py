"""Asks GigaChat what is left to ask, and keeps each fact as soon as it is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gpt2giga.language import _
from gpt2giga.upstream.asking import Asker, ModelEnded, Stopped
from gpt2giga.upstream.contract.facts import Facts
from gpt2giga.upstream.fact_book import FactBook
from gpt2giga.upstream.learning.plan import is_settled, Step
from gpt2giga.upstream.learning.topic import Unclear


@dataclass(frozen=True)
class Outcome:
    """known: of an earlier run. unclear: neither yes nor no. skipped: not asked, though it should be. needless: there
    is nothing to ask. why: for all but what was learned."""

    step: Step
    status: Literal["learned", "known", "unclear", "skipped", "needless"]
    values: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


class Learning:
    """begin, tell: called with each step, and with what came of it. before: the facts as the service had them."""

    def __init__(
        self, asker: Asker, book: FactBook, begin: Callable[[Step], None], tell: Callable[[Outcome], None]
    ) -> None:
        self.asker, self._book, self._begin, self._tell = asker, book, begin, tell
        self._ended: dict[str, str] = {}
        self._stopped = ""
        self.outcomes: list[Outcome] = []
        self.before: dict[str, Facts] = {}
        self.is_kept = True

    @property
    def missing(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status in ("unclear", "skipped")]

    @staticmethod
    def left(steps: Sequence[Step], book: FactBook, *, again: bool) -> list[Step]:
        """What would be asked."""
        now = time.time()
        return [step for step in steps if not is_settled(step, book.known(step.about), now, again=again)]

    def run(self, steps: Sequence[Step], *, again: bool = False) -> None:
        for about in {step.about: None for step in steps}:
            self.before[about] = self._book.of(about)
        began = time.time()
        for step in steps:
            known = self._book.known(step.about)
            if step.topic.needs_v2 and "v2" in known and not known["v2"].value:
                outcome = Outcome(step, "needless", why=_("v2 does not answer for this model"))
            elif is_settled(step, known, began, again=again):
                outcome = Outcome(step, "known", {name: known[name].value for name in step.topic.facts})
            else:
                outcome = self._take(step)
            self.outcomes.append(outcome)
            self._tell(outcome)

    def _take(self, step: Step) -> Outcome:
        if why := self._stopped or self._ended.get(step.model, ""):
            return Outcome(step, "skipped", why=why)
        if step.topic.needs_v2 and "v2" not in self._book.known(step.about):
            return Outcome(step, "skipped", why=_("whether v2 answers is not known"))
        self._begin(step)
        try:
            values = self._ask(step)
        except Unclear as unclear:
            return Outcome(step, "unclear", why=str(unclear))
        except ModelEnded as ended:
            self._ended[step.model] = str(ended)
            return Outcome(step, "skipped", why=str(ended))
        except Stopped as stopped:
            self._stopped = str(stopped)
            return Outcome(step, "skipped", why=str(stopped))
        self.is_kept &= self._book.learn(step.about, "measured", **values)
        return Outcome(step, "learned", values)

    def _ask(self, step: Step) -> dict[str, Any]:
        """Raises Unclear, ModelEnded and Stopped."""
        asking = step.topic.ask(step.model, self._book.of(step.model))
        try:
            request = next(asking)
            while True:
                request = asking.send(self.asker.ask(request))
        except StopIteration as end:
            found: dict[str, Any] = end.value
            return found
        finally:
            asking.close()
