"""Requests and answers of GigaChat that make no sense, over the running service: never a 500, a hang, a dead worker.

FUZZ_ANSWERS=3000 FUZZ_SEED=1 take so many spoilt answers, others with another seed.
"""

from __future__ import annotations

import base64
import copy
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, HealthCheck, settings
from hypothesis import strategies as st

from gpt2giga_sandbox.server import SandboxServer
from gpt2giga_sandbox.steps import ROUTES
from tests import odd_answers
from tests.odd_answers import Kind, REQUESTS, Spoilt
from tests.service import Service

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Погода",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
            "required": ["city"],
        },
    },
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Омск"}'}}
CHAT: dict[str, Any] = {
    "model": "GigaChat-2-Max",
    "messages": [
        {"role": "system", "content": "Отвечай кратко."},
        {"role": "user", "content": [{"type": "text", "text": "Какая погода?"}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "холодно"},
        {"role": "user", "content": "А завтра?"},
    ],
    "tools": [TOOL],
    "tool_choice": "auto",
    "temperature": 0.7,
    "top_p": 0.9,
    "max_tokens": 100,
    "stop": ["конец"],
    "n": 1,
    "stream": False,
    "stream_options": {"include_usage": True},
    "reasoning_effort": "low",
    "response_format": {"type": "text"},
    "user": "кто-то",
}
JSON_SCHEMA = {"name": "a", "strict": True, "schema": TOOL["function"]["parameters"]}  # type: ignore[index]
STRUCTURED: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Назови город"}],
    "response_format": {"type": "json_schema", "json_schema": JSON_SCHEMA},
}
EMBEDDINGS: dict[str, Any] = {"model": "Embeddings", "input": ["раз", "два"], "encoding_format": "float"}
COMPLETIONS: dict[str, Any] = {
    "model": "GigaChat",
    "prompt": "Раз два",
    "max_tokens": 5,
    "stream": False,
    "echo": False,
}
BODIES = {"/v1/chat/completions": [CHAT, STRUCTURED], "/v1/embeddings": [EMBEDDINGS], "/v1/completions": [COMPLETIONS]}
CASES = [(path, body) for path, bodies in BODIES.items() for body in bodies]

# Numbers that a client may mean as a count are kept small: a hundred choices are no mistake, they are only slow.
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([2**63, -(2**70), 1e308, -0.0, 0.5])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(["auto", "none", "function"])
VALUES = st.recursive(
    SCALARS | TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Any]:
    """A good request with one to three values replaced, removed or doubled."""
    path, body = draw(st.sampled_from(CASES))
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([*places(body)][1:] or [("extra",)]))
        owner = body
        for key in way:
            owner = owner[key]
        action = draw(st.sampled_from(["replace", "replace", "replace", "remove", "double"]))
        if action == "replace":
            owner[last] = draw(VALUES)
        elif action == "remove":
            del owner[last]
        elif isinstance(owner, list):
            owner.append(copy.deepcopy(owner[last]))
        else:
            owner[f"{last}_"] = copy.deepcopy(owner[last])
    return path, body


@st.composite
def broken(draw: st.DrawFn) -> tuple[str, bytes]:
    """The bytes of a good request, cut or with some of them replaced."""
    path, body = draw(st.sampled_from(CASES))
    data = bytearray(json.dumps(body, ensure_ascii=draw(st.booleans())).encode())
    for place in draw(st.lists(st.integers(0, len(data) - 1), max_size=5)):
        data[place] = draw(st.integers(0, 255))
    return path, bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


HEADER_NAMES = [
    "Content-Type",
    "Accept",
    "Authorization",
    "X-Api-Key",
    "X-Request-ID",
    "X-Session-ID",
    "Accept-Encoding",
]
HEADER_NAMES += ["Range", "Origin", "Cookie", "X-Forwarded-For", "X-Http-Method-Override", "If-None-Match"]
HEADER_VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), max_size=30)
HEADERS = st.dictionaries(st.sampled_from(HEADER_NAMES), HEADER_VALUES.map(lambda value: value.encode("latin-1")))


@pytest.fixture
def session(curt: Service) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session
    log = curt.log.read_text()
    assert "Unexpected failure" not in log and "Traceback" not in log, log[-3000:]


def check(response: requests.Response, sent: Any) -> None:
    """A whole answer, a whole stream, or an error as OpenAI's clients read it."""
    assert response.status_code != 500, (sent, response.text)
    if response.status_code >= 400:
        assert_is_error(response.json())
    elif response.headers["Content-Type"].startswith("text/event-stream"):
        last = response.content.decode().removesuffix("\n\n").rpartition("data: ")[2]
        assert last == "[DONE]" or assert_is_error(json.loads(last)), sent
    else:
        assert response.json()["object"] in ("chat.completion", "list", "text_completion")


def assert_is_error(body: Any) -> bool:
    error = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"] and isinstance(error["message"], str) and isinstance(error["type"], str)
    assert all(error[key] is None or isinstance(error[key], str) for key in ("param", "code"))
    return error["code"] != "internal_error"


