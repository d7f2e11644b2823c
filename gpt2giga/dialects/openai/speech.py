"""OpenAI's requests for speech -> what SaluteSpeech is asked for. Pure; raises BadRequest naming the parameter."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid, one_of
from gpt2giga.dialects.parameters import list_ignored, Parameter

LONGEST_INPUT = 20_000
# What is asked for -> its media type, and what SaluteSpeech is asked for (SaluteSpeech 3.2).
FORMATS = {
    "wav": ("audio/wav", "wav16"),
    "pcm": ("audio/pcm", "pcm16"),
    "opus": ("audio/ogg", "opus"),
    "mp3": ("audio/mpeg", "pcm16"),
    "aac": ("audio/aac", "pcm16"),
    "flac": ("audio/flac", "pcm16"),
}
# SaluteSpeech's own, by the names in its documentation and by their codes (SaluteSpeech 3.3).
OWN_VOICES = {
    "natalya": "Nec",
    "boris": "Bys",
    "marfa": "May",
    "taras": "Tur",
    "alexandra": "Ost",
    "sergey": "Pon",
    "kira": "Kin",
}
# The nearest for those of OpenAI's, which clients send without asking.
OPENAIS_VOICES = {
    "alloy": "Nec",
    "ash": "Bys",
    "ballad": "Tur",
    "cedar": "Pon",
    "coral": "Ost",
    "echo": "Bys",
    "fable": "Tur",
    "marin": "Nec",
    "nova": "Ost",
    "onyx": "Pon",
    "sage": "May",
    "shimmer": "May",
    "verse": "Bys",
}
VOICES = {**OPENAIS_VOICES, **OWN_VOICES, **{code.lower(): code for code in OWN_VOICES.values()}}
# One that is not listed here yet: its code, with or without the rate.
CODE = re.compile(r"[A-Z][a-z]{2}(_24000)?")
IGNORED: Mapping[str, Parameter] = {
    "model": Parameter("ignored", "", fields.string, defaults=("tts-1", "tts-1-hd", "gpt-4o-mini-tts")),
    "instructions": Parameter("ignored", "", fields.string),
    "speed": Parameter("ignored", "", partial(fields.number, low=0.25, high=4), defaults=(1, 1.0)),
    "user": Parameter("ignored", "", fields.string),
}
# A text is cut at the last of these that fits, if there is one.
ENDS = (re.compile(r"\n"), re.compile(r"[.!?…](?=\s)"), re.compile(r"[,;:](?=\s)"), re.compile(r"\s"))
SPEECH_DONE = {"type": "speech.audio.done"}
UNKNOWN_LENGTH = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """voice: SaluteSpeech's code with its rate. as_events: the sound comes as base64 in events."""

    text: str
    voice: str
    response_format: str
    as_events: bool
    ignored: tuple[str, ...]


def from_speech_request(body: Body, rate: int) -> SpeechRequest:
    text = fields.required_string(body, "input", "", "a text that is not empty").strip()
    if not text or len(text) > LONGEST_INPUT:
        raise invalid("input", f"a text of 1 to {LONGEST_INPUT} characters")
    response_format = fields.string(body, "response_format") or "mp3"
    one_of(response_format, FORMATS, "response_format")
    as_events = one_of(fields.string(body, "stream_format") or "audio", {"audio": False, "sse": True}, "stream_format")
    ignored = tuple(list_ignored(body, IGNORED))
    return SpeechRequest(text, f"{_voice(body.get('voice'))}_{rate}", response_format, as_events, ignored)


def _voice(given: Any) -> str:
    name = given.get("id") if isinstance(given, dict) else given
    if name is None:
        return OPENAIS_VOICES["alloy"]
    if isinstance(name, str):
        name = name.removesuffix("_24000")
        if found := VOICES.get(name.lower()):
            return found
        if CODE.fullmatch(name):
            return name
    raise invalid("voice", f"one of {', '.join(VOICES)}")


def split(text: str, longest: int) -> list[str]:
    """In pieces that are not longer, at the end of a sentence where there is one in their second half."""
    pieces = []
    while len(text) > longest:
        ends = (max((found.end() for found in end.finditer(text, longest // 2, longest)), default=0) for end in ENDS)
        place = next(filter(None, ends), longest)
        pieces.append(text[:place].strip())
        text = text[place:].strip()
    return [piece for piece in (*pieces, text) if piece]


def wav_head(rate: int) -> bytes:
    """Of 16-bit sound with one channel that is not whole yet, as OpenAI's own has it."""
    form = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    riff = struct.pack("<4sI4s4sI", b"RIFF", UNKNOWN_LENGTH, b"WAVE", b"fmt ", len(form))
    return riff + form + struct.pack("<4sI", b"data", UNKNOWN_LENGTH)


def to_speech_delta(piece: bytes) -> dict[str, Any]:
    return {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}
