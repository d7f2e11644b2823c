"""What SaluteSpeech's results are read as (SaluteSpeech 2.8, 2.9, 2.10)."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2giga.upstream.contract.answers import Unreadable
from gpt2giga.upstream.speech.recognition import from_result


def entry(text: str, start: str = "0.680s", end: str = "2s", **fields: Any) -> dict[str, Any]:
    best = {"text": text.lower(), "normalized_text": text, "start": start, "end": end, "word_alignments": []}
    return {"results": [best], "eou": True, "processed_audio_end": end, "channel": 0, **fields}


def test_phrases_and_their_times() -> None:
    found = from_result([entry("Раз."), entry("Два.", "2.5s", "3.75s", processed_audio_end="4.1s")])
    assert [(phrase.text, phrase.start, phrase.end) for phrase in found.phrases] == [
        ("Раз.", 0.68, 2.0),
        ("Два.", 2.5, 3.75),
    ]
    assert (found.text, found.seconds) == ("Раз. Два.", 4.1)


def test_the_second_channel_does_not_say_all_again() -> None:
    assert from_result([entry("Раз.", channel=0), entry("Раз.", channel=1)]).text == "Раз."
    assert from_result([entry("Раз.", channel=1)]).text == "Раз."


def test_what_is_not_final_or_says_nothing_is_left_out() -> None:
    assert from_result([entry("Ра", eou=False), entry(""), {**entry("x"), "results": []}, entry("Раз.")]).text == "Раз."


def test_without_capitals_and_marks() -> None:
    plain = {"results": [{"text": "раз", "start": "0s", "end": "1s"}], "eou": True}
    assert from_result([plain]).text == "раз"


@pytest.mark.parametrize(
    "document",
    [None, {}, {"results": []}, ["раз"], [{}], [{"eou": True}], [entry("x") | {"results": [None]}], 5],
    ids=str,
)
def test_what_is_no_result(document: Any) -> None:
    if document == {}:  # as good as an empty list
        assert from_result(document).text == ""
        return
    with pytest.raises(Unreadable):
        from_result(document)