bounded = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@bounded
@given(request=mutated(), stream=st.none() | st.booleans())
def test_mutated_bodies(
    curt: Service, session: requests.Session, request: tuple[str, Any], stream: bool | None
) -> None:
    path, body = request
    if stream is not None and isinstance(body, dict) and path != "/v1/embeddings":
        body["stream"] = stream
    check(session.post(curt.url + path, json.dumps(body).encode(), timeout=20), body)


@bounded
@given(request=broken())
def test_broken_bodies(curt: Service, session: requests.Session, request: tuple[str, bytes]) -> None:
    path, data = request
    check(session.post(curt.url + path, data, timeout=20), data)


@settings(bounded, max_examples=120)
@given(headers=HEADERS, path=st.sampled_from([*BODIES, "/v1/models", "/health"]))
def test_odd_headers(curt: Service, session: requests.Session, headers: dict[str, bytes], path: str) -> None:
    body = None if path in ("/v1/models", "/health") else json.dumps(BODIES[path][0]).encode()
    response = session.request("POST" if body else "GET", curt.url + path, data=body, headers=headers, timeout=20)  # type: ignore[arg-type]
    assert response.status_code < 500, (headers, response.text)
    if response.status_code >= 400:
        assert_is_error(response.json())


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@settings(bounded, max_examples=120)
@given(method=st.sampled_from(METHODS), path=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_odd_addresses(curt: Service, session: requests.Session, method: str, path: str) -> None:
    response = session.request(method, f"{curt.url}/v1/{requests.utils.quote(path)}", timeout=20)
    assert response.status_code < 500, (method, path)
    if response.status_code >= 400 and method != "HEAD":
        assert_is_error(response.json())


@pytest.fixture
def passing_on(service_with: Callable[..., Service], sandbox: SandboxServer) -> Iterator[Service]:
    """Each account has a token and a list of models of its own, so that these too are asked for again and again."""
    sandbox.state.settings.oauth_per_second = None
    settings = {"GPT2GIGA_PASS_TOKEN": "True", "GPT2GIGA_LOG_CONTENT": "True", "GPT2GIGA_LOG_FORMAT": "json"}
    settings |= {"GPT2GIGA_METRICS": "True", "GPT2GIGA_MAX_RETRIES": "0", "GPT2GIGA_HEARTBEAT": "0"}
    service = service_with(**settings, GIGACHAT_TIMEOUT="10")
    workers = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
    before = workers.read_text()
    yield service
    forget_scripts(sandbox)
    assert "Unexpected failure" not in service.log.read_text() and workers.read_text() == before


def forget_scripts(sandbox: SandboxServer) -> None:
    for route in ROUTES:
        while sandbox.state.take(route):
            pass


def account(number: int) -> dict[str, str]:
    return {"Authorization": f"Bearer giga-cred-{base64.b64encode(b'key:%d' % number).decode()}"}


def script(sandbox: SandboxServer, kind: Kind, bodies: tuple[str, ...]) -> None:
    """For as many requests to GigaChat as one request may make."""
    forget_scripts(sandbox)
    frames = [f"data: {body}\n\n" for body in bodies]
    whole = {"body": bodies[0], "status": kind.status, "headers": {"Content-Type": "application/json"}}
    sandbox.state.script({"route": kind.route, "times": 8, **({"frames": frames} if kind.streams else whole)})


def check_reply(spoilt: Spoilt, reader: str, response: requests.Response) -> None:
    """A whole answer, or an error in the dialect's words; Anthropic's word for nonsense is a 500."""
    told = (spoilt.name, reader, response.status_code, response.text[-500:])
    assert response.status_code in (*range(200, 500), 502, 503, 504, 529) or reader in ("message", "count"), told
    assert "failed unexpectedly" not in response.text, told
    if not response.headers["Content-Type"].startswith("text/event-stream"):
        body = response.json()
        assert response.status_code < 400 or body["error"]["message"], told
    else:
        last = response.content.decode().removesuffix("\n\n").rpartition("\ndata: ")[2]
        assert last == "[DONE]" or isinstance(json.loads(last), dict), told


SPOILT = odd_answers.some(int(os.environ.get("FUZZ_ANSWERS", "60")), int(os.environ.get("FUZZ_SEED", "1")))


def test_spoilt_answers(passing_on: Service, sandbox: SandboxServer) -> None:
    """Each to every request that reads it."""
    with requests.Session() as session:
        session.trust_env = False
        for number, spoilt in enumerate(SPOILT):
            for nth, reader in enumerate(spoilt.kind.readers):
                method, path, body = REQUESTS[reader]
                is_asked_once = spoilt.kind.route in ("oauth", "models")
                headers = account(100 * (number + 1) + nth if is_asked_once else 1)
                script(sandbox, spoilt.kind, spoilt.bodies)
                is_stream = spoilt.kind.streams or (spoilt.kind.status != 200 and number % 2 == 0)
                if body and is_stream and reader in odd_answers.CHATS:
                    body = {**body, "stream": True}
                sent = {"json": body} if body else {"files": {"file": ("a.txt", b"abc", "text/plain")}}
                if method == "GET":
                    sent = {}
                response = session.request(method, passing_on.url + path, headers=headers, timeout=20, **sent)
                check_reply(spoilt, reader, response)
            assert session.get(f"{passing_on.url}/metrics", headers=account(1), timeout=20).status_code == 200
