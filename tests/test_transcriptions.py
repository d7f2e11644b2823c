"""Transcripts and translations of recordings by GigaChat, over the running service, with the real client."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from openai import APIError, BadRequestError, OpenAI

from gpt2giga_sandbox.catalog import MODELS
from gpt2giga_sandbox.character import STRICT
from gpt2giga_sandbox.server import SandboxServer
from tests.recordings import wav
from tests.service import Service
from tests.sockets import all_threads_ended, eventually

SPEECH = ("voice.ogg", b"OggS voice", "audio/ogg")
PATH = "/v1/audio/transcriptions"


def asked(sandbox: SandboxServer, number: int = -1) -> str:
    [message] = sandbox.state.chats()[number]["messages"]
    assert len(message["attachments"]) == 1
    return str(message["content"])


def test_a_voice_message(client: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Привет, это голос."})
    found = client.audio.transcriptions.create(model="whisper-1", file=SPEECH)
    assert found.text == "Привет, это голос."
    assert found.usage and found.usage.type == "tokens"
    assert found.usage.total_tokens == found.usage.input_tokens + found.usage.output_tokens > 0
    [chat] = sandbox.state.chats()
    assert chat["model"] == "GigaChat-2-Max" and chat["temperature"] < 0.001
    assert "дословно" in asked(sandbox)


def test_the_recording_does_not_stay_at_gigachat(client: OpenAI, sandbox: SandboxServer) -> None:
    """Though the files of chats do: they come again with every turn."""
    client.audio.transcriptions.create(model="whisper-1", file=SPEECH)
    [upload] = [request for request in sandbox.state.requests("/files") if request["method"] == "POST"]
    assert upload["status"] == 200
    assert eventually(lambda: not sandbox.state.files())


def test_as_text(client: OpenAI, service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз."}, {"text": "Два."})
    assert client.audio.transcriptions.create(model="whisper-1", file=SPEECH, response_format="text") == "Раз."
    answer = service.request("POST", PATH, data={"response_format": "text"}, files={"file": SPEECH})
    assert (answer.text, answer.headers["Content-Type"]) == ("Два.", "text/plain; charset=utf-8")


@pytest.mark.parametrize("model", ["gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-transcribe"])
def test_a_stream(client: OpenAI, sandbox: SandboxServer, model: str) -> None:
    sandbox.state.script({"text": "Раз два три четыре пять"})
    events = [*client.audio.transcriptions.create(model=model, file=SPEECH, stream=True)]
    *deltas, done = events
    assert {event.type for event in deltas} == {"transcript.text.delta"}
    assert done.type == "transcript.text.done" and done.usage and done.usage.output_tokens
    assert "".join(event.delta for event in deltas) == done.text == "Раз два три четыре пять"
    assert eventually(lambda: not sandbox.state.files())


def test_words_come_as_gigachat_sends_them(client: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три четыре пять шесть семь восемь", "hang_after": 2})
    with client.audio.transcriptions.create(model="whisper-1", file=SPEECH, stream=True) as stream:
        assert next(stream).delta.startswith("Раз")
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)
    assert eventually(lambda: not sandbox.state.files())


def test_a_stream_that_breaks(client: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три четыре пять шесть семь", "cut_after": 2})
    with pytest.raises(APIError, match="closed the connection"):
        [*client.audio.transcriptions.create(model="whisper-1", file=SPEECH, stream=True)]


def test_a_translation(client: OpenAI, sandbox: SandboxServer) -> None:
    with pytest.deprecated_call():
        found = client.audio.translations.create(model="whisper-1", file=SPEECH)
    assert "translated recording" in found.text and "английский" in asked(sandbox)


def test_what_helps_the_model(client: OpenAI, sandbox: SandboxServer) -> None:
    client.audio.transcriptions.create(
        model="gigachat-2-pro", file=SPEECH, language="kk", prompt="Нурсултан, Байконур", temperature=0.4
    )
    assert "Язык записи: kk" in asked(sandbox) and "Нурсултан, Байконур" in asked(sandbox)
    [chat] = sandbox.state.chats()
    assert (chat["model"], chat["temperature"]) == ("GigaChat-2-Pro", 0.4)


def test_what_changes_nothing_is_named(client: OpenAI, sandbox: SandboxServer) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(
        model="gpt-4o-transcribe", file=SPEECH, include=["logprobs"], chunking_strategy="auto"
    )
    assert raw.headers["X-Gpt2giga-Ignored"] == "chunking_strategy, include"


@pytest.mark.parametrize("text, told", [("-", ""), (" - ", ""), ("- Раз", "- Раз"), ("  Раз", "Раз"), ("", "")])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_where_nobody_speaks(client: OpenAI, sandbox: SandboxServer, text: str, told: str, stream: bool) -> None:
    sandbox.state.script({"text": text})
    found: Any = client.audio.transcriptions.create(model="whisper-1", file=SPEECH, stream=stream)
    assert ([*found][-1] if stream else found).text == told


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "finish, code", [("length", "audio_too_long"), ("blacklist", "content_filter")], ids=["length", "filter"]
)
def test_what_is_no_transcript_is_an_error(
    client: OpenAI, sandbox: SandboxServer, finish: str, code: str, stream: bool
) -> None:
    """A part of one, or the filter's words, would pass for all that was said."""
    sandbox.state.script({"text": "Раз два три четыре", "finish_reason": finish})
    with pytest.raises(APIError) as caught:
        found: Any = client.audio.transcriptions.create(model="whisper-1", file=SPEECH, stream=stream)
        list(found)
    assert caught.value.code == code
    assert stream or isinstance(caught.value, BadRequestError)


