"""One line a request: what it says, what it never says, and that nobody can forge it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from logging import ERROR, LogRecord
from pathlib import Path
from typing import Any

import openai
import pytest

from gpt2giga.chat import Event, TextDelta
from gpt2giga.config.settings import ServerSettings
from gpt2giga.telemetry.log_format import handler
from gpt2giga_sandbox.server import SandboxServer
from tests import raw
from tests.service import Service

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Привет!"}]
USAGE = {"prompt_tokens": 17, "completion_tokens": 3, "total_tokens": 20, "precached_prompt_tokens": 2}
PLAIN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO request id=(?P<id>[\w.-]+) method=POST path=\S+ .*")


@pytest.fixture
def logging(service_with: Callable[..., Service]) -> Service:
    """JSON lines, and a key, so that there is one that could be told."""
    return service_with(GPT2GIGA_LOG_FORMAT="json", GPT2GIGA_API_KEY="marker-key", GPT2GIGA_MAX_RETRIES="0")


def fresh_id() -> str:
    return os.urandom(8).hex()


def entries(service: Service) -> list[dict[str, Any]]:
    """Every line of the log, the broken tail of a line in the making left out."""
    return [json.loads(line) for line in service.log.read_text().split("\n")[:-1]]


def line_of(service: Service, request_id: str) -> dict[str, Any]:
    """The request's line; there must be one."""
    found = raw.wait_until(lambda: [entry for entry in entries(service) if entry.get("id") == request_id])
    assert len(found) == 1
    entry: dict[str, Any] = found[0]
    return entry


def ask(service: Service, **body: Any) -> tuple[int, dict[str, Any]]:
    """The status and the line of a chat."""
    headers = {"X-Request-ID": fresh_id(), "Authorization": "Bearer marker-key"}
    response = service.post(CHAT, {"model": "GigaChat", "messages": HELLO, **body}, headers=headers)
    return response.status_code, line_of(service, headers["X-Request-ID"])


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer(logging: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": "Раз два три", "usage": USAGE, "delay": 0.1, "frame_delay": 0.1})
    status, entry = ask(logging, stream=stream)
    assert status == 200
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("time"))
    assert 100 <= entry["first_ms"] <= entry["ms"] < 5000
    assert entry.pop("ms") - entry.pop("first_ms") >= (90 if stream else 0)
    assert entry.pop("id")
    assert entry == {
        "level": "INFO",
        "message": "request",
        "method": "POST",
        "path": CHAT,
        "status": 200,
        "model": "GigaChat",
        "stream": stream,
        "backend": "127.0.0.1",
        "in": 19,
        "out": 3,
        "cached": 2,
    }


def test_tokens_that_nobody_told_are_not_zero(logging: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три", "usage": USAGE, "frame_delay": 0.2})
    status, entry = ask(logging, stream=True, stop="два")
    assert status == 200 and not {"in", "out", "cached", "cause"} & entry.keys()


def test_embeddings_and_other_requests(logging: Service) -> None:
    headers = {"X-Request-ID": fresh_id(), "Authorization": "Bearer marker-key"}
    logging.post("/v1/embeddings", {"model": "Embeddings", "input": ["раз", "два"]}, headers=headers)
    entry = line_of(logging, headers["X-Request-ID"])
    assert entry["model"] == "Embeddings" and entry["in"] > 0 and entry["out"] == 0
    headers["X-Request-ID"] = fresh_id()
    logging.post("/v1/images/generations", {"prompt": "кот", "n": 2}, headers=headers)
    entry = line_of(logging, headers["X-Request-ID"])
    assert entry["model"] == "GigaChat-2-Max" and entry["in"] > 0 and entry["out"] > 0
    headers["X-Request-ID"] = fresh_id()
    logging.get("/v1/models?api_key=marker", headers=headers)
    entry = line_of(logging, headers["X-Request-ID"])
    assert entry.keys() == {"time", "level", "message", "id", "method", "path", "status", "ms"}
    assert entry["path"] == "/v1/models"


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal(logging: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"status": 402})
    status, entry = ask(logging, stream=stream)
    assert status == entry["status"] == 402 and entry["cause"] == "insufficient_quota"
    assert "in" not in entry and entry["model"] == "GigaChat" and "first_ms" not in entry


