"""SaluteSpeech's REST interface, as docs/salutespeech-contract.md describes it."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import replace
from typing import Any

from flask import Blueprint, request, Response

from gpt2giga_sandbox.delivery import Reply
from gpt2giga_sandbox.refusal import parse_json, Refusal
from gpt2giga_sandbox.replies import JSON_TYPE, send, state, take
from gpt2giga_sandbox.shapes import compact
from gpt2giga_sandbox.sound import opus, pcm, wav
from gpt2giga_sandbox.steps import Step

VOICES = ("Nec", "Bys", "May", "Tur", "Ost", "Pon", "Kin")
LANGUAGES = ("ru-RU", "en-US", "kk-KZ", "ky-KG", "uz-UZ")
ENCODINGS = ("PCM_S16LE", "OPUS", "MP3", "FLAC", "ALAW", "MULAW")
# Others are refused (SaluteSpeech 2.7).
OPTIONS = {
    *("model", "audio_encoding", "sample_rate", "language", "hypotheses_count", "enable_profanity_filter"),
    *("max_speech_timeout", "no_speech_timeout", "channels_count", "hints", "insight_models"),
    "speaker_separation_options",
}
LONGEST_TEXT = 4000
LARGEST_BYTES = 1024**3
PIECE_BYTES = 8192
SAID = "привет из песочницы"
SECONDS_OF_A_WORD = 0.5

blueprint = Blueprint("speech", __name__)


@blueprint.before_request
def check_bearer() -> None:
    state().check_token(request.headers.get("Authorization", ""))


@blueprint.post("/text:synthesize")
def synthesize() -> Response:
    if request.mimetype not in ("application/text", "application/ssml"):
        raise Refusal(400, f"unsupported content type {request.mimetype}")
    text, form = request.get_data().decode(errors="replace"), request.args.get("format", "wav16")
    name, _, rate = request.args.get("voice", "May_24000").partition("_")
    if not text.strip():
        raise Refusal(400, "empty text")
    if len(text) > LONGEST_TEXT:
        raise Refusal(413, "text is too long")
    if name not in VOICES or rate not in ("8000", "24000"):
        raise Refusal(400, "unknown voice")
    sound = pcm(text, int(rate))
    known = {"wav16": ("audio/x-wav", wav(sound, int(rate))), "pcm16": ("audio/x-pcm", sound)}
    if form not in (*known, "opus"):
        raise Refusal(400, "unknown format")
    media_type, content = known.get(form) or ("audio/ogg;codecs=opus", opus(text))
    pieces = [content[start : start + PIECE_BYTES] for start in range(0, len(content), PIECE_BYTES)]
    return send(take("speech"), Reply(pieces, headers={"Content-Type": media_type}, streamed=True))


@blueprint.post("/data:upload")
def upload() -> Response:
    content = request.get_data()
    if not content or len(content) > LARGEST_BYTES:
        raise Refusal(413 if content else 400, "wrong size")
    file_id = str(uuid.uuid4())
    state().speech[file_id] = content
    return _result({"request_file_id": file_id})


@blueprint.post("/speech:async_recognize")
def recognize() -> Response:
    body = parse_json(request.get_data())
    options = body.get("options")
    if not isinstance(options, dict) or body.keys() - {"options", "request_file_id"} or options.keys() - OPTIONS:
        raise Refusal(400, "unknown field")
    content = state().speech.get(str(body.get("request_file_id")))
    if content is None:
        raise Refusal(404, "no such file")
    if options.get("audio_encoding") not in ENCODINGS or options.get("language", "ru-RU") not in LANGUAGES:
        raise Refusal(400, "wrong audio_encoding or language")
    if options["audio_encoding"] == "PCM_S16LE" and content[:4] != b"RIFF" and "sample_rate" not in options:
        raise Refusal(400, "sample_rate is required")
    step = take("speech")
    told = step.answer if step.answer is not None else recognized(step.text or SAID)
    task = {"id": uuid.uuid4().hex, "created_at": _now(), "updated_at": _now(), "status": "NEW"}
    state().speech[task["id"]] = {**task, "end": step.finish_reason or "DONE", "told": told}
    return _result(task, replace(step, answer=None, text=None, finish_reason=""))


@blueprint.get("/task:get")
def task() -> Response:
    """It runs when it is asked for first, and is done when it is asked for again."""
    task = _find(request.args.get("id", ""))
    task["status"] = "RUNNING" if task["status"] == "NEW" else task["end"]
    shown = {name: task[name] for name in ("id", "created_at", "updated_at", "status")}
    if task["status"] == "DONE":
        shown["response_file_id"] = f"{task['id']}-result"
    return _result(shown)


@blueprint.get("/data:download")
def download() -> Response:
    task = _find(request.args.get("response_file_id", "").removesuffix("-result"))
    return _reply(Step(route="speech"), task["told"])


def recognized(text: str) -> list[dict[str, Any]]:
    """An utterance for each sentence (SaluteSpeech 2.8)."""
    found, at = [], 0.0
    for sentence in text.split("\n"):
        start, words = at, []
        for word in sentence.split():
            words.append({"word": word, "start": f"{at:.3f}s", "end": f"{at + SECONDS_OF_A_WORD:.3f}s"})
            at += SECONDS_OF_A_WORD
        written = sentence[:1].upper() + sentence[1:] + "."
        best = {"text": sentence, "normalized_text": written, "start": f"{start:.3f}s", "end": f"{at:.3f}s"}
        found.append(
            {
                "results": [{**best, "word_alignments": words}],
                "eou": True,
                "processed_audio_start": f"{start:.3f}s",
                "processed_audio_end": f"{at:.3f}s",
                "channel": 0,
                "speaker_info": {"speaker_id": -1, "main_speaker_confidence": 1},
                "eou_reason": "ORGANIC",
            }
        )
    return found


def _find(task_id: str) -> dict[str, Any]:
    found = state().speech.get(task_id)
    if not isinstance(found, dict):
        raise Refusal(404, "no such task")
    return found


def _result(result: dict[str, Any], step: Step | None = None) -> Response:
    return _reply(step or Step(route="speech"), {"status": 200, "result": result})


def _reply(step: Step, document: Any) -> Response:
    return send(step, Reply([compact(document)], headers={"Content-Type": JSON_TYPE}))


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat()