TIMED = ["srt", "vtt", "verbose_json"]
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    **{form: ({"response_format": form}, "response_format", "SALUTESPEECH_CREDENTIALS") for form in TIMED},
    "words": (
        {"response_format": "verbose_json", "timestamp_granularities[]": "word"},
        "response_format",
        "SALUTESPEECH_CREDENTIALS",
    ),
    "words in json": ({"timestamp_granularities[]": "word"}, "response_format", "verbose_json"),
    "granularity": ({"timestamp_granularities[]": "letter"}, "timestamp_granularities", "segment, word"),
    "diarized": ({"response_format": "diarized_json"}, "response_format", "json, text, srt"),
    "temperature": ({"temperature": "hot"}, "temperature", "from 0 to 1"),
    "warmer": ({"temperature": "1.1"}, "temperature", "from 0 to 1"),
    "nan": ({"temperature": "nan"}, "temperature", "from 0 to 1"),
    "language": ({"language": "Russian, please"}, "language", "such as ru"),
    "stream": ({"stream": "perhaps"}, "stream", "true or false"),
    "stream of srt": ({"stream": "true", "response_format": "srt"}, "stream", "whole"),
    "salutespeech": ({"model": "salutespeech"}, "model", "SALUTESPEECH_CREDENTIALS"),
    "unknown model": ({"model": "GigaChat-2-Mux"}, "model", "GigaChat-2-Max"),
}


@pytest.mark.parametrize("fields, param, said", REFUSED.values(), ids=REFUSED)
def test_forms_that_are_refused(
    service: Service, sandbox: SandboxServer, fields: dict[str, str], param: str, said: str
) -> None:
    answer = service.request("POST", PATH, data=fields, files={"file": SPEECH})
    assert answer.status_code == (404 if "Mux" in str(fields) else 400)
    error = answer.json()["error"]
    assert error["param"] == param and said in error["message"]


BAD_FILES = {
    "none": (None, "multipart form"),
    "a document": (("a.pdf", b"%PDF-", "application/pdf"), "a recording, not application/pdf"),
    "a text": (("a.txt", b"hello", "text/plain"), "a recording, not text/plain"),
    "empty": (("a.mp3", b"", "audio/mpeg"), "0 bytes"),
    "unheard of": (("a.amr", b"#!AMR", "audio/amr"), "audio/amr"),
}


@pytest.mark.parametrize("file, said", BAD_FILES.values(), ids=BAD_FILES)
def test_files_that_are_refused(
    service: Service, sandbox: SandboxServer, file: tuple[str, bytes, str] | None, said: str
) -> None:
    answer = service.request("POST", PATH, data={"model": "whisper-1"}, files={"file": file} if file else None)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == "file" and said in error["message"]
    assert sandbox.state.chats() == [] and sandbox.state.files() == {}


@pytest.mark.parametrize(
    "name, media_type, ending",
    [
        ("audio.webm", "video/webm", "weba"),
        ("audio.mp4", "video/mp4", "m4a"),
        ("audio.mpga", "application/octet-stream", "mp3"),
        ("voice.oga", "", "ogg"),
        ("voice", "audio/x-wav", "wav"),
    ],
)
def test_types_as_browsers_and_messengers_name_them(
    service: Service, sandbox: SandboxServer, name: str, media_type: str, ending: str
) -> None:
    answer = service.request("POST", PATH, files={"file": (name, wav(), media_type)})
    assert answer.status_code == 200, answer.text
    [upload] = [request for request in sandbox.state.requests("/files") if request["method"] == "POST"]
    assert upload["status"] == 200


def test_a_body_that_is_too_large(small: Service) -> None:
    answer = small.request("POST", PATH, files={"file": ("a.mp3", bytes(2 * 1024 * 1024), "audio/mpeg")})
    assert answer.status_code == 413 and "GPT2GIGA_MAX_BODY" in answer.json()["error"]["message"]


def test_a_field_that_is_too_large(service: Service) -> None:
    answer = service.request("POST", PATH, data={"prompt": "a" * 1_000_000}, files={"file": SPEECH})
    assert answer.status_code == 413


def test_over_the_newer_interface(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    sandbox.state.settings.character = STRICT.changed({"v2": True})
    app = app_with(GPT2GIGA_GIGACHAT_API_MODE="v2")
    with all_threads_ended():
        answer = app.test_client().post(PATH, data={"file": (io.BytesIO(b"OggS"), "a.ogg")})
    assert "расшифровка записи" in answer.get_json()["text"]
    [request] = sandbox.state.requests("/v2/chat/completions")
    assert request["status"] == 200 and not sandbox.state.files()


def heard_by(app: Flask, sandbox: SandboxServer, model: str) -> str:
    data = {"model": model, "file": (io.BytesIO(b"OggS"), "a.ogg")}
    with all_threads_ended():
        assert app.test_client().post(PATH, data=data).status_code == 200
    return str(sandbox.state.chats()[-1]["model"])


def test_who_hears_a_recording(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    """Names of OpenAI's mean GIGACHAT_MODEL, or where that hears nothing another one; aliases go first."""
    app = app_with(GIGACHAT_MODEL="GigaChat-2", GPT2GIGA_MODEL_ALIASES="gpt-4o-transcribe=GigaChat-2-Max")
    names = ["whisper-1", "gpt-4o-transcribe", "GigaChat-2-Lite", "openai/whisper-1", ""]
    first = next(model.id for model in MODELS.values() if model.id in ("GigaChat-2-Pro", "GigaChat-2-Max"))
    assert [heard_by(app, sandbox, name) for name in names] == [first, "GigaChat-2-Max", "GigaChat-2", first, first]
    app = app_with(GIGACHAT_MODEL="GigaChat-2-Pro", GPT2GIGA_PASS_MODEL="False")
    assert [heard_by(app, sandbox, name) for name in names[:3]] == ["GigaChat-2-Pro"] * 3
