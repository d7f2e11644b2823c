"""OpenAI's endpoints of sound: transcripts and translations of recordings, and speech."""

from __future__ import annotations

import errno
import logging
from collections.abc import Generator
from contextlib import closing
from typing import Any

from flask import Blueprint, request, Response

from gpt2giga.config.speech import SALUTESPEECH
from gpt2giga.dialects.fields import invalid
from gpt2giga.dialects.openai.errors import to_error
from gpt2giga.dialects.openai.speech import (
    FORMATS,
    from_speech_request,
    SPEECH_DONE,
    SpeechRequest,
    split,
    to_speech_delta,
    wav_head,
)
from gpt2giga.dialects.openai.timed_transcripts import LANGUAGES, TEXTS, to_language, to_recognized, to_verbose
from gpt2giga.dialects.openai.transcriptions import (
    from_transcription_form,
    OPENAIS,
    Task,
    to_chats,
    to_transcription,
    TranscriptionRequest,
    TranscriptStream,
)
from gpt2giga.errors import BadRequest, NotSetUp, ProxyError
from gpt2giga.upstream.files.media import from_bytes, Media
from gpt2giga.upstream.gigachat import GetUpstream, GigaChat
from gpt2giga.upstream.speech import ffmpeg
from gpt2giga.upstream.speech.salutespeech import LONGEST_TEXT, RATE, SaluteSpeech
from gpt2giga.web.body import json_body, json_response, name_ignored
from gpt2giga.web.converse import Conversation, Dialect
from gpt2giga.web.exchange import current, Exchange, Outcome
from gpt2giga.web.key_models import allowed_models, check_models
from gpt2giga.web.sse import SSE
from gpt2giga.web.streaming import stream

log = logging.getLogger(__name__)

SETTING = "Set SALUTESPEECH_CREDENTIALS, the Authorization Key of SaluteSpeech in Sber Studio"


def audio_blueprint(get_upstream: GetUpstream, conversation: Conversation, speech: SaluteSpeech | None) -> Blueprint:
    """speech: None where it has no key."""
    audio = Blueprint("openai_audio", __name__)

    def transcribe(task: Task) -> Response:
        form = {name: request.form.getlist(name) for name in request.form}
        asked, recording = from_transcription_form(form, task), _recording()
        if (exchange := current()).keeps_content:
            exchange.body = form
        # By that name it is asked for also where GigaChat could do it.
        if asked.needs_times or asked.model.lower() == SALUTESPEECH:
            _use_salutespeech(exchange, get_upstream)
            if speech is None:
                raise _not_set_up(asked)
            return _recognized(asked, recording, speech, exchange)
        model = _hearing_model(get_upstream(), asked.model, exchange)
        chats = to_chats(asked, _taken(recording), model)
        write = _as_text if asked.response_format == "text" else json_response
        return conversation.reply(chats, asked, Dialect(model, to_transcription, TranscriptStream, write=write))

    @audio.post("/audio/transcriptions")
    def create_transcription() -> Response:
        return transcribe("transcribe")

    @audio.post("/audio/translations")
    def create_translation() -> Response:
        return transcribe("translate")

    @audio.post("/audio/speech")
    def create_speech() -> Response:
        asked = from_speech_request(json_body(), RATE)
        exchange = current()
        _use_salutespeech(exchange, get_upstream)
        if speech is None:
            raise NotSetUp(f"Speech comes from SaluteSpeech, and the service has no key for it. {SETTING}.")
        if asked.response_format in ffmpeg.WRITERS and not ffmpeg.is_installed():
            words = f"{asked.response_format} is written by ffmpeg, which is not installed beside the service. "
            raise BadRequest(f"{words}Install it, or ask for wav, opus or pcm.", param="response_format")
        exchange.stream = True
        told = _told(_sound(asked, speech, exchange), exchange, as_events=asked.as_events)
        media_type = SSE.mimetype if asked.as_events else FORMATS[asked.response_format][0]
        headers = SSE.headers if asked.as_events else {}
        return name_ignored(stream(exchange, told, media_type, headers), asked.ignored)

    return audio


def _use_salutespeech(exchange: Exchange, get_upstream: GetUpstream) -> None:
    """It is a model as any other to a key that may not use all. Raises NotFound."""
    exchange.model = SALUTESPEECH
    if exchange.stored_key:
        check_models(exchange, get_upstream().catalog, [SALUTESPEECH])


