"""Transcripts that say when each phrase is spoken, in OpenAI's forms of them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpt2giga.dialects.fields import invalid
from gpt2giga.dialects.openai.transcriptions import TranscriptionRequest
from gpt2giga.errors import BadRequest
from gpt2giga.upstream.speech.recognition import Recognition

# By the first letters of a code: SaluteSpeech's own code (SaluteSpeech 2.5), and the name that OpenAI gives.
LANGUAGES = {
    "ru": ("ru-RU", "russian"),
    "en": ("en-US", "english"),
    "kk": ("kk-KZ", "kazakh"),
    "ky": ("ky-KG", "kyrgyz"),
    "uz": ("uz-UZ", "uzbek"),
}


def to_language(request: TranscriptionRequest) -> str:
    """The two letters of one that SaluteSpeech understands. Raises BadRequest."""
    if request.task == "translate":
        raise BadRequest("SaluteSpeech does not translate: a translation takes json or text.", param="response_format")
    if request.stream:
        raise BadRequest("What SaluteSpeech recognises comes when it is whole.", param="stream")
    found = (request.languages or ("ru",))[0].lower().partition("-")[0]
    if found not in LANGUAGES:
        raise invalid("language", f"one of {', '.join(LANGUAGES)}, which SaluteSpeech understands")
    return found


def to_recognized(found: Recognition) -> dict[str, Any]:
    return {"text": found.text, **_used(found)}


def to_verbose(found: Recognition, request: TranscriptionRequest) -> dict[str, Any]:
    """What SaluteSpeech does not tell of a phrase is zero, for clients want a number there."""
    unknown = {"seek": 0, "tokens": [], "avg_logprob": 0.0, "compression_ratio": 0.0, "no_speech_prob": 0.0}
    segments = [
        {"id": number, "start": phrase.start, "end": phrase.end, "text": phrase.text, "temperature": 0.0, **unknown}
        for number, phrase in enumerate(found.phrases)
    ]
    words = [
        {"word": word.text, "start": word.start, "end": word.end} for phrase in found.phrases for word in phrase.words
    ]
    return {
        "task": request.task,
        "language": LANGUAGES[to_language(request)][1],
        "duration": found.seconds,
        "text": found.text,
        "segments": segments,
        **({"words": words} if request.words else {}),
        **_used(found),
    }


def _used(found: Recognition) -> dict[str, Any]:
    return {"usage": {"type": "duration", "seconds": found.seconds}}


def to_srt(found: Recognition) -> str:
    return "".join(
        f"{number}\n{_clock(phrase.start, ',')} --> {_clock(phrase.end, ',')}\n{phrase.text}\n\n"
        for number, phrase in enumerate(found.phrases, 1)
    )


def to_vtt(found: Recognition) -> str:
    cues = (f"{_clock(phrase.start, '.')} --> {_clock(phrase.end, '.')}\n{phrase.text}\n\n" for phrase in found.phrases)
    return "WEBVTT\n\n" + "".join(cues)


# What is a text and no JSON -> its media type, and how it is written.
TEXTS: dict[str, tuple[str, Callable[[Recognition], str]]] = {
    "text": ("text/plain", lambda found: found.text),
    "srt": ("application/x-subrip", to_srt),
    "vtt": ("text/vtt", to_vtt),
}


def _clock(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"
