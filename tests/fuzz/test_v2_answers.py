"""GigaChat's answers on v2 make no sense: they are read, or refused as unreadable or as GigaChat's own failure.

FUZZ_ANSWERS=3000 FUZZ_SEED=1 take fifty times so many spoilt answers, others with another seed.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from gpt2giga import bounded_json
from gpt2giga.chat import Event
from gpt2giga.config.variables import parse
from gpt2giga.errors import UpstreamError
from gpt2giga.factory import create_app
from gpt2giga.upstream.contract import v2
from gpt2giga.upstream.contract.answers import Unreadable
from gpt2giga.upstream.contract.tool_names import ToolNames
from gpt2giga_sandbox.server import SandboxServer
from tests.fuzz.spoiling import all_spoils, Spoil, spoil

NAMES = ToolNames(["weather"])
STATE_ID = "77d3fb14-457a-46ba-937e-8d856156d003"
HEAD = {"model": "GigaChat-3-Ultra", "created_at": 1}
USAGE = {"input_tokens": 3, "input_tokens_details": {"prompt_tokens": 3, "cached_tokens": 1}, "output_tokens": 2}
DONE = {"finish_reason": "stop", "usage": USAGE}
SOURCES = {"images": [], "sources": {"1": {"url": "https://a.ru", "title": "A"}, "2": {"url": "https://b.ru"}}}
EXECUTION = {"id": "", "name": "web_search", "status": "success", "seconds_left": 1, "censored": False}
CALLS = [
    {"function_call": {"id": STATE_ID, "name": "weather", "arguments": {"city": "Омск", "days": [1, {"a": None}]}}},
    {"function_call": {"name": "weather", "arguments": '{"city": "Томск"}'}},
]
PARTS = [
    {"tool_execution": EXECUTION},
    {"files": [{"id": "a", "mime": "image/jpeg", "target": "image"}]},
    {"text": "Раз [sources=[1,2]] assistant <think>так</think>", "inline_data": SOURCES},
    {"reasoning_content": "Думаю"},
]


def message(*parts: Any, role: str = "assistant", **rest: Any) -> dict[str, Any]:
    return {"role": role, "content": [*parts], **rest}


WHOLE = (
    {**HEAD, "messages": [message({"text": "Думаю"}, role="reasoning"), message(*PARTS)], **DONE},
    {**HEAD, "messages": [message(*CALLS, tool_state_id=STATE_ID, finish_reason="function_call")], **DONE},
    {**HEAD, "error_details": {"status": 500, "message": "Нет"}, "finish_reason": "error"},
)
STREAM = (
    {**HEAD, "messages": [message(PARTS[0])], "tool_execution": EXECUTION},
    {**HEAD, "messages": [message({"inline_data": SOURCES})]},
    {**HEAD, "messages": [message({"text": "Раз [sources=[1,"})]},
    {**HEAD, "messages": [message({"text": " 2]] \ud83d"}, reasoning_content="Думаю")]},
    {**HEAD, "messages": [message({"text": "\ude00."}, *CALLS)]},
    {**HEAD, "messages": [message(*CALLS, tool_state_id=STATE_ID)], **DONE},
)


def check_events(events: list[Event]) -> None:
    """They can be written."""
    for event in events:
        orjson.dumps({name: value for name, value in asdict(event).items() if not isinstance(value, bytes)})


def read_whole(found: Spoil, document: Any) -> None:
    try:
        answer = bounded_json.read_json(spoil(document, found).encode("utf-8", "surrogatepass"), 100_000)
    except (ValueError, bounded_json.TooManyValues):
        return
    with suppress(Unreadable, UpstreamError):
        check_events(v2.from_completion(answer, NAMES))


def read_stream(found: Spoil, spoilt: int) -> None:
    answer = v2.StreamedAnswer(NAMES)
    for number, document in enumerate(STREAM):
        text = spoil(document, found) if number == spoilt else json.dumps(document)
        event = b"event: response.tool.completed\n" if number == 0 else b""
        check_events(answer.feed(b"%bdata: %b\n\n" % (event, text.encode("utf-8", "surrogatepass"))))
        if answer.failure:
            assert isinstance(answer.failure, Unreadable | UpstreamError)
            return
    with suppress(UpstreamError):
        check_events(answer.end())


def test_spoilt_answers() -> None:
    """Every place with every value, as far as there is time."""
    count, seed = 50 * int(os.environ.get("FUZZ_ANSWERS", "60")), int(os.environ.get("FUZZ_SEED", "1"))
    whole = [(found, document) for document in WHOLE for found in all_spoils(document)]
    streamed = [(found, number) for number, document in enumerate(STREAM) for found in all_spoils(document)]
    chosen = random.Random(seed)
    for found, document in chosen.sample(whole, min(count, len(whole))):
        read_whole(found, document)
    for found, number in chosen.sample(streamed, min(count, len(streamed))):
        read_stream(found, number)


HELLO = [{"role": "user", "content": "Привет!"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "weather", "parameters": SCHEMA}
# Path, and body.
READERS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"messages": HELLO, "tools": [{"type": "function", "function": FUNCTION}]}),
    ("/v1/responses", {"input": HELLO, "tools": [{"type": "web_search"}, {"type": "image_generation"}]}),
    ("/api/chat", {"messages": HELLO, "tools": [{"type": "function", "function": FUNCTION}]}),
    (
        "/v1/messages",
        {
            "messages": HELLO,
            "max_tokens": 9,
            "tools": [
                {"name": "weather", "input_schema": SCHEMA},
                {"type": "web_search_20250305", "name": "web_search"},
            ],
        },
    ),
]


@pytest.fixture
def client(sandbox: SandboxServer, tmp_path: Path) -> Iterator[FlaskClient]:
    sandbox.state.settings.character = sandbox.state.settings.character.changed("tolerant")
    server = {"GIGACHAT_BASE_URL": sandbox.base_url, "GIGACHAT_AUTH_URL": sandbox.auth_url}
    folders = {"GPT2GIGA_RUNTIME_DIR": str(tmp_path), "GPT2GIGA_STATE_DIR": str(tmp_path)}
    known = {"GIGACHAT_CREDENTIALS": sandbox.credentials, "GPT2GIGA_GIGACHAT_API_MODE": "v2"}
    app = create_app(parse({**server, **folders, **known, "GPT2GIGA_MAX_RETRIES": "0", "GPT2GIGA_OLLAMA": "True"}))
    yield app.test_client()
    app.extensions["accounts"].close()


def test_spoilt_answers_in_each_api(
    client: FlaskClient, sandbox: SandboxServer, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A whole answer, or an error in the words of the API."""
    count, seed = int(os.environ.get("FUZZ_ANSWERS", "60")), int(os.environ.get("FUZZ_SEED", "1"))
    whole = [(found, document) for document in WHOLE for found in all_spoils(document)]
    streamed = [(found, number) for number, document in enumerate(STREAM) for found in all_spoils(document)]
    chosen = random.Random(seed)
    for found, document in chosen.sample(whole, count // 2):
        check(client, sandbox, found, {"answer": found_in(spoil(document, found))})
    for found, spoilt in chosen.sample(streamed, count // 2):
        texts = [spoil(document, found) if n == spoilt else json.dumps(document) for n, document in enumerate(STREAM)]
        check(client, sandbox, found, {"frames": [f"data: {text}\n\n" for text in texts]})
    assert "Unexpected failure" not in capfd.readouterr().err + caplog.text


def found_in(text: str) -> Any:
    """Text that is no JSON goes up as JSON of a text, which is no answer either."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def check(client: FlaskClient, sandbox: SandboxServer, found: Spoil, step: dict[str, Any]) -> None:
    for path, body in READERS:
        sandbox.state.script({**step, "times": 3})
        response = client.post(path, json={**body, "stream": "frames" in step})
        told = (found[0], found[1][:40], path, response.status_code, response.text[-500:])
        # Anthropic's word for nonsense is a 500.
        assert response.status_code in (*range(200, 500), 502) or "/messages" in path, told
        assert "failed unexpectedly" not in response.text, told
        assert response.mimetype in ("text/event-stream", "application/x-ndjson") or response.get_json(), told
        response.close()
        while sandbox.state.take("chat"):
            pass
