"""GigaChat's failures as the `openai` client sees them, whole and streamed, before the first byte and after it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import openai
import pytest
import requests

from gpt2giga_sandbox.server import SandboxServer
from tests.chunks import chunks, frames
from tests.service import free_port, Service
from tests.sockets import full_server, HELLO

HTML = "<html><head><title>502 Bad Gateway</title></head><body>SynGX</body></html>"
PATH = "/v1/chat/completions"
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
SERVER, INVALID = "server_error", "invalid_request_error"
REJECTED = (401, "authentication_error", "gigachat_credentials_rejected")


@pytest.fixture
def impatient(service_with: Callable[..., Service], sandbox: SandboxServer) -> Iterator[Service]:
    """A service that tries once and does not wait long; nothing secret is in its log."""
    service = service_with(GPT2GIGA_MAX_RETRIES="0", GIGACHAT_TIMEOUT="0.6")
    yield service
    assert not secrets_in(service.log.read_text(), sandbox)


def secrets_in(text: str, sandbox: SandboxServer) -> list[str]:
    tokens = [*sandbox.state.tokens.expires]
    secrets = [*tokens, sandbox.credentials, sandbox.url, "http://", "https://", "Bearer", "Basic ", "SynGX"]
    return [secret for secret in secrets if secret in text]


def ask(service: Service, *, stream: bool, max_retries: int = 0) -> requests.Response:
    return service.post(PATH, {"model": "GigaChat", "messages": HELLO, "stream": stream})


def raised(service: Service, *, stream: bool) -> openai.APIStatusError:
    with service.client() as client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="GigaChat", messages=HELLO, stream=stream)
    return caught.value


ROWS: dict[str, tuple[dict[str, Any], type[openai.APIStatusError], int, str, str, str]] = {
    "400": ({"status": 400}, openai.BadRequestError, 400, INVALID, "gigachat_refused", "Bad Request"),
    "402": (
        {"status": 402},
        *(
            openai.APIStatusError,
            402,
            "insufficient_quota",
            "insufficient_quota",
            "Payment Required.*insufficient quota",
        ),
    ),
    "403": (
        {"status": 403},
        *(openai.PermissionDeniedError, 403, "permission_error", "permission_denied", "Permission denied"),
    ),
    "404": (
        {"status": 404},
        openai.NotFoundError,
        404,
        INVALID,
        "model_not_found",
        "listed, but not open to this account",
    ),
    "413": (
        {"status": 413},
        *(openai.BadRequestError, 400, INVALID, "context_length_exceeded", "maximum context length"),
    ),
    "422": ({"status": 422}, openai.BadRequestError, 400, INVALID, "gigachat_refused", "Invalid params"),
    "422 tokens": (
        {"status": 422, "body": {"status": 422, "message": "Tokens limit exceeded: 140000 out of 131072"}},
        *(openai.BadRequestError, 400, INVALID, "context_length_exceeded", "maximum context length.*140000"),
    ),
    "429": (
        {"status": 429},
        *(openai.RateLimitError, 429, "rate_limit_error", "rate_limit_exceeded", "Rate limit reached.*Too many"),
    ),
    "500": ({"status": 500}, openai.InternalServerError, 502, SERVER, "upstream_error", "answered 500"),
    "502 html": ({"status": 502, "body": HTML}, openai.InternalServerError, 502, SERVER, "upstream_error", "502"),
    "503": ({"status": 503}, openai.InternalServerError, 503, SERVER, "upstream_unavailable", "answered 503"),
    "504 html": (
        {"status": 504, "body": HTML},
        *(openai.InternalServerError, 504, SERVER, "upstream_timeout", "timed out"),
    ),
    "close": ({"fault": "close"}, openai.InternalServerError, 502, SERVER, "upstream_cut", "before its answer"),
    "reset": ({"fault": "reset"}, openai.InternalServerError, 502, SERVER, "upstream_cut", "before its answer"),
    "silence": (
        {"delay": 30},
        *(openai.InternalServerError, 504, SERVER, "upstream_timeout", "timed out.*GIGACHAT_TIMEOUT"),
    ),
    "html with 200": ({"body": HTML}, openai.InternalServerError, 502, SERVER, "upstream_error", "GigaChat"),
    "no json": ({"body": "{"}, openai.InternalServerError, 502, SERVER, "upstream_error", "GigaChat"),
    "a list": ({"answer": [1]}, openai.InternalServerError, 502, SERVER, "upstream_error", "GigaChat"),
    "choices as a text": (
        {"answer": {"choices": ""}},
        openai.InternalServerError,
        502,
        SERVER,
        "upstream_error",
        "Giga",
    ),
    "tokens above 64 bits": (
        {"body": '{"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 36893488147419103232}}'},
        *(openai.InternalServerError, 502, SERVER, "upstream_error", "GigaChat"),
    ),
    "Infinity": (
        {"body": '{"choices": [], "usage": {"prompt_tokens": Infinity, "completion_tokens": 1e999}}'},
        *(openai.InternalServerError, 502, SERVER, "upstream_error", "GigaChat"),
    ),
    "500 without an end": (
        {"status": 500, "body": "[" * 100_000},
        *(openai.InternalServerError, 502, SERVER, "upstream_error", "answered 500: no explanation"),
    ),
    "500 in half of a pair": (
        {"status": 500, "body": '{"message": "Нет \\ud83d"}'},
        *(openai.InternalServerError, 502, SERVER, "upstream_error", "answered 500: Нет \ufffd"),
    ),
    "500 of another type": (
        {"status": 500, "body": {"message": {"a": [1]}}},
        *(openai.InternalServerError, 502, SERVER, "upstream_error", "answered 500: no explanation"),
    ),
    "no choices": ({"answer": {"object": "x"}}, openai.InternalServerError, 502, SERVER, "upstream_error", "GigaChat"),
}


@STREAMED
@pytest.mark.parametrize("step, kind, status, type, code, words", ROWS.values(), ids=ROWS)
def test_refused(
    impatient: Service,
    sandbox: SandboxServer,
    step: dict[str, Any],
    kind: type[openai.APIStatusError],
    status: int,
    type: str,
    code: str,
    words: str,
    stream: bool,
) -> None:
    sandbox.state.script(step)
    error = raised(impatient, stream=stream)
    assert error.__class__ is kind
    assert (error.status_code, error.type, error.code) == (status, type, code)
    assert re.search(words, error.body["message"])  # type: ignore[index]
    assert not secrets_in(error.response.text + str(error.response.headers), sandbox)


@STREAMED
def test_a_token_that_stays_rejected(impatient: Service, sandbox: SandboxServer, stream: bool) -> None:
    """The fresh one is tried once; whose key it is that was rejected is said."""
    sandbox.state.script({"status": 401, "times": 2})
    error = raised(impatient, stream=stream)
    assert isinstance(error, openai.AuthenticationError)
    assert (error.status_code, error.type, error.code) == REJECTED
    assert "GIGACHAT_CREDENTIALS" in error.body["message"]  # type: ignore[index]


@STREAMED
def test_retry_after_is_passed_on(impatient: Service, sandbox: SandboxServer, stream: bool) -> None:
    for status in (429, 503):
        sandbox.state.script({"status": status, "headers": {"Retry-After": "7"}})
        assert raised(impatient, stream=stream).response.headers["Retry-After"] == "7"


def test_no_retry_after_where_gigachat_gave_none(impatient: Service, sandbox: SandboxServer) -> None:
    for value in ({}, {"Retry-After": "nan"}, {"Retry-After": "-1"}):
        sandbox.state.script({"status": 429, "headers": value})
        assert "Retry-After" not in raised(impatient, stream=False).response.headers


def test_the_clients_own_retries_work(impatient: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 429, "headers": {"Retry-After": "0.1"}}, {"text": "Готово"})
    with impatient.client(max_retries=2) as client:
        answer = client.chat.completions.create(model="GigaChat", messages=HELLO, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in answer) == "Готово"


OAUTH: dict[str, tuple[dict[str, Any], int, str, str, str]] = {
    "key is cut": (
        {"status": 400, "body": {"code": 4, "message": "Can't decode 'Authorization' header"}},
        *REJECTED,
        "4",
    ),
    "no scope": ({"status": 400, "body": {"code": 5, "message": "scope is empty"}}, *REJECTED, "GIGACHAT_SCOPE"),
    "odd scope": ({"status": 400, "body": {"code": 1, "message": "scope data format invalid"}}, *REJECTED, "_SCOPE"),
    "wrong scope": ({"status": 400, "body": {"code": 7, "message": "scope from db"}}, *REJECTED, "PERS, _B2B or _CORP"),
    "unknown key": ({"status": 401, "body": {"code": 6, "message": "doesn't match"}}, *REJECTED, "in Sber Studio"),
    "too many": ({"status": 429}, 429, "rate_limit_error", "rate_limit_exceeded", "no more tokens"),
    "broken": ({"status": 500, "body": HTML}, 503, SERVER, "upstream_unavailable", "authorisation"),
    "elsewhere": ({"status": 404, "body": HTML}, 502, SERVER, "upstream_error", "GIGACHAT_AUTH_URL"),
    "reset": ({"fault": "reset"}, 502, SERVER, "upstream_cut", "authorisation"),
    "silent": ({"delay": 30}, 504, SERVER, "upstream_timeout", "authorisation"),
    "a code of another type": (
        {"status": 400, "body": {"code": [4], "message": ["no"]}},
        *(*REJECTED, "(no explanation). Check GIGACHAT_CREDENTIALS"),
    ),
    "no json": ({"body": HTML}, 502, SERVER, "upstream_error", "without a token"),
    "without an end": ({"body": "[" * 100_000}, 502, SERVER, "upstream_error", "without a token"),
    "no end of its time": (
        {"answer": {"access_token": "a", "expires_at": 10**400}},
        *(502, SERVER, "upstream_error", "without a token"),
    ),
    "no token": ({"answer": {"a": 1}}, 502, SERVER, "upstream_error", "without a token"),
}


@STREAMED
@pytest.mark.parametrize("step, status, type, code, words", OAUTH.values(), ids=OAUTH)
def test_no_token(
    impatient: Service,
    sandbox: SandboxServer,
    step: dict[str, Any],
    status: int,
    type: str,
    code: str,
    words: str,
    stream: bool,
) -> None:
    """A rejected key of the service is told apart from a rejected key of the client."""
    sandbox.state.revoke_tokens()
    sandbox.state.script({"route": "oauth", **step})
    error = raised(impatient, stream=stream)
    assert (error.status_code, error.type, error.code) == (status, type, code)
    assert words in error.body["message"] or words == "4" and "on one line" in error.body["message"]  # type: ignore[index]
    assert not secrets_in(error.response.text + str(error.response.headers), sandbox)
    assert ask(impatient, stream=stream).status_code == 200, "the next request asks for a token again"


def test_the_log_says_how_to_mend_a_rejected_key(impatient: Service, sandbox: SandboxServer) -> None:
    sandbox.state.revoke_tokens()
    sandbox.state.script({"route": "oauth", "status": 401, "body": {"code": 6, "message": "doesn't match db data"}})
    raised(impatient, stream=False)
    assert re.search(
        r"ERROR GigaChat rejects the key of account 1: doesn't match db data\. .*Sber Studio", impatient.log.read_text()
    )


@pytest.fixture(scope="module")
def nowhere() -> int:
    """A port where nobody listens, unless a test does."""
    return free_port()


NOBODY = {"nobody listens": (nullcontext, 503, "refused"), "never taken": (full_server, 503, "timed out")}


@pytest.mark.parametrize("server, status, words", NOBODY.values(), ids=NOBODY)
def test_gigachat_is_not_there(
    service_with: Callable[..., Service], sandbox: SandboxServer, nowhere: int, server: Any, status: int, words: str
) -> None:
    address = f"http://127.0.0.1:{nowhere}/api/v1"
    service = service_with(GPT2GIGA_MAX_RETRIES="0", GIGACHAT_TIMEOUT="0.5", GIGACHAT_BASE_URL=address)
    with server(nowhere):
        for stream in (False, True):
            error = raised(service, stream=stream)
            assert error.status_code == status and words in error.body["message"]  # type: ignore[index]
            told = error.response.text + str(error.response.headers) + service.log.read_text()
            assert not secrets_in(told, sandbox) and str(nowhere) not in told


def chunk(text: str, **choice: Any) -> dict[str, Any]:
    choices = [{"delta": {"content": text, "role": "assistant"}, "index": 0, **choice}]
    return {"choices": choices, "created": 1, "model": "GigaChat:2", "object": "chat.completion"}


STATUS_FRAMES = {
    "400": "Bad Request",
    "402": "Payment Required",
    "403": "Permission denied",
    "404": "No such model",
    "413": "Payload too large",
    "422": "Tokens limit exceeded: 140000 out of 131072",
    "429": "Too many requests",
    "500": "Internal Server Error",
    "503": "Service Unavailable",
}


@pytest.mark.parametrize("status, message", STATUS_FRAMES.items(), ids=STATUS_FRAMES)
def test_an_error_frame_says_what_the_status_would(
    impatient: Service, sandbox: SandboxServer, status: str, message: str
) -> None:
    """As the first frame it still is a status; after text it is an error event, and the end of the stream."""
    frame = {"status": int(status), "message": message}
    sandbox.state.script(
        {"status": int(status), "body": frame}, {"frames": [frame]}, {"frames": [chunk("Раз"), frame], "done": True}
    )
    refused, first = (ask(impatient, stream=True) for _ in range(2))
    assert refused.status_code == first.status_code >= 400
    assert refused.json() == first.json()
    text, event = frames(ask(impatient, stream=True).text)[-2:]
    assert json.loads(text)["choices"][0]["delta"]["content"] == "Раз"
    assert json.loads(event) == refused.json()


MANY = chunk("", usage={}) | {"usage": {"prompt_tokens": 1, "completion_tokens": 2**65}}
INFINITE = 'data: {"choices": [], "usage": {"prompt_tokens": Infinity, "completion_tokens": 1}}\n\n'
DEEP = "data: " + "[" * 100_000 + "\n\n"
AFTER_THE_START: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cut": ({"cut_after": 2}, {"cut_after": 0}),
    "reset": ({"reset_after": 2}, {"fault": "reset"}),
    "silence": ({"hang_after": 2}, {"hang_after": 0}),
    "end without a finish": ({"frames": [chunk("Раз")]}, {"frames": []}),
    "neither finish nor [DONE]": ({"frames": [chunk("Раз")], "done": False}, {"frames": [], "done": False}),
    "another form": ({"frames": [chunk("Раз"), {"a": 1}]}, {"frames": [{"a": 1}]}),
    "choices as a text": ({"frames": [chunk("Раз"), {"choices": ""}]}, {"frames": [{"choices": ""}]}),
    "tokens above 64 bits": ({"frames": [chunk("Раз"), MANY]}, {"frames": [MANY]}),
    "Infinity": ({"frames": [chunk("Раз"), INFINITE]}, {"frames": [INFINITE]}),
    "without an end": ({"frames": [chunk("Раз"), DEEP]}, {"frames": [DEEP]}),
    "finish error": (
        {"frames": [chunk("Раз"), chunk("", finish_reason="error")]},
        {"frames": [chunk("", finish_reason="error")]},
    ),
}


@pytest.mark.parametrize("after, before", AFTER_THE_START.values(), ids=AFTER_THE_START)
def test_a_stream_that_breaks(
    impatient: Service, sandbox: SandboxServer, after: dict[str, Any], before: dict[str, Any]
) -> None:
    """Never a silent or invented end: [DONE] would make the cut answer look whole."""
    text = "Раз два три четыре пять шесть семь восемь"
    sandbox.state.script({"text": text, **before}, {"text": text, **after}, {"text": text, **after})
    refused = ask(impatient, stream=True)
    assert refused.status_code >= 500
    *said, event = frames(ask(impatient, stream=True).text)
    assert json.loads(event) == refused.json()
    assert all(json.loads(item)["choices"][0]["finish_reason"] is None for item in said) and len(said) > 1
    with impatient.client() as client, pytest.raises(openai.APIError) as caught:
        list(client.chat.completions.create(model="GigaChat", messages=HELLO, stream=True))
    assert caught.value.body == refused.json()["error"]


SEPARATORS = "\u2028\u2029\u0085\v\f\x1c\x1d\x1e"


@pytest.mark.parametrize("split", [0, 1, 2, 3, 5, 7, 64])
def test_line_separators_stream_whole(impatient: Service, sandbox: SandboxServer, split: int) -> None:
    """GigaChat sends them raw, wherever its writes end; the sandbox escapes what JSON does not allow raw."""
    text = "".join(f"«{separator}» строка{separator}{separator} и🙂 " for separator in SEPARATORS)
    sandbox.state.script({"text": text}, {"text": text, "split": split})
    whole = ask(impatient, stream=False).json()["choices"][0]["message"]["content"]
    answer = ask(impatient, stream=True)
    answer.encoding = "utf-8"
    assert "".join(item["choices"][0]["delta"].get("content") or "" for item in chunks(answer.text)) == whole == text


HALVES = {
    "as two": ("а\\ud83d", "\\ude00б", "а😀б"),
    "alone": ("а\\ud83d", "б", "а\ufffdб"),
    "last": ("а", "\\ud83d", "а\ufffd"),
}
PATHS = {"/v1/completions": "prompt", "/v1/responses": "input", "/v1/messages": "messages", PATH: "messages"}


@pytest.mark.parametrize("first, second, text", HALVES.values(), ids=HALVES)
@pytest.mark.parametrize("path, question", PATHS.items())
def test_halves_of_surrogate_pairs(
    impatient: Service, sandbox: SandboxServer, path: str, question: str, first: str, second: str, text: str
) -> None:
    """No dialect can write half of one, and two chunks may share a pair; each in a stream and in a whole answer."""
    pieces = [
        json.dumps(chunk(f"{number}")).replace(f'"{number}"', f'"{piece}"')
        for number, piece in enumerate((first, second))
    ]
    end = chunk("", finish_reason="stop") | {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    message = {"choices": [{"message": {"content": "@"}, "finish_reason": "stop"}]}
    sandbox.state.script(
        {"frames": [*(f"data: {piece}\n\n" for piece in pieces), end]},
        {"body": json.dumps(message).replace("@", first + second)},
    )
    body = {"model": "GigaChat", question: HELLO if question == "messages" else "Привет!", "max_tokens": 9}
    streamed, whole = (impatient.post(path, {**body, "stream": stream}) for stream in (True, False))
    said = [json.loads(line[6:]) for line in streamed.content.decode().split("\n") if line.startswith("data: {")]
    assert streamed.status_code == whole.status_code == 200
    assert "".join(deltas(said)) == text and json.dumps(text)[1:-1] in json.dumps(whole.json())


def deltas(events: list[Any]) -> Iterator[str]:
    """Of any dialect."""
    for event in events:
        if event.get("type") in ("response.output_text.delta", "content_block_delta"):
            yield event["delta"]["text"] if isinstance(event["delta"], dict) else event["delta"]
        for choice in event.get("choices", ()):
            yield choice.get("text") or choice.get("delta", {}).get("content") or ""
