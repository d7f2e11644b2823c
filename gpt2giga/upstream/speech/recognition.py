"""What SaluteSpeech has recognised: its answer as values. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gpt2giga.upstream.contract.answers import Unreadable

# As its durations are written (SaluteSpeech 2.9).
SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


@dataclass(frozen=True, slots=True)
class Word:
    """start, end: seconds from the beginning of the recording, here and below."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Phrase:
    text: str
    start: float
    end: float
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Recognition:
    """seconds: of the recording, as far as it was listened to."""

    phrases: tuple[Phrase, ...]
    seconds: float

    @property
    def text(self) -> str:
        return " ".join(phrase.text for phrase in self.phrases)


def from_result(document: Any) -> Recognition:
    """Raises Unreadable (SaluteSpeech 2.8, 2.9, 2.10)."""
    try:
        phrases = tuple(_phrases(document))
        ends = [_seconds(entry.get("processed_audio_end")) for entry in document]
    except (AttributeError, KeyError, LookupError, TypeError):
        raise Unreadable(document) from None
    return Recognition(phrases, max([*ends, *(phrase.end for phrase in phrases)], default=0.0))


def _phrases(document: Any) -> Iterator[Phrase]:
    """Of the first channel, what is final: the best guess comes first."""
    channel = min((entry.get("channel") or 0 for entry in document), default=0)
    for entry in document:
        if not entry["eou"] or (entry.get("channel") or 0) != channel or not entry["results"]:
            continue
        best = entry["results"][0]
        words = tuple(
            Word(str(word["word"]), _seconds(word["start"]), _seconds(word["end"]))
            for word in best.get("word_alignments") or ()
        )
        if text := str(best.get("normalized_text") or best.get("text") or "").strip():
            yield Phrase(text, _seconds(best["start"]), _seconds(best["end"]), words)


def _seconds(text: Any) -> float:
    found = SECONDS.fullmatch(text) if isinstance(text, str) else None
    return float(found[1]) if found else 0.0
