"""What is asked of the account and of its embedder (contract 3.4.6, 6.13, 10.7)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gpt2giga.language import _, N_
from gpt2giga.upstream.contract.facts import Facts
from gpt2giga.upstream.learning.topic import Answer, Asking, Request, Topic, Unclear
from gpt2giga.upstream.learning.v1_topics import chat, OVERFULL, user

STORY_TOKENS = 120
# A personal account has one, a company ten (contract 3.4.6).
FEW_AT_ONCE, MOST_AT_ONCE = (2, 3), 10
BATCHES = (91, 200)
SMALLER_BATCHES = (90, 45, 20, 10, 1)
TOO_MANY_REQUESTS = 429


def slots_topic(assumed: int) -> Topic:
    """assumed: what the service takes the account for; 0: no limit. More than a company has is not tried."""
    sizes = [*FEW_AT_ONCE, *([min(assumed, MOST_AT_ONCE)] if assumed > FEW_AT_ONCE[-1] else [])]
    requests = 2 * sum(sizes)  # each a second time, where 429 came
    ask = partial(_ask_slots, sizes)
    return Topic("slots", N_("requests at a time"), ("slots",), requests, requests * 150, ask, of="account")


def _ask_slots(sizes: Sequence[int], model: str, facts: Facts) -> Asking:
    """The most that were answered at the same moment."""
    most = 1
    for number in sizes:
        answer = yield Request(f"{number} at once", _story(model), stream=True, at_once=number)
        if answer.status == TOO_MANY_REQUESTS:
            break
        if not answer.is_good:
            raise Unclear(answer.outcome)
        if answer.together < number:
            raise Unclear(_("the answers were too short to be there at the same moment"))
        most = number
    return {"slots": most}


def _story(model: str) -> dict[str, object]:
    return chat(model, user("Расскажи историю о коте, сто слов."), max_tokens=STORY_TOKENS)


def ask_batch(model: str, facts: Facts) -> Asking:
    largest = 0
    for size in BATCHES:
        answer = yield _batch(model, size)
        if not _is_taken(answer):
            break
        largest = size
    if not largest:
        for size in SMALLER_BATCHES:
            if _is_taken((yield _batch(model, size))):
                largest = size
                break
    if not largest:
        raise Unclear(_("not even one text is taken"))
    return {"embeddings_batch": largest}


def _batch(model: str, size: int) -> Request:
    return Request(f"{size} texts", {"model": model, "input": ["a"] * size}, embeddings=True)


def _is_taken(answer: Answer) -> bool:
    if not (answer.is_good or answer.is_refusal):
        raise Unclear(answer.outcome)
    return answer.is_good


def ask_text_length(model: str, facts: Facts) -> Asking:
    words = "слово " * int(facts.window * OVERFULL)
    answer = yield Request("a text that is too long", {"model": model, "input": [words]}, embeddings=True)
    if answer.window:
        return {"window": answer.window}
    if answer.is_good:
        raise Unclear(_("the text was taken: the limit is higher"))
    raise Unclear(_("the refusal does not say how long a text may be ({outcome})", outcome=answer.outcome))


BATCH = Topic(
    "batch", N_("texts of one request for embeddings"), ("embeddings_batch",), 6, 1000, ask_batch, of="embedder"
)
TEXT_LENGTH = Topic(
    "text length", N_("tokens of one text to embed"), ("window",), 1, 8000, ask_text_length, of="embedder"
)