CAUSES = {
    "no key": (401, "invalid_api_key", {}, b"{}"),
    "no JSON": (400, "invalid_json", {"Authorization": "Bearer marker-key"}, b"{"),
    "no messages": (400, "invalid_value", {"Authorization": "Bearer marker-key"}, b"{}"),
}


@pytest.mark.parametrize("status, cause, headers, data", CAUSES.values(), ids=CAUSES)
def test_mistakes(logging: Service, status: int, cause: str, headers: dict[str, str], data: bytes) -> None:
    headers = {**headers, "X-Request-ID": fresh_id()}
    assert logging.request("POST", CHAT, headers=headers, data=data).status_code == status
    entry = line_of(logging, headers["X-Request-ID"])
    assert (entry["status"], entry["cause"]) == (status, cause)


@pytest.mark.parametrize("step", [{"cut_after": 1}, {"reset_after": 2}], ids=str)
def test_a_stream_that_breaks(logging: Service, sandbox: SandboxServer, step: dict[str, Any]) -> None:
    sandbox.state.script({"text": "Раз два три четыре пять", **step})
    status, entry = ask(logging, stream=True)
    assert status == entry["status"] == 200 and entry["cause"] == "upstream_cut" and entry["first_ms"] > 0


def leave(service: Service, sandbox: SandboxServer, body: dict[str, Any], wait_for: bytes = b"") -> dict[str, Any]:
    """The line of a request whose client hangs up while GigaChat works."""
    data, request_id = json.dumps({"messages": HELLO, **body}).encode(), fresh_id()
    head = raw.head(
        CHAT, f"X-Request-ID: {request_id}", "Authorization: Bearer marker-key", f"Content-Length: {len(data)}"
    )
    with raw.connect(service.port) as connection:
        connection.sendall(head + data)
        assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
        while wait_for not in connection.recv(65536) if wait_for else False:
            pass
    return line_of(service, request_id)


def test_a_client_that_leaves_before_its_answer(logging: Service, sandbox: SandboxServer) -> None:
    for body in ({}, {"stream": True}):
        sandbox.state.script({"text": "Раз два три", "delay": 30})
        entry = leave(logging, sandbox, body)
        assert (entry["status"], entry["cause"]) == (499, "client_gone") and entry["model"]
        assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0)


def test_a_client_that_leaves_in_the_middle_of_its_answer(logging: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "One two three four five six", "hang_after": 2})
    entry = leave(logging, sandbox, {"stream": True}, wait_for=b"One")
    assert (entry["status"], entry["cause"]) == (200, "client_gone") and entry["first_ms"] > 0


