"""Texts that are spoken, and transcripts with times, value by value."""

from __future__ import annotations

import io
import wave

import pytest

from gpt2giga.dialects.openai.speech import split, wav_head
from gpt2giga.dialects.openai.timed_transcripts import to_srt, to_vtt
from gpt2giga.upstream.speech.recognition import Phrase, Recognition


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("коротко", ["коротко"]),
        ("Раз два. Три четыре.", ["Раз два.", "Три четыре."]),
        ("Раз два, три четыре.", ["Раз два,", "три четыре."]),
        ("Раз два три четыре.", ["Раз два три", "четыре."]),
        ("a" * 30, ["a" * 12, "a" * 12, "a" * 6]),
        ("Одна строка\nи другая", ["Одна строка", "и другая"]),
        ("3.14159265358979", ["3.1415926535", "8979"]),
    ],
)
def test_a_text_in_pieces(text: str, pieces: list[str]) -> None:
    assert split(text, 12) == pieces


def test_no_letter_is_lost() -> None:
    text = "Предложение! Ещё одно, длинное; и третье… " * 20
    assert "".join("".join(split(text, 50)).split()) == "".join(text.split())
    assert max(map(len, split(text, 50))) <= 50


def test_the_head_of_a_wav() -> None:
    with wave.open(io.BytesIO(wav_head(24000) + b"\0\0" * 10)) as read:
        assert (read.getframerate(), read.getnchannels(), read.getsampwidth()) == (24000, 1, 2)


def test_times_beyond_a_minute_and_an_hour() -> None:
    phrases = (Phrase("Раз.", 59.9996, 61.5, ()), Phrase("Два.", 3661.007, 3725.0, ()))
    found = Recognition(phrases, 3725.0)
    assert to_srt(found) == ("1\n00:01:00,000 --> 00:01:01,500\nРаз.\n\n2\n01:01:01,007 --> 01:02:05,000\nДва.\n\n")
    assert to_vtt(found).splitlines()[:3] == ["WEBVTT", "", "00:01:00.000 --> 00:01:01.500"]
