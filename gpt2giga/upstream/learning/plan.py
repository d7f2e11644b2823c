"""What is left to ask, and what it costs at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gpt2giga.upstream.contract.facts import ANY_MODEL, Fact
from gpt2giga.upstream.learning.account_topics import BATCH, slots_topic, TEXT_LENGTH
from gpt2giga.upstream.learning.schemas import SCHEMAS
from gpt2giga.upstream.learning.topic import Topic
from gpt2giga.upstream.learning.v1_topics import BESIDE_CALL, CALL_FRAMES, EFFORT, TEMPERATURE, WINDOW
from gpt2giga.upstream.learning.v2_topics import ANY_CALL, HOSTED, PARALLEL_CALLS, V2

# In the order in which they are asked: what few tokens tell first.
OF_CHAT_MODELS = (TEMPERATURE, CALL_FRAMES, BESIDE_CALL, SCHEMAS, EFFORT, V2, ANY_CALL, PARALLEL_CALLS, HOSTED)
OF_EMBEDDERS = (BATCH, TEXT_LENGTH)
# Seconds that a measured fact counts as fresh: models get new releases.
FRESH = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Step:
    """model: who is asked. about: whose facts these are; ANY_MODEL for the account's."""

    topic: Topic
    model: str
    about: str


def plan(
    chat_models: Sequence[str],
    embedders: Sequence[str],
    *,
    account_model: str = "",
    assumed_slots: int = 1,
    window: bool = False,
) -> list[Step]:
    """account_model: who is asked about the account; empty: nobody. assumed_slots: see slots_topic."""
    steps = [Step(topic, model, model) for model in chat_models for topic in OF_CHAT_MODELS]
    if window:
        steps += [Step(WINDOW, model, model) for model in chat_models]
    steps += [Step(slots_topic(assumed_slots), account_model, ANY_MODEL)] if account_model else []
    return steps + [Step(topic, embedder, embedder) for embedder in embedders for topic in OF_EMBEDDERS]


def is_settled(step: Step, known: Mapping[str, Fact], now: float, *, again: bool = False) -> bool:
    """Measured not long ago; or else there is nothing to ask, for v2 does not answer. again: what was measured before
    `now` does not count."""
    if step.topic.needs_v2 and _is_fresh(known.get("v2"), now, again) and not known["v2"].value:
        return True
    return all(_is_fresh(known.get(name), now, again) for name in step.topic.facts)


def _is_fresh(fact: Fact | None, now: float, again: bool) -> bool:
    return bool(fact and fact.source == "measured" and fact.when > now - (0 if again else FRESH))


def cost(steps: Sequence[Step]) -> tuple[int, int]:
    """Requests and tokens, at most."""
    return sum(step.topic.requests for step in steps), sum(step.topic.tokens for step in steps)