def _recording() -> Media:
    sent = request.files.get("file")
    if sent is None:
        raise invalid("file", "a recording, in a multipart form")
    name, content = sent.filename or "", sent.read()
    if name.lower().endswith(".flac") or sent.mimetype in ("audio/flac", "audio/x-flac"):
        return Media("audio", "audio.flac", content, "audio/flac")
    found = from_bytes(content, sent.mimetype, name, current().limits.max_pixels)
    if found.kind != "audio":
        raise invalid("file", f"a recording, not {found.media_type}")
    return found


def _taken(recording: Media) -> list[Media]:
    """As GigaChat takes it: in parts where it is long, and not as flac."""
    if ffmpeg.is_installed():
        return ffmpeg.parts(ffmpeg.to_mp3(recording) if recording.media_type == "audio/flac" else recording)
    if recording.media_type == "audio/flac":
        words = "GigaChat takes no flac, and ffmpeg, which could convert it, is not installed beside the service."
        raise BadRequest(f"{words} Send mp3, m4a, wav, ogg or opus.", param="file", code="invalid_audio")
    return [recording]


def _hearing_model(upstream: GigaChat, asked: str, exchange: Exchange) -> str:
    """Names of OpenAI's mean GIGACHAT_MODEL, or the first model that is thought to take recordings (contract 3.3.11)
    where that is none, or not one of the key's."""
    catalog = upstream.catalog
    found = catalog.resolve(asked)
    if asked and not OPENAIS.match(found):
        return found
    default = catalog.resolve("")
    check_models(exchange, catalog, ())  # so that it is known which the key may use
    if upstream.book.of(default).images and exchange.may_use(default):
        return default
    models = allowed_models(exchange, catalog)
    return next((model.id for model in models if model.kind == "chat" and model.facts.images), default)


def _not_set_up(asked: TranscriptionRequest) -> BadRequest:
    if asked.needs_times:
        words = "GigaChat tells no times: 'response_format' takes json and text. For srt, vtt and verbose_json"
        return BadRequest(f"{words} the service needs SaluteSpeech. {SETTING}.", param="response_format")
    return BadRequest(f"The service has no key of SaluteSpeech. {SETTING}.", param="model")


def _recognized(asked: TranscriptionRequest, recording: Media, speech: SaluteSpeech, exchange: Exchange) -> Response:
    language = LANGUAGES[to_language(asked)][0]
    if recording.name.rpartition(".")[2] in ("m4a", "weba") and not ffmpeg.is_installed():
        words = "SaluteSpeech takes mp3, ogg, opus, wav and flac; ffmpeg, which could convert others, is not installed"
        raise BadRequest(f"{words} beside the service.", param="file", code="invalid_audio")
    found = speech.recognize(recording, language, exchange)
    if asked.response_format in TEXTS:
        media_type, write = TEXTS[asked.response_format]
        response = Response(write(found), mimetype=media_type)
    else:
        is_verbose = asked.response_format == "verbose_json"
        response = json_response(to_verbose(found, asked) if is_verbose else to_recognized(found))
    ignored = {"prompt": asked.hints, "temperature": asked.temperature}
    return name_ignored(response, [*(name for name, given in ignored.items() if given), *asked.ignored])


def _as_text(transcription: dict[str, Any]) -> Response:
    return Response(transcription["text"], mimetype="text/plain")


def _sound(asked: SpeechRequest, speech: SaluteSpeech, exchange: Exchange) -> Generator[bytes, None, None]:
    texts, form = split(asked.text, LONGEST_TEXT), FORMATS[asked.response_format][1]
    if form == "wav16" and len(texts) > 1:  # each would have a head of its own
        return _in_one_wav(speech.speak(texts, asked.voice, "pcm16", exchange))
    sound = speech.speak(texts, asked.voice, form, exchange)
    return ffmpeg.encode(sound, RATE, asked.response_format) if asked.response_format in ffmpeg.WRITERS else sound


def _in_one_wav(pcm: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    with closing(pcm):
        yield wav_head(RATE) + next(pcm, b"")
        yield from pcm


def _told(sound: Generator[bytes, None, None], exchange: Exchange, *, as_events: bool) -> Generator[bytes, None, None]:
    """What fails at the beginning is raised. What fails later breaks the connection, for sound has no other sign that
    it is not whole; events have one."""
    has_begun = False
    try:
        with closing(sound):
            for piece in sound:
                yield SSE.encode([to_speech_delta(piece)]) if as_events else piece
                has_begun = True
    except ProxyError as error:
        if not has_begun:
            raise
        exchange.fail(error)
        log.error("Speech broke off: %s", error)
        if not as_events:
            raise ConnectionResetError(errno.ECONNRESET, "the speech is not whole") from None
        yield SSE.encode([to_error(error)])
        return
    exchange.outcome = Outcome.WHOLE
    if as_events:
        yield SSE.encode([SPEECH_DONE])
