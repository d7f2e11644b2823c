"""What a request's line says of the client's key and of the wait, and which requests have none by default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from logging import Handler, LogRecord
from typing import Any

import pytest
from flask import Flask

from gpt2giga.config.settings import Settings
from gpt2giga.telemetry import request_log
from gpt2giga_sandbox.server import SandboxServer
from tests import raw
from tests.store.test_usage import over

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Привет!"}]


class Told(Handler):
    """The fields of each request's line, and how important it is."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def emit(self, entry: LogRecord) -> None:
        self.lines.append((entry.levelname, entry.fields))  # type: ignore[attr-defined]

    def fields(self) -> dict[str, Any]:
        """Of the last."""
        return self.lines[-1][1]


@pytest.fixture
def told() -> Iterator[Told]:
    """Of applications in this process."""
    told = Told()
    request_log.log.addHandler(told)
    yield told
    request_log.log.removeHandler(told)


KEY_NAMES = [
    ("one-key-alone", {"one-key-alone": None}),
    ("alice:of-alice-1,plain-key", {"of-alice-1": "alice", "plain-key": "key-2"}),
    ("alice:of-alice-1,alice:of-alice-2", {"of-alice-1": "alice", "of-alice-2": "alice"}),
    ("only:this-is-it", {"this-is-it": "only", "only:this-is-it": "key-1"}),
    ("first,team:12345678", {"12345678": "team", "team:12345678": "key-2", "first": "key-1"}),
    ("a b:12345678,ключ:12345678", {"a b:12345678": "key-1", "ключ:12345678": "key-2"}),
    ("x:1234567,y", {"x:1234567": "key-1"}),
]


@pytest.mark.parametrize("setting, names", KEY_NAMES, ids=lambda given: given if isinstance(given, str) else "")
def test_the_clients_key_by_its_name(
    app_with: Callable[..., Flask], told: Told, setting: str, names: dict[str, str | None]
) -> None:
    """What was a key before keys had names stays one, and nothing of it is told: not what stands before its colon."""
    client = app_with(GPT2GIGA_API_KEY=setting).test_client()

    def status(key: str) -> int:
        shown = f"Bearer {key}".encode().decode("latin-1")
        with client.get("/v1/models", headers={"Authorization": shown}) as answer:
            return answer.status_code

    for key, name in names.items():
        assert status(key) == 200
        assert told.fields().get("key") == name
    for wrong in ("1234567", "1", "alice", "team", "alice:", setting + "1"):
        assert status(wrong) == 401
        assert "key" not in told.fields()


@pytest.mark.parametrize("stream", [False, True])
def test_the_wait_for_a_slot(app_with: Callable[..., Flask], sandbox: SandboxServer, told: Told, stream: bool) -> None:
    """Told of the one that waited."""
    app = app_with(GPT2GIGA_MAX_CONCURRENCY="1")
    sandbox.state.script({"text": "Да.", "delay": 0.3, "times": 2})

    def ask(_: int) -> None:
        with app.test_client().post(CHAT, json={"messages": HELLO, "stream": stream}) as answer:
            assert answer.status_code == 200 and answer.data

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ask, range(2)))
    first, second = sorted((fields for _, fields in told.lines), key=lambda fields: fields.get("queue_ms", 0))
    assert "queue_ms" not in first and 0 < second["queue_ms"] < second["ms"]


@pytest.mark.parametrize(
    "path, body", [("/v1/embeddings", {"input": "a"}), ("/v1/images/generations", {"prompt": "a"})]
)
def test_the_wait_of_others(
    app_with: Callable[..., Flask], sandbox: SandboxServer, told: Told, path: str, body: dict[str, str]
) -> None:
    app = app_with(GPT2GIGA_MAX_CONCURRENCY="1")
    sandbox.state.settings.hold_after = 1
    with ThreadPoolExecutor(2) as pool:
        chat = pool.submit(lambda: app.test_client().post(CHAT, json={"messages": HELLO, "stream": True}).data)
        assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
        other = pool.submit(lambda: app.test_client().post(path, json=body).close())
        raw.wait_until(lambda: app.extensions["accounts"].own.slots.waiting)
        sandbox.state.settings.hold_after = None
        assert chat.result()
        other.result()
    [fields] = [fields for _, fields in told.lines if fields["path"] == path]
    assert fields["status"] == 200 and 0 < fields["queue_ms"] < fields["ms"]


def test_a_wait_in_vain(app_with: Callable[..., Flask], sandbox: SandboxServer, told: Told) -> None:
    app = app_with(GPT2GIGA_MAX_CONCURRENCY="1", GPT2GIGA_QUEUE_TIMEOUT="0.1")
    sandbox.state.settings.hold_after = 1
    with ThreadPoolExecutor(1) as pool:
        chat = pool.submit(lambda: app.test_client().post(CHAT, json={"messages": HELLO, "stream": True}).data)
        assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
        for path, body in ((CHAT, {"messages": HELLO}), ("/v1/embeddings", {"input": "a"})):
            with app.test_client().post(path, json=body) as answer:
                assert answer.status_code == 429
            assert told.fields()["cause"] == "rate_limit_exceeded" and told.fields()["queue_ms"] > 0
        sandbox.state.settings.hold_after = None
        assert chat.result()


def test_requests_of_machines_are_quiet(app_with: Callable[..., Flask], told: Told) -> None:
    """As long as they go well: somebody may guess keys there."""
    app = app_with(GPT2GIGA_METRICS="True", GPT2GIGA_LOG_LEVEL="debug")
    client, names = app.test_client(), ("health", "ui", "metrics")
    rules = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.removeprefix("v1_").startswith(names)}
    assert len(rules) > 10
    for path in [*(rule.replace("<path:name>", "page.js") for rule in rules), "/favicon.ico"]:
        client.get(path).close()
        assert (told.lines[-1][0], told.fields()["path"]) == ("DEBUG", path)
    for path in ("/v1/models", "/nothing", "/v1/nothing", "/ui/nothing.js", "/ui/usage?days=x"):
        client.get(path).close()
        assert told.lines[-1][0] == "INFO"


def test_a_probe_that_fails_is_told(app_with: Callable[..., Flask], sandbox: SandboxServer, told: Told) -> None:
    sandbox.state.settings.credentials = "bm90OnlvdXJz"
    app_with().test_client().get("/ready").close()
    [(level, fields)] = told.lines
    assert (level, fields["status"]) == ("INFO", 503)


def test_what_is_not_shown_is_not_made(app_with: Callable[..., Flask], told: Told) -> None:
    client = app_with(GPT2GIGA_LOG_LEVEL="warning").test_client()
    client.get("/v1/models").close()
    assert told.lines == []


def test_whose_account_answered(app_with: Callable[..., Flask], told: Told) -> None:
    """Where there is only one, everybody knows."""
    accounts = app_with().extensions["accounts"]
    log = request_log.RequestLog(Settings(), accounts)
    for are_several, account in ((False, None), (True, "2")):
        accounts.are_several = are_several
        exchange = over()
        exchange.answered_by("2", "GigaChat-2-Max")
        log.write(exchange)
        assert told.fields().get("account") == account and "answered_by" not in told.fields()
