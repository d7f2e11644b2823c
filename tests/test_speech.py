"""Speech from text, and transcripts with timestamps, by SaluteSpeech: the real client against a running service."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from openai import APIError, AuthenticationError, BadRequestError, InternalServerError, OpenAI

from gpt2giga.dialects.openai.speech import split, wav_head
from gpt2giga_sandbox import sound
from gpt2giga_sandbox.server import SandboxServer
from tests.recordings import at_salutespeech, ffmpeg_in, wav
from tests.service import Service
from tests.sockets import all_threads_ended, eventually

RATE = 24000
HELLO = "Привет, мир!"
VOICE = ("voice.ogg", b"OggS voice", "audio/ogg")
SPEECH, TRANSCRIPTIONS = "/v1/audio/speech", "/v1/audio/transcriptions"


@pytest.fixture
def speaking(curt: Service) -> Service:
    return curt


@pytest.fixture
def speaker(speaking: Service) -> Iterator[OpenAI]:
    with speaking.client() as client:
        yield client


@pytest.fixture
def app(
    app_with: Callable[..., Flask], sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FlaskClient]:
    """With ffmpeg beside it."""
    monkeypatch.setenv("PATH", ffmpeg_in(tmp_path / "bin"))
    with all_threads_ended():
        yield app_with(**at_salutespeech(sandbox)).test_client()


@pytest.fixture
def without_ffmpeg(
    app_with: Callable[..., Flask], sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> FlaskClient:
    monkeypatch.setenv("PATH", str(tmp_path))
    return app_with(**at_salutespeech(sandbox)).test_client()


def asked(sandbox: SandboxServer) -> list[dict[str, Any]]:
    return sandbox.state.requests("/text:synthesize")


def frames(content: bytes) -> bytes:
    with wave.open(io.BytesIO(content)) as read:
        assert (read.getframerate(), read.getnchannels(), read.getsampwidth()) == (RATE, 1, 2)
        return read.readframes(10**9)


# Speech


def test_wav(speaker: OpenAI, sandbox: SandboxServer) -> None:
    answer = speaker.audio.speech.create(model="tts-1", voice="alloy", input=HELLO, response_format="wav")
    assert frames(answer.read()) == sound.pcm(HELLO, RATE)
    assert answer.response.headers["Content-Type"] == "audio/wav"


def test_pcm_and_opus(speaker: OpenAI, sandbox: SandboxServer) -> None:
    pcm = speaker.audio.speech.create(model="tts-1", voice="nova", input=HELLO, response_format="pcm")
    opus = speaker.audio.speech.create(model="tts-1", voice="nova", input=HELLO, response_format="opus")
    assert pcm.read() == sound.pcm(HELLO, RATE) and opus.read() == sound.opus(HELLO)
    assert opus.response.headers["Content-Type"] == "audio/ogg"


def test_it_comes_as_salutespeech_sends_it(speaker: OpenAI, sandbox: SandboxServer) -> None:
    """The first sound is there while SaluteSpeech is still silent before the next."""
    sandbox.state.script({"route": "speech", "hang_after": 1})
    with speaker.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="echo", input=HELLO, response_format="pcm"
    ) as answer:
        first = next(answer.iter_bytes())
    assert first and sound.pcm(HELLO, RATE).startswith(first) and len(first) < len(sound.pcm(HELLO, RATE))


def test_a_client_that_hangs_up(speaking: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "speech", "hang_after": 1})
    body = {"input": HELLO, "response_format": "pcm"}
    with speaking.post(SPEECH, body, stream=True) as answer:
        assert next(answer.iter_content(100))
    assert eventually(lambda: '"cause":"client_gone"' in speaking.log.read_text())


def test_no_more_at_a_time_than_salutespeech_takes(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    """Of a personal account five."""
    app = app_with(**at_salutespeech(sandbox), GPT2GIGA_QUEUE_TIMEOUT="0.2", GPT2GIGA_METRICS="True")
    body = {"input": HELLO, "response_format": "pcm"}

    def speech() -> bytes:
        with app.test_client().post(SPEECH, json=body) as answer:
            return answer.data

    sandbox.state.settings.hold_after = 0
    with ThreadPoolExecutor() as pool:
        held = [pool.submit(speech) for _ in range(5)]
        assert eventually(lambda: len(asked(sandbox)) == 5)
        refused = app.test_client().post(SPEECH, json=body)
        sandbox.state.settings.hold_after = None
        assert [done.result() for done in held] == [sound.pcm(HELLO, RATE)] * 5
    assert refused.status_code == 429 and "5 slots" in refused.get_json()["error"]["message"]
    assert 'model="salutespeech"' in app.test_client().get("/metrics").text


def test_in_events(speaking: Service, sandbox: SandboxServer) -> None:
    body = {"input": HELLO, "response_format": "pcm", "stream_format": "sse"}
    events = speaking.post(SPEECH, body).text.strip().split("\n\n")
    found = [json.loads(event.removeprefix("data: ")) for event in events]
    assert [event["type"] for event in found[-2:]] == ["speech.audio.delta", "speech.audio.done"]


@pytest.mark.parametrize("as_events", [False, True], ids=["sound", "events"])
def test_what_breaks_off_does_not_look_whole(speaking: Service, sandbox: SandboxServer, as_events: bool) -> None:
    sandbox.state.script({"route": "speech", "cut_after": 1})
    body = {"input": HELLO, "response_format": "pcm", "stream_format": "sse" if as_events else "audio"}
    if as_events:
        last = speaking.post(SPEECH, body).text.strip().split("\n\n")[-1]
        assert json.loads(last.removeprefix("data: "))["error"]["code"] == "upstream_cut"
    else:
        with pytest.raises(Exception, match="ChunkedEncoding|Connection broken|ended prematurely"):
            speaking.post(SPEECH, body)
    assert eventually(lambda: '"cause":"upstream_cut"' in speaking.log.read_text())


@pytest.mark.parametrize(
    "voice, code", [("alloy", "Nec"), ("Boris", "Bys"), ("Kin", "Kin"), ("may", "May"), ("Tur_24000", "Tur")]
)
def test_voices(speaking: Service, sandbox: SandboxServer, voice: str, code: str) -> None:
    assert speaking.post(SPEECH, {"input": HELLO, "voice": voice, "response_format": "pcm"}).status_code == 200
    [request] = asked(sandbox)
    assert request["query"] == f"format=pcm16&voice={code}_24000"


def test_a_long_text_comes_in_one_piece(speaking: Service, sandbox: SandboxServer) -> None:
    sentence = "Предложение, которое кончается точкой. "
    answer = speaking.post(SPEECH, {"input": sentence * 250, "response_format": "wav"})
    assert len(asked(sandbox)) == 3
    texts = split((sentence * 250).strip(), 4000)
    assert len(texts) == 3 and all(text.endswith(".") for text in texts) and " ".join(texts) == (sentence * 250).strip()
    assert answer.content == wav_head(RATE) + b"".join(sound.pcm(text, RATE) for text in texts)


def test_parameters_that_change_nothing(speaking: Service, sandbox: SandboxServer) -> None:
    body = {"input": HELLO, "response_format": "pcm", "model": "tts-1", "speed": 1.5, "instructions": "Весело"}
    assert speaking.post(SPEECH, body).headers["X-Gpt2giga-Ignored"] == "instructions, speed"


REFUSED = {
    "no text": ({}, "input"),
    "blank": ({"input": " "}, "input"),
    "too long": ({"input": "a" * 20_001}, "input"),
    "voice": ({"input": "a", "voice": "darth"}, "voice"),
    "voices": ({"input": "a", "voice": ["alloy"]}, "voice"),
    "format": ({"input": "a", "response_format": "midi"}, "response_format"),
    "speed": ({"input": "a", "speed": 9}, "speed"),
    "stream": ({"input": "a", "stream_format": "tape"}, "stream_format"),
}


@pytest.mark.parametrize("body, param", REFUSED.values(), ids=REFUSED)
def test_what_is_refused(speaking: Service, sandbox: SandboxServer, body: dict[str, Any], param: str) -> None:
    answer = speaking.post(SPEECH, body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_without_a_key(client: OpenAI) -> None:
    with pytest.raises(InternalServerError, match="SALUTESPEECH_CREDENTIALS") as caught:
        client.audio.speech.create(model="tts-1", voice="alloy", input=HELLO)
    assert caught.value.status_code == 501 and caught.value.code == "not_set_up"


@pytest.mark.parametrize(
    "step, status, code",
    [
        ({"status": 400}, 400, "salutespeech_refused"),
        ({"status": 402}, 402, "insufficient_quota"),
        ({"status": 413}, 400, "salutespeech_refused"),
        ({"status": 429}, 429, "rate_limit_exceeded"),
        ({"status": 500}, 502, "upstream_error"),
        ({"fault": "reset"}, 502, "upstream_cut"),
        ({"frames": [], "done": False}, 502, "upstream_error"),
    ],
    ids=str,
)
def test_what_salutespeech_refuses(
    speaking: Service, sandbox: SandboxServer, step: dict[str, Any], status: int, code: str
) -> None:
    sandbox.state.script({"route": "speech", **step})
    answer = speaking.post(SPEECH, {"input": HELLO, "response_format": "pcm"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_key_that_is_rejected(speaker: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.revoke_tokens()
    sandbox.state.settings.credentials = "another"
    with pytest.raises(AuthenticationError, match="SALUTESPEECH_CREDENTIALS") as caught:
        speaker.audio.speech.create(model="tts-1", voice="alloy", input=HELLO, response_format="pcm")
    assert caught.value.code == "salutespeech_credentials_rejected"


def test_a_token_that_ends_is_renewed(speaking: Service, sandbox: SandboxServer) -> None:
    body = {"input": HELLO, "response_format": "pcm"}
    assert speaking.post(SPEECH, body).status_code == 200
    sandbox.state.revoke_tokens()
    assert speaking.post(SPEECH, body).status_code == 200
    assert [request["status"] for request in asked(sandbox)] == [200, 401, 200]


def test_the_log_tells_no_key(speaking: Service, sandbox: SandboxServer) -> None:
    speaking.post(SPEECH, {"input": HELLO, "response_format": "pcm"})
    assert eventually(lambda: '"salutespeech"' in speaking.log.read_text())
    assert sandbox.credentials not in speaking.log.read_text()


@pytest.mark.parametrize("form, head", [("mp3", (b"ID3", b"\xff\xf3", b"\xff\xfb")), ("flac", (b"fLaC",))])
def test_what_ffmpeg_writes(app: FlaskClient, sandbox: SandboxServer, form: str, head: tuple[bytes, ...]) -> None:
    answer = app.post(SPEECH, json={"input": HELLO, "response_format": form})
    assert answer.status_code == 200 and answer.data.startswith(head) and len(answer.data) > 1000


def test_what_breaks_off_before_ffmpeg_has_it(app: FlaskClient, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "speech", "status": 400})
    assert app.post(SPEECH, json={"input": HELLO}).status_code == 400
    sandbox.state.script({"route": "speech", "cut_after": 3})
    with app.post(SPEECH, json={"input": HELLO * 50}) as answer, pytest.raises(ConnectionResetError):
        assert answer.data and answer.status_code == 200


def test_a_client_that_leaves_ffmpeg(app: FlaskClient, sandbox: SandboxServer) -> None:
    """What still comes from SaluteSpeech then finds no ffmpeg: no thread fails of it."""
    sandbox.state.script({"route": "speech", "frame_delay": 0.3})
    with all_threads_ended(), app.post(SPEECH, json={"input": HELLO * 20, "response_format": "flac"}) as answer:
        assert next(answer.response)


def test_mp3_without_ffmpeg(without_ffmpeg: FlaskClient, sandbox: SandboxServer) -> None:
    error = without_ffmpeg.post(SPEECH, json={"input": HELLO}).get_json()["error"]
    assert error["param"] == "response_format" and "ffmpeg" in error["message"] and "wav" in error["message"]
    assert asked(sandbox) == []


# Transcripts

TOLD = {"route": "speech", "text": "привет мир\nкак дела"}


def test_verbose_json(speaker: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script(TOLD)
    found = speaker.audio.transcriptions.create(
        model="whisper-1", file=VOICE, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert found.text == "Привет мир. Как дела." and found.language == "russian" and found.duration == 2.0
    assert [(part.text, part.start, part.end) for part in found.segments or ()] == [
        ("Привет мир.", 0.0, 1.0),
        ("Как дела.", 1.0, 2.0),
    ]
    assert [(word.word, word.start, word.end) for word in found.words or ()][2:] == [("как", 1, 1.5), ("дела", 1.5, 2)]
    assert found.usage and found.usage.seconds == 2.0
    assert sandbox.state.chats() == []


def test_srt_and_vtt(speaker: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script(TOLD, TOLD)
    srt = speaker.audio.transcriptions.create(model="whisper-1", file=VOICE, response_format="srt")
    vtt = speaker.audio.transcriptions.create(model="whisper-1", file=VOICE, response_format="vtt")
    assert str(srt).startswith("1\n00:00:00,000 --> 00:00:01,000\nПривет мир.\n\n2\n00:00:01,000 --> 00:00:02,000\n")
    assert str(vtt).startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nПривет мир.\n")


def test_by_name(speaker: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script(TOLD, TOLD)
    found = speaker.audio.transcriptions.create(model="salutespeech", file=VOICE, language="en-GB")
    assert found.text == "Привет мир. Как дела." and found.usage and found.usage.type == "duration"
    raw = speaker.audio.transcriptions.with_raw_response.create(
        model="salutespeech", file=VOICE, response_format="text", prompt="мир", temperature=0.5
    )
    assert raw.text == "Привет мир. Как дела." and raw.headers["X-Gpt2giga-Ignored"] == "prompt, temperature"
    [first, _] = sandbox.state.requests("/speech:async_recognize")
    assert first["json"]["options"] == {"audio_encoding": "OPUS", "language": "en-US", "hypotheses_count": 1}


@pytest.mark.parametrize(
    "fields, param",
    [({"language": "fr"}, "language"), ({"stream": "true", "model": "salutespeech"}, "stream")],
    ids=["language", "stream"],
)
def test_transcripts_that_are_refused(speaking: Service, fields: dict[str, str], param: str) -> None:
    form = {"model": "salutespeech", **fields}
    answer = speaking.request("POST", TRANSCRIPTIONS, data=form, files={"file": VOICE})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_a_translation_has_no_times(speaking: Service) -> None:
    form = {"response_format": "srt"}
    answer = speaking.request("POST", "/v1/audio/translations", data=form, files={"file": VOICE})
    assert answer.status_code == 400 and "does not translate" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "step, error",
    [
        ({"finish_reason": "ERROR"}, InternalServerError),
        ({"answer": {"results": []}}, InternalServerError),
        ({"answer": [{"eou": True, "results": [5]}]}, InternalServerError),
        ({"status": 400}, BadRequestError),
    ],
    ids=str,
)
def test_recognition_that_fails(
    speaker: OpenAI, sandbox: SandboxServer, step: dict[str, Any], error: type[APIError]
) -> None:
    sandbox.state.script({"route": "speech", **step})
    with pytest.raises(error):
        speaker.audio.transcriptions.create(model="salutespeech", file=VOICE)


def test_nothing_said(speaker: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "speech", "answer": []})
    assert speaker.audio.transcriptions.create(model="salutespeech", file=VOICE).text == ""


# ffmpeg and recordings


def post(client: FlaskClient, name: str, content: bytes, **form: str) -> Any:
    """Written by requests: Flask's own client would leave a file behind."""
    written = requests.Request("POST", "http://localhost", data=form, files={"file": (name, content)}).prepare()
    return client.post(TRANSCRIPTIONS, data=written.body, content_type=written.headers["Content-Type"])


