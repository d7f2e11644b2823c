"""SaluteSpeech, Sber's speech service, as the dialects see it (docs/salutespeech-contract.md)."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

import orjson

from gpt2giga.concurrency.waiting import run_to_end
from gpt2giga.config.account import AccountSettings
from gpt2giga.config.settings import Settings
from gpt2giga.errors import RateLimited, UpstreamError, UpstreamTimeout
from gpt2giga.upstream.accounts.slots import QueueTimeout, Slot, Slots
from gpt2giga.upstream.caller import Caller
from gpt2giga.upstream.contract.answers import Unreadable
from gpt2giga.upstream.files.media import Media
from gpt2giga.upstream.listener import Listener, Waiting
from gpt2giga.upstream.speech import ffmpeg
from gpt2giga.upstream.speech.failures import explaining, NAME
from gpt2giga.upstream.speech.recognition import from_result, Recognition
from gpt2giga.upstream.transport.access_token import Token, TokenSource
from gpt2giga.upstream.transport.connect import Route
from gpt2giga.upstream.transport.http import Connections, GigaChatResponse, StatusError
from gpt2giga.upstream.transport.login import login_client
from gpt2giga.upstream.transport.retries import Retries
from gpt2giga.upstream.transport.sdk import CONNECT_TIMEOUT, IDLE_SECONDS
from gpt2giga.upstream.transport.tls import ssl_context

# Ending of a file's name -> what the service is told that it is (SaluteSpeech 2.2).
ENCODINGS = {"mp3": "MP3", "ogg": "OPUS", "opus": "OPUS", "wav": "PCM_S16LE", "flac": "FLAC"}
BYTES = "application/octet-stream"  # of an upload of any encoding (SaluteSpeech 2.4)
# Seconds between two looks at a task, growing.
FIRST_LOOK, LAST_LOOK = 0.3, 5.0
RATE = 24000  # of the voices (SaluteSpeech 3.3)
LONGEST_TEXT = 4000  # characters (SaluteSpeech 3.1)


class SaluteSpeech:
    """One for a process; safe to share between threads and greenlets. Every method raises ProxyError."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError."""
        account, server, limits = _account(settings), settings.server, settings.limits
        context, connect = ssl_context(account), min(CONNECT_TIMEOUT, account.timeout)
        self._login = login_client(account, context, connect)
        self._tokens = TokenSource(account, self._login, None)
        self._connections = Connections(
            Route(account.base_url, context, connect),
            silence=account.timeout,
            idle_seconds=IDLE_SECONDS,
            most=None,
            limits=limits,
        )
        self._retries = Retries(limits.max_retries, limits.retry_backoff_factor, limits.retry_on_status_codes)
        self._most_slots = settings.speech.slots
        identity = f"salutespeech:{settings.speech.credentials}"
        self._slots = Slots(self._most_slots, identity, server.runtime_folder, server.redis_url)
        self._queue_timeout, self._work_seconds = limits.queue_timeout, account.timeout

    def close(self) -> None:
        self._connections.close()
        self._login.close()

    def speak(self, texts: Sequence[str], voice: str, form: str, caller: Caller) -> Generator[bytes, None, None]:
        """The sound of the texts, one after the other, as it comes. form: see SaluteSpeech 3.2."""
        with self._slot(caller):
            for text in texts:
                attempt = partial(self._synthesis, text, voice, form)
                for pieces in run_to_end(self._retries.begin(attempt, None)):
                    yield from pieces

    def _synthesis(self, text: str, voice: str, form: str) -> Iterator[list[bytes]]:
        target = f"/text:synthesize?format={quote(form)}&voice={quote(voice)}"
        with explaining(), closing(self._open("POST", target, text.encode(), "application/text")) as response:
            is_empty = True
            for piece in response.pieces():
                if piece:
                    is_empty = False
                    yield [piece]
            if is_empty:
                raise Unreadable(b"")

    def recognize(self, recording: Media, language: str, caller: Caller) -> Recognition:
        """What is said when. Other formats than the service's need ffmpeg."""
        ending = recording.name.rpartition(".")[2]
        if ending not in ENCODINGS:
            recording, ending = ffmpeg.to_mp3(recording), "mp3"
        with self._slot(caller):
            file_id = self._ask("POST", "/data:upload", recording.content, BYTES)["request_file_id"]
            options = {"audio_encoding": ENCODINGS[ending], "language": language, "hypotheses_count": 1}
            task = orjson.dumps({"options": options, "request_file_id": file_id})
            task_id = self._ask("POST", "/speech:async_recognize", task, "application/json")["id"]
            result_id = self._result_of(str(task_id))
        result = self._download(f"/data:download?response_file_id={quote(result_id)}")
        with explaining():
            return from_result(result)

    def _result_of(self, task_id: str) -> str:
        """Waits until the task is done."""
        end, pause = time.monotonic() + self._work_seconds, FIRST_LOOK
        while time.monotonic() < end:
            time.sleep(pause)
            task = self._ask("GET", f"/task:get?id={quote(task_id)}")
            if task["status"] == "DONE":
                return str(task.get("response_file_id", ""))
            if task["status"] in ("ERROR", "CANCELED"):
                why = str(task.get("error") or "no explanation")[:500]
                raise UpstreamError(f"{NAME} could not recognise the recording: {why}.", code="salutespeech_failed")
            pause = min(pause * 1.5, LAST_LOOK)
        raise UpstreamTimeout(f"{NAME} has not recognised the recording for as long as GIGACHAT_TIMEOUT allows.")

    def _ask(self, method: str, target: str, content: bytes = b"", media_type: str = "") -> dict[str, Any]:
        """The `result` of an answer (SaluteSpeech 2.3)."""
        document = self._download(target, method, content, media_type)
        result = document.get("result") if isinstance(document, dict) else None
        if not isinstance(result, dict) or not {"request_file_id", "id"} & result.keys():
            raise UpstreamError(f"{NAME}'s answer does not have the documented form.")
        return {"request_file_id": "", "id": "", "status": "", **result}

    def _download(self, target: str, method: str = "GET", content: bytes = b"", media_type: str = "") -> Any:
        def call() -> Any:
            with explaining(), closing(self._open(method, target, content, media_type)) as response:
                response.read()
                return response.json()

        return self._retries.once(call)

    def _open(self, method: str, target: str, content: bytes, media_type: str) -> GigaChatResponse:
        """Its answer, with its head and to be closed. A rejected token is renewed once."""
        token = run_to_end(self._tokens.get(None))
        response = self._send(method, target, content, media_type, token)
        if response.status_code == 401 and self._tokens.reject(token):
            response.close()
            response = self._send(method, target, content, media_type, run_to_end(self._tokens.get(None)))
        try:
            if response.status_code != 200:
                raise StatusError(response.status_code, response.read(), response.headers)
        except BaseException:
            response.close()
            raise
        return response

    def _send(self, method: str, target: str, content: bytes, media_type: str, token: Token | None) -> GigaChatResponse:
        headers = {"User-Agent": "gpt2giga", "Authorization": f"Bearer {token.value if token else ''}"}
        if media_type:
            headers["Content-Type"] = media_type
        return run_to_end(self._connections.send(method, target, content=content, headers=headers))

    def _slot(self, caller: Caller) -> Slot:
        """More requests at a time are refused (SaluteSpeech 1.6)."""
        try:
            return run_to_end(self._slots.acquire(self._queue_timeout, None, Waiting(caller, Listener())))
        except QueueTimeout as timeout:
            raise RateLimited(
                f"Rate limit reached: {NAME}'s {self._most_slots} slots stayed busy for {timeout.waited:.0f} seconds.",
                retry_after=5.0,
            ) from None


def _account(settings: Settings) -> AccountSettings:
    """With GigaChat's certificates and time limits."""
    speech = settings.speech
    return replace(
        settings.account,
        credentials=speech.credentials,
        scope=speech.scope,
        base_url=speech.base_url,
        auth_url=speech.auth_url,
        access_token=None,
        user=None,
        password=None,
        cert_file=None,
        key_file=None,
        key_file_password=None,
    )


def speech_of(settings: Settings) -> SaluteSpeech | None:
    return SaluteSpeech(settings) if settings.speech.credentials else None