def test_plain_lines(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Да.", "usage": USAGE})
    request_id = fresh_id()
    service.post(CHAT, {"messages": HELLO, "stream": True}, headers={"X-Request-ID": request_id})
    [line] = raw.wait_until(lambda: [line for line in service.log.read_text().split("\n") if request_id in line])
    assert PLAIN.fullmatch(line)
    told = dict(word.split("=", 1) for word in line.split(" ")[3:])
    assert " ".join(told) == "id method path status model stream backend in out cached first_ms ms"
    assert (told["model"], told["stream"], told["in"]) == ("GigaChat-2-Max", "true", "19")


FORGED = "\n2026-01-01T00:00:00.000Z INFO request id=forged status=200"
STRANGE = [
    FORGED,
    FORGED.replace("\n", "\r\n"),
    FORGED.replace("\n", "\u2028"),
    FORGED.replace("\n", "\x85"),
    'a" cause="forged',
    '", "cause": "forged',
    "\x1b[2K\x1b[1Gid=forged",
    "\x00\x07\x08\x7f\x9b",
    "a\u202eb\u2066c",
    "модель 1",
    "\U000e0001",
]


@pytest.mark.parametrize("form", ["plain", "json"])
def test_clients_cannot_forge_lines(service: Service, logging: Service, form: str) -> None:
    used = service if form == "plain" else logging
    before = len(used.log.read_text())
    for strange in STRANGE:
        body = {"model": strange, "messages": HELLO}
        used.post(CHAT, body, headers={"Authorization": "Bearer marker-key"})
        used.get("/" + "".join(f"%{byte:02x}" for byte in strange.encode()))
        header = b"X-Request-ID: " + strange.encode().translate(None, b"\r\n\0")
        raw.exchange(used.port, "/v1/models", header, method="GET")
    expected = 3 * len(STRANGE)
    raw.wait_until(lambda: used.log.read_text()[before:].count("\n") >= expected)
    written = used.log.read_text()[before:]
    lines = written.splitlines()
    assert len(lines) == written.count("\n") and all(line.isprintable() for line in lines)
    # gunicorn refuses control characters in headers by itself.
    told = [line for line in lines if re.search(r'(INFO request |"message":"request",")id"?[=:]"?\w{32}\b', line)]
    refused = [line for line in lines if re.search(r'(WARNING |"message":")Invalid request from ip=127.0.0.1', line)]
    assert len(told) + len(refused) == expected and len(refused) == 2
    if form == "json":
        assert all("forged" not in entry.get("cause", "") for entry in map(json.loads, lines))


def faults(service: Service, sandbox: SandboxServer) -> None:
    """Whatever goes wrong with a prompt, an answer and a key."""
    marked = [{"role": "user", "content": "marker-prompt"}]
    broken: list[dict[str, Any]] = [
        {"text": "marker-answer"},
        {"text": "marker-answer in pieces", "cut_after": 2},
        {"frames": ["marker-answer {"]},
        {"frames": [{"choices": "marker-answer"}]},
        {"frames": [{"choices": [{"delta": {"content": ["marker-answer"]}, "index": 0}]}]},
        {"answer": {"choices": [{"message": {"content": {"marker": "marker-answer"}, "role": 1}}]}},
        {"answer": "marker-answer"},
        {"answer": {"choices": []}},
        {"call": {"name": "marker-answer", "arguments": {"a": "marker-answer"}}},
        {"status": 422},
        {"status": 500, "times": 2},
        {"status": 429, "times": 2},
        {"status": 502, "body": "<html>marker-answer</html>", "times": 2},
        {"fault": "reset", "times": 2},
    ]
    with service.client(api_key="marker-key") as client:
        for step in broken:
            for stream in (False, True):
                sandbox.state.reset()
                sandbox.state.script(step)
                try:
                    answer = client.chat.completions.create(model="GigaChat", messages=marked, stream=stream)
                    if stream:
                        list(answer)
                except openai.APIError:
                    pass
    sandbox.state.reset()
    headers = {"Authorization": "Bearer marker-key"}
    for data in (b'{"marker-prompt', b'["marker-prompt"]', b'{"messages": "marker-prompt"}', b"marker-prompt\xff"):
        assert service.request("POST", CHAT, headers=headers, data=data).status_code == 400
    service.post(CHAT, {"messages": [{"role": "marker-prompt"}], "stop": {"marker-prompt": 1}}, headers=headers)
    for line in (
        b"Authorization Bearer marker-key",
        b"X-Api-Key: marker-key\1",
        b"A: b\r\n marker-key",
        b"a(marker): b",
    ):
        assert raw.exchange(service.port, CHAT, line).status == 400
    with raw.connect(service.port) as connection:
        connection.sendall(b"GET /marker-key HTTP/9.9\r\nA: b\r\n\r\n")
        assert raw.answer(connection).status == 400
    for wrong in ("Bearer marker-wrong-key", "Basic marker-key", "marker-key"):
        service.get("/v1/models?key=marker-key", headers={"Authorization": wrong})


LOUD = "import logging; logging.basicConfig(level=logging.DEBUG)"


def test_nothing_private_is_told(start_service: Callable[..., Service], sandbox: SandboxServer, tmp_path: Path) -> None:
    """Not even with every library as talkative as it can be."""
    (tmp_path / "sitecustomize.py").write_text(LOUD)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    loud = start_service(
        PYTHONPATH=path, GPT2GIGA_API_KEY="marker-key", GPT2GIGA_MAX_RETRIES="1", GIGACHAT_RETRY_BACKOFF_FACTOR="0"
    )
    faults(loud, sandbox)
    sandbox.state.settings.credentials = "bm90OnlvdXJz"
    sandbox.state.revoke_tokens()
    assert loud.post(CHAT, {"messages": HELLO}, headers={"Authorization": "Bearer marker-key"}).status_code == 401
    log = loud.log.read_text()
    assert "request" in log and "DEBUG" in log
    assert "marker" not in log.replace(CHAT, "")
    assert sandbox.credentials not in log and "Bearer" not in log
    for request in sandbox.state.requests():
        authorization = request["headers"]["authorization"].partition(" ")[2]
        assert authorization and authorization not in log


@pytest.mark.parametrize("form", ["plain", "json"])
def test_prompts_and_answers_on_request(contrary: Service, curt: Service, sandbox: SandboxServer, form: str) -> None:
    telling = contrary if form == "plain" else curt
    for stream in (False, True):
        sandbox.state.script({"text": "Раз\nдва\u2028три"})
        telling.post(CHAT, {"messages": HELLO, "stream": stream})
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    sandbox.state.script({"call": {"name": "weather", "arguments": {"city": "Омск"}}})
    telling.post(CHAT, {"messages": HELLO, "tools": [tool]})
    lines = raw.wait_until(lambda: found if len(found := telling.log.read_text().splitlines()) == 3 else None)
    assert all("Привет!" in line for line in lines)
    assert all(re.search(r"Раз\\+nдва\\+u2028три", line) for line in lines[:2])
    assert re.search(r'weather\({\\+"city\\+":\\+"Омск\\+"}\)', lines[2])


def fail(text: str) -> Iterator[Event]:
    yield TextDelta(text)
    try:
        raise ValueError(text)
    except ValueError as error:
        raise KeyError(text) from error


@pytest.mark.parametrize("form", ["plain", "json"])
@pytest.mark.parametrize("content", [False, True])
def test_a_failure_of_our_own(form: str, content: bool) -> None:
    """Where it happened; with what only on request."""
    with pytest.raises(KeyError) as caught:
        list(fail(FORGED))
    failure = (caught.type, caught.value, caught.tb)
    entry = LogRecord("gpt2giga", ERROR, __file__, 1, "Unexpected failure", (), failure)
    first, *rest = handler(ServerSettings(log_format=form, log_content=content)).format(entry).splitlines()
    assert all(line.startswith("    ") for line in rest) and bool(rest) == (form == "plain")
    told = "\n".join([first, *rest])
    assert "in fail" in told and "ValueError" in told and told.index("ValueError") < told.rindex("KeyError")
    assert ("forged" in told) == content


def test_a_body_that_is_nested_too_deeply_to_be_written(curt: Service) -> None:
    deep = b'{"messages": [{"role": "user", "content": "a"}], "metadata": ' + b"[" * 600 + b"]" * 600 + b"}"
    assert curt.post("/v1/chat/completions", data=deep).status_code == 400
    raw.wait_until(lambda: '"status":400' in curt.log.read_text())
    assert "Traceback" not in curt.log.read_text()