def test_a_long_recording_is_cut(app: FlaskClient, sandbox: SandboxServer) -> None:
    """Of 25 minutes; each ten of them are one chat."""
    sandbox.state.script({"text": "Раз."}, {"text": "-"}, {"text": "Три."})
    answer = post(app, "long.wav", wav(1500))
    assert answer.get_json()["text"] == "Раз. Три."
    assert len(sandbox.state.chats()) == 3


def test_what_is_not_what_its_name_says(app: FlaskClient, sandbox: SandboxServer) -> None:
    answer = post(app, "long.mp3", b"nothing" * 400_000)
    assert answer.status_code == 400 and answer.get_json()["error"]["code"] == "invalid_audio"


def test_a_list_of_addresses_is_no_recording(app: FlaskClient, sandbox: SandboxServer, tmp_path: Path) -> None:
    """ffmpeg would read other files, and ask other hosts."""
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav(5))
    playlist = f"#EXTM3U\n#EXTINF:5,\nfile://{secret}\n#EXT-X-ENDLIST\n".encode()
    answer = post(app, "list.mp3", playlist + b"#" * 2_000_000)
    assert answer.status_code == 400 and sandbox.state.chats() == []


def test_flac(app: FlaskClient, sandbox: SandboxServer) -> None:
    flac = app.post(SPEECH, json={"input": HELLO, "response_format": "flac"}).data
    assert post(app, "a.flac", flac).status_code == 200
    assert len(sandbox.state.chats()) == 1


def test_flac_without_ffmpeg(without_ffmpeg: FlaskClient, sandbox: SandboxServer) -> None:
    error = post(without_ffmpeg, "a.flac", b"fLaC").get_json()["error"]
    assert error["param"] == "file" and "ffmpeg" in error["message"]


def test_m4a_for_salutespeech(without_ffmpeg: FlaskClient, sandbox: SandboxServer) -> None:
    error = post(without_ffmpeg, "a.m4a", b"m4a", response_format="srt").get_json()["error"]
    assert error["param"] == "file" and "ffmpeg" in error["message"]
