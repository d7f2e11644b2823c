"""What is believed of one model of GigaChat at one host. Pure.

The defaults are those of docs/gigachat-contract.md, on the safe side where its sources differ. What the account itself
has shown wins over them; upstream.fact_book keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias

from gpt2giga.chat import HostedTool

Source: TypeAlias = Literal["default", "measured", "met"]

# Facts of the account or the host rather than of one model are kept under this name.
ANY_MODEL = "*"

# What a schema of a function may hold beyond what every model takes (contract 3.1.4, 3.1.6, 3.1.7).
SCHEMA_KEYWORDS = (
    "unions",
    "references",
    "type_lists",
    "integer_enums",
    "const",
    "formats",
    "additional_properties",
    "open_objects",
)

# Contract 6.3, 6.6, 6.11, 6.13, 6.14. The first that fits.
WINDOWS = (
    ("GigaChat-Plus", 32768),
    ("EmbeddingsGigaR", 4096),
    ("GigaEmbeddings", 4096),
    ("Embeddings-3B", 4096),  # as the documentation calls the one before
    ("Embeddings", 514),
)
# Contract 3.3.6.
WITH_IMAGES = ("GigaChat-2-Pro", "GigaChat-2-Max", "GigaChat-3")
# They are reported to refuse reasoning_effort (contract 3.0.12), which agents send to every model.
WITHOUT_EFFORT = ("GigaChat-2", "GigaChat-Pro", "GigaChat-Max", "GigaChat-Plus", "GigaChat-preview")


@dataclass(frozen=True, slots=True)
class Facts:
    """window: tokens of question and answer together (contract 6.3), for an embedder those of one text.
    longest_answer: tokens (contract 6.4). temperature_zero: 0 is taken as it is (contract 3.0.7).
    text_beside_call: words beside a call in the history are taken (contract 3.1.16). call_frames: how many frames of a
    stream a call and its finish_reason take (contract 4.13). effort: reasoning_effort is taken (contract 3.0.12).
    reasoning: answers come with their thoughts (contract 4.6). slots: requests that the account may have at a time,
    0: what its scope says (contract 3.4.6). embeddings_batch: texts of one request (contract 10.7).
    schema_keywords: those of SCHEMA_KEYWORDS that pass as they are. v2: the newer interface answers for this model.
    result_role: of a function's result there (contract 5.6). any_call: it can be made to call some function
    (contract 5.3). parallel_calls: it gives several calls in one answer (contract 5.8). hosted: what it does by itself
    (contract 5.12).
    """

    window: int = 261120
    longest_answer: int = 8192
    images: bool = False
    temperature_zero: bool = False
    text_beside_call: bool = True
    call_frames: int = 0
    effort: bool = True
    reasoning: bool = False
    slots: int = 0
    embeddings_batch: int = 90  # what Sber's own LangChain integration sends
    schema_keywords: frozenset[str] = frozenset()
    v2: bool = False
    result_role: Literal["function", "tool"] = "function"
    any_call: bool = False
    parallel_calls: bool = False
    hosted: frozenset[HostedTool] = frozenset()


NAMES = frozenset(field.name for field in fields(Facts))


@dataclass(frozen=True, slots=True)
class Fact:
    """One value that is known, who says so, and when it was seen: seconds since the epoch, 0 for a default."""

    value: Any
    source: Source = "default"
    when: float = 0.0


def default_facts(model: str) -> Facts:
    """model: GigaChat's id."""
    takes_effort = "Reasoning" in model or not (
        model.startswith(WITHOUT_EFFORT) or model.partition(":")[0] == "GigaChat"
    )
    return Facts(
        window=next((tokens for prefix, tokens in WINDOWS if model.startswith(prefix)), Facts().window),
        images=model.startswith(WITH_IMAGES),
        effort=takes_effort,
        # A guess: which models give theirs is not known (contract 10.11).
        reasoning=model.startswith("GigaChat-3"),
    )


def assuming_v2(facts: Facts) -> Facts:
    """For an account that is said to have v2, before anything is known of it: what was seen there, or is documented
    (contract 5.3, 5.8, 5.12). What proves wrong is met in traffic."""
    return replace(
        facts,
        v2=True,
        any_call=True,
        parallel_calls=True,
        hosted=frozenset[HostedTool]({"web_search", "url_content_extraction"}),
    )


def without_v2(facts: Facts) -> Facts:
    return replace(facts, v2=False, any_call=False, parallel_calls=False, hosted=frozenset())


def with_known(facts: Facts, known: Iterable[tuple[str, Fact]]) -> Facts:
    return replace(facts, **{name: fact.value for name, fact in known})
