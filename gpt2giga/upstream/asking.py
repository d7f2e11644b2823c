"""Sends the questions of upstream.learning as they are, and keeps what came back for a report.

Past Upstream on purpose: nothing may be translated, repeated or emulated between a question and its answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import orjson

from gpt2giga.concurrency.waiting import run_to_end
from gpt2giga.config.settings import Settings
from gpt2giga.errors import ContextTooLong, ProxyError, UpstreamUnavailable
from gpt2giga.language import _
from gpt2giga.upstream.accounts.slots import QueueTimeout, Slots
from gpt2giga.upstream.contract.facts import Facts
from gpt2giga.upstream.learning.reading import release, to_frames
from gpt2giga.upstream.learning.shapes import shapes_of
from gpt2giga.upstream.learning.topic import Answer, Request
from gpt2giga.upstream.transport.access_token import TokenFailure
from gpt2giga.upstream.transport.failures import FAILURES, is_failure, to_proxy_error, words_of
from gpt2giga.upstream.transport.http import StatusError
from gpt2giga.upstream.transport.sdk import GigaChatClient

PAYMENT_REQUIRED, TOO_MANY_REQUESTS = 402, 429
# Seconds before a request that got 429 is sent once more.
PAUSE = 3.0
# Nobody waits ten minutes for an answer that is to be short.
MOST_SECONDS = 120.0


class Stopped(Exception):
    """No further question makes sense; the text says why."""


class ModelEnded(Exception):
    """Nor does one to this model."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer, of what was said only the words of a refusal. request_id: by which Sber finds it."""

    model: str
    what: str
    where: str
    outcome: str
    release: str
    request_id: str
    date: str
    shapes: tuple[str, ...]


class Asker:
    """pause: seconds, see PAUSE."""

    def __init__(self, settings: Settings, account: Facts, *, pause: float = PAUSE) -> None:
        """Raises SettingsError."""
        limits, server = settings.limits, settings.server
        most = min(settings.account.timeout, MOST_SECONDS)
        self._client = GigaChatClient(replace(settings.account, timeout=most), None, limits)
        self._most_slots = limits.slots(settings.account.scope, account.slots)
        self._slots = Slots(self._most_slots, settings.account.identity, server.runtime_folder, server.redis_url)
        self._queue_timeout, self._pause = limits.queue_timeout, pause
        self.exchanges: list[Exchange] = []

    def close(self) -> None:
        self._client.close()

    def ask(self, request: Request) -> Answer:
        """429 to a request alone ends it all, to several at once it is an answer. Either counts when it comes twice:
        another program may have asked meanwhile. Raises Stopped and ModelEnded."""
        with self._turn(self._most_slots if request.at_once > 1 else 1):
            answer = self._asked(request)
            if answer.status == TOO_MANY_REQUESTS:
                time.sleep(self._pause)
                answer = self._asked(request)
        if answer.status == PAYMENT_REQUIRED:
            raise ModelEnded(_("its tokens are used up (402: {words})", words=answer.words))
        if answer.status in (401, TOO_MANY_REQUESTS) and request.at_once == 1:
            raise Stopped(_("GigaChat answered {outcome}", outcome=answer.outcome))
        if answer.status in (403, 404) and not request.v2:
            raise ModelEnded(_("it is not open to this account ({outcome})", outcome=answer.outcome))
        return answer

    @contextmanager
    def _turn(self, slots: int) -> Iterator[None]:
        """Beside a service that runs: it waits for its turn in the same line."""
        with ExitStack() as held:
            try:
                for _slot in range(slots):
                    held.enter_context(run_to_end(self._slots.acquire(self._queue_timeout)))
            except QueueTimeout:
                raise Stopped(_("the service keeps the account busy: ask when it is idle")) from None
            yield

    def _asked(self, request: Request) -> Answer:
        if request.at_once == 1:
            return self._send(request)[0]
        with ThreadPoolExecutor(request.at_once) as pool:
            told = list(pool.map(self._send, [request] * request.at_once))
        worst = next((answer for answer, _, _ in told if not answer.is_good), told[0][0])
        overlap = min(end for _, _, end in told) > max(begin for _, begin, _ in told)
        return replace(worst, together=request.at_once if worst.is_good and overlap else 1)

    def _send(self, request: Request) -> tuple[Answer, float, float]:
        """The moments of the answer's head and of its end too. Raises Stopped."""
        begin = time.monotonic()
        headers: Mapping[str, str | None] = {}
        try:
            if request.embeddings:
                payload = request.payload
                found = self._client.embeddings(payload["input"], model=payload["model"])
                headers = found.x_headers or {}
                answer = Answer(200, document=found.model_dump(by_alias=True, exclude={"x_headers"}))
            else:
                opened = self._client.open_chat(dict(request.payload), v2=request.v2, stream=request.stream)
                with closing(run_to_end(opened)) as response:
                    begin, headers = time.monotonic(), response.headers
                    body = b"".join(response.pieces())
                answer = _in_frames(to_frames(body)) if request.stream else _whole(body)
        except TokenFailure as error:
            raise Stopped(str(to_proxy_error(error))) from None
        except (*FAILURES, ProxyError) as error:
            headers = error.headers if isinstance(error, StatusError) else headers
            answer = _failed(error)
        end = time.monotonic()
        self._note(request, answer, headers)
        return answer, begin, end

    def _note(self, request: Request, answer: Answer, headers: Mapping[str, str | None]) -> None:
        kind = "/embeddings" if request.embeddings else f"/v{2 if request.v2 else 1}/chat/completions"
        self.exchanges.append(
            Exchange(
                model=request.payload["model"],
                what=request.what,
                where=f"{kind}, streamed" if request.stream else kind,
                outcome=answer.outcome,
                release=release(answer),
                request_id=headers.get("x-request-id") or "",
                date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
                shapes=shapes_of(answer.frames or [("", answer.document)] if answer.is_good else answer.frames),
            )
        )


def _whole(body: bytes) -> Answer:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Answer(None, _("an answer that is no JSON"))
    return _understood([document], document=document)


def _in_frames(frames: tuple[tuple[str, Any], ...]) -> Answer:
    return _understood([data for _, data in frames], frames=frames)


def _understood(told: list[Any], **read: Any) -> Answer:
    """Whatever has a status counts as that, an error object among frames too. What has the form of neither interface
    says nothing: a gateway on the way may have answered."""
    failure = next(filter(is_failure, told), None)
    if failure:
        return Answer(failure["status"], str(failure.get("message", "")), **read)
    is_answer = all(isinstance(data, dict) for data in told) and any(
        {"choices", "messages"} & set(data) for data in told
    )
    return Answer(200, **read) if is_answer else Answer(None, _("an answer in no form of GigaChat's"))


def _failed(error: Exception) -> Answer:
    """Raises Stopped where GigaChat cannot be reached at all."""
    failure = error if isinstance(error, ProxyError) else to_proxy_error(error)
    if isinstance(error, StatusError):
        window = failure.window if isinstance(failure, ContextTooLong) else 0
        return Answer(error.status_code, words_of(error), window=window or 0)
    if isinstance(failure, UpstreamUnavailable):
        raise Stopped(str(failure))
    return Answer(None, str(failure))
