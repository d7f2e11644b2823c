"""Keys that `gpt2giga keys` makes, while the service runs: who comes in, what is refused and in which words."""

from __future__ import annotations

import contextlib
import io
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from flask import Flask, g
from flask.testing import FlaskClient

from gpt2giga.config.settings import SettingsError
from gpt2giga.config.speech import SALUTESPEECH
from gpt2giga.config.store import KEYS_MARK
from gpt2giga.config.variables import check, parse
from gpt2giga.store import keys
from gpt2giga.store.database import Database
from gpt2giga.store.key_store import KeyStore
from gpt2giga.store.keys import Rights, StoredKey
from gpt2giga.store.spending import DAY, MINUTE
from gpt2giga.store.sqlite import FILE, SQLiteFile
from gpt2giga.upstream.caller import Priority
from gpt2giga_sandbox.server import SandboxServer
from tests.recordings import at_salutespeech
from tests.service import NO_ROOTS, Service
from tests.sockets import eventually, HELLO
from tests.spans import wait_for_room

CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100}
NO_LIMITS = Rights()


class Book:
    """The keys of a state folder, as the command changes them. service: one that runs there and is to know them."""

    def __init__(self, folder: Path, service: Service | None = None) -> None:
        self.folder, self._service = folder, service
        self.store = KeyStore(Database(SQLiteFile(folder / FILE)), folder / KEYS_MARK)

    def add(self, name: str, rights: Rights = NO_LIMITS) -> str:
        if rights.tokens_per_day or rights.tokens_per_month:
            wait_for_room(DAY, 100)  # within the last minute clients would wait instead
        if rights.requests_per_minute:
            wait_for_room(MINUTE, 15)
        secret = keys.new_secret()
        self.store.add(lambda connection: keys.add(connection, name, secret, rights))
        assert self._service is None or eventually(lambda: self._opens(secret))
        return secret

    def _opens(self, secret: str) -> bool:
        assert self._service is not None
        return self._service.get("/v1/models", headers={"x-api-key": secret}).status_code == 200

    def change(self, change: Callable[..., StoredKey], *arguments: Any) -> None:
        self.store.database.do(lambda connection: change(connection, *arguments))


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    book = Book(tmp_path)
    yield book
    book.store.database.close()


@pytest.fixture
def live(guarded: Service) -> Iterator[Book]:
    """Of a running service, which has three keys in GPT2GIGA_API_KEY too."""
    book = Book(guarded.folder / "state", guarded)
    yield book
    book.store.clear()
    book.store.database.close()


def ask(client: FlaskClient, key: str = "", path: str = CHAT, **body: Any) -> Any:
    """The answer is over when it is returned."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with client.post(path, json={"messages": HELLO, **body}, headers=headers) as answer:
        answer.get_data()
        return answer


def look(client: FlaskClient, key: str = "", path: str = "/v1/models") -> Any:
    with client.get(path, headers={"Authorization": f"Bearer {key}"} if key else {}) as answer:
        answer.get_data()
        return answer


def code(answer: Any) -> tuple[int, str | None]:
    return answer.status_code, (answer.json.get("error") or {}).get("code")


def test_it_asks_from_the_first_key_on(app_with: Callable[..., Flask], book: Book, sandbox: SandboxServer) -> None:
    """And goes on doing so when that one is revoked."""
    client = app_with().test_client()
    assert ask(client).status_code == 200
    key = book.add("ann")
    assert eventually(lambda: ask(client).status_code == 401)
    assert ask(client, key).status_code == 200
    assert client.get("/openapi.json").json["security"] == [{"bearer": []}, {"x-api-key": []}]  # type: ignore[index]
    book.change(keys.revoke, "ann")
    assert eventually(lambda: code(ask(client, key)) == (401, "invalid_api_key"))
    assert "revoked" in ask(client, key).json["error"]["message"]
    assert ask(client).status_code == 401
    book.store.clear()
    assert eventually(lambda: ask(client).status_code == 200)


@pytest.mark.parametrize("harm", ["gone", "broken", "emptied"])
def test_a_database_that_is_lost_opens_the_service_to_nobody(
    app_with: Callable[..., Flask], book: Book, harm: str
) -> None:
    key = book.add("ann", Rights(tokens_per_day=1000))
    running = app_with().test_client()
    assert ask(running, key).status_code == 200
    book.store.database.close()
    for path in book.folder.glob(f"{FILE}*"):
        path.unlink()
    if harm == "broken":
        (book.folder / FILE).write_bytes(b"nothing of the kind" * 1000)
    if harm == "emptied":
        sqlite3.connect(book.folder / FILE).close()
    assert eventually(lambda: code(ask(running, "made-up")) == (503, "store_unavailable"))
    assert ask(running, key).status_code == 200
    fresh = app_with().test_client()
    for shown in ("", key, "made-up"):
        assert code(ask(fresh, shown)) == (503, "store_unavailable")
    refused = ask(fresh, key, "/v1/messages", max_tokens=9)
    assert (refused.status_code, refused.json["error"]["type"]) == (529, "overloaded_error")
    book.store.clear()
    assert eventually(lambda: ask(fresh).status_code == 200)


def test_a_backup_of_the_database_alone_is_enough(app_with: Callable[..., Flask], book: Book) -> None:
    key = book.add("ann")
    (book.folder / KEYS_MARK).unlink()
    client = app_with().test_client()
    assert (ask(client).status_code, ask(client, key).status_code) == (401, 200)
    assert (book.folder / KEYS_MARK).exists()


def test_where_others_can_reach_it(app_with: Callable[..., Flask], book: Book, at_sandbox: dict[str, str]) -> None:
    """It starts with keys of the store alone, and answers nobody when they are cleared."""
    public = {**at_sandbox, "GPT2GIGA_HOST": "0.0.0.0"}
    with pytest.raises(SettingsError, match="gpt2giga keys add"):
        check(parse(public))
    key = book.add("ann")
    check(parse(public))
    client = app_with(GPT2GIGA_HOST="0.0.0.0").test_client()
    assert (ask(client).status_code, ask(client, key).status_code) == (401, 200)
    book.store.clear()
    assert eventually(lambda: code(ask(client, key)) == (403, "no_key_configured"))


def test_the_key_that_sees_all_may_be_one_of_these(
    app_with: Callable[..., Flask], book: Book, at_sandbox: dict[str, str]
) -> None:
    admin = {**at_sandbox, "GPT2GIGA_ADMIN_KEY": "boss"}
    with pytest.raises(SettingsError, match="'boss'"):
        check(parse(admin))
    boss, ann = book.add("boss"), book.add("ann")
    check(parse(admin))
    client = app_with(GPT2GIGA_ADMIN_KEY="boss", GPT2GIGA_METRICS="True").test_client()
    assert ask(client, ann).status_code == 200
    assert look(client, boss, "/ui/usage").json["key"] is None
    told = look(client, ann, "/ui/usage").json
    assert told["key"] == "ann" and [row["key"] for row in told["keys"]] == ["ann"]
    assert 'gpt2giga_key_requests_total{key="ann",status="200"}' in look(client, boss, "/metrics").text
    others = look(client, ann, "/metrics").text
    assert "gpt2giga_key_" not in others and "gpt2giga_requests_total" in others


def test_models_of_a_key(app_with: Callable[..., Flask], book: Book, sandbox: SandboxServer) -> None:
    """All others are not there for it, in any way of asking; aliases and letters of either case mean the same."""
    key = book.add("ann", Rights(models=("gigachat-2-lite", "EmbeddingsGigaR")))
    client = app_with(GPT2GIGA_MODEL_ALIASES="gpt-4o=GigaChat-2,gpt-5=GigaChat-2-Max").test_client()
    listed = {model["id"] for model in look(client, key).json["data"]}
    assert {"GigaChat-2", "gpt-4o", "EmbeddingsGigaR"} <= listed and not {"GigaChat-2-Max", "gpt-5"} & listed
    assert {model["model_name"] for model in look(client, key, "/model/info").json["data"]} <= listed
    assert look(client, key, "/v1/models/gpt-4o").status_code == 200
    assert code(look(client, key, "/v1/models/gpt-5")) == (404, "model_not_found")
    for model in ("GigaChat-2", "gpt-4o", "GIGACHAT-2"):
        assert ask(client, key, model=model).status_code == 200
    for model in ("GigaChat-2-Max", "gpt-5", "made-up"):
        refused = ask(client, key, model=model, stream=True)
        assert code(refused) == (404, "model_not_found") and "'ann'" in refused.json["error"]["message"]
    assert code(ask(client, key)) == (404, "model_not_found")  # the default one
    assert code(ask(client, key, "/v1/responses", input="Раз", model="GigaChat-2-Max")) == (404, "model_not_found")
    assert code(ask(client, key, "/v1/images/generations", prompt="Кот")) == (404, "model_not_found")
    assert ask(client, key, "/v1/messages", max_tokens=9, model="gpt-5").json["error"]["type"] == "not_found_error"
    assert code(ask(client, key, "/v1/embeddings", input="а", model="Embeddings")) == (404, "model_not_found")
    assert ask(client, key, "/v1/embeddings", input="а").status_code == 200
    assert code(ask(client, key, "/v1/moderations", input="а")) == (404, "model_not_found")
    assert len(sandbox.state.chats()) == 3


def test_who_hears_and_speaks_for_a_key(app_with: Callable[..., Flask], book: Book, sandbox: SandboxServer) -> None:
    """The first of its models that takes recordings; SaluteSpeech, which is paid for too, only where it is named."""
    client = app_with(**at_salutespeech(sandbox)).test_client()
    pro, light, all_of_it = (
        book.add(name, Rights(models=models))
        for name, models in (("ann", ("GigaChat-2-Pro", SALUTESPEECH)), ("bob", ("GigaChat-2",)), ("eve", ()))
    )

    def hear(key: str, **fields: str) -> Any:
        data = {"file": (io.BytesIO(b"OggS"), "a.ogg"), **fields}
        return client.post("/v1/audio/transcriptions", data=data, headers={"x-api-key": key})

    speech = {"input": "Раз", "response_format": "pcm"}
    for key, model in ((pro, "GigaChat-2-Pro"), (all_of_it, "GigaChat-2-Max")):
        assert hear(key, model="whisper-1").status_code == 200
        assert sandbox.state.chats()[-1]["model"] == model
        assert hear(key, response_format="srt").status_code == 200
        assert ask(client, key, "/v1/audio/speech", **speech).status_code == 200
    for refused in (
        hear(light, model="whisper-1"),
        hear(light, response_format="srt"),
        hear(light, model=SALUTESPEECH),
        ask(client, light, "/v1/audio/speech", **speech),
    ):
        assert code(refused) == (404, "model_not_found")


def test_salutespeech_is_a_model_too(app_with: Callable[..., Flask], book: Book, sandbox: SandboxServer) -> None:
    """It costs money of its own: a key that may use some models only has to name it."""
    chats = book.add("ann", Rights(models=("GigaChat-2",)))
    speaks = book.add("bob", Rights(models=("GigaChat-2", "SaluteSpeech")))
    client = app_with(**at_salutespeech(sandbox)).test_client()
    speech = {"model": "tts-1", "voice": "alloy", "input": "Раз", "response_format": "wav"}
    by_name, by_times = {"model": "salutespeech"}, {"model": "whisper-1", "response_format": "srt"}

    def transcribe(key: str, form: dict[str, str]) -> Any:
        data = {**form, "file": (io.BytesIO(b"OggS voice"), "voice.ogg", "audio/ogg")}
        return client.post("/v1/audio/transcriptions", data=data, headers={"Authorization": f"Bearer {key}"})

    refused = [ask(client, chats, "/v1/audio/speech", **speech), *(transcribe(chats, f) for f in (by_name, by_times))]
    assert [code(answer) for answer in refused] == [(404, "model_not_found")] * 3
    assert not sandbox.state.requests("/text:synthesize") and not sandbox.state.requests("/speech:recognize")
    taken = [ask(client, speaks, "/v1/audio/speech", **speech), *(transcribe(speaks, f) for f in (by_name, by_times))]
    assert [answer.status_code for answer in taken] == [200] * 3


def test_the_place_in_line(app_with: Callable[..., Flask], book: Book) -> None:
    """A header asks for it, up to what the key has."""
    keys_of = {name: book.add(name, Rights(priority=name)) for name in ("low", "high")} | {"": book.add("none")}
    app = app_with()
    client = app.test_client()
    for name, key in keys_of.items():
        for asked in ("", "low", "Normal", "high"):
            headers = {"Authorization": f"Bearer {key}", **({"X-Gpt2giga-Priority": asked} if asked else {})}
            with client:
                assert client.post(CHAT, json={"messages": HELLO}, headers=headers).status_code == 200
                priority = g.exchange.priority
            wanted = [Priority[word.upper()] for word in (name, asked) if word]
            assert priority == (max(wanted) if wanted else None)
    for asked in ("first", "batch"):
        with client.post(CHAT, json={"messages": HELLO}, headers={**headers, "X-Gpt2giga-Priority": asked}) as answer:
            assert code(answer) == (400, "invalid_value")


def test_what_was_made_stays_its_keys(app_with: Callable[..., Flask], book: Book) -> None:
    """After a rotation too, and who moves here with the key he had keeps what he had."""
    secret = "a-key-of-the-environment-1"
    before = app_with(GPT2GIGA_API_KEY=f"ann:{secret},bob:another-key-of-his").test_client()
    made = ask(before, secret, "/v1/responses", input="Раз", model="GigaChat").json["id"]
    book.store.add(lambda connection: keys.add(connection, "ann", secret, NO_LIMITS))
    book.change(keys.rotate, "ann", "another-secret-of-hers", 0)
    eve, client = book.add("eve"), app_with().test_client()
    assert look(client, "another-secret-of-hers", f"/v1/responses/{made}").status_code == 200
    assert look(client, eve, f"/v1/responses/{made}").status_code == 404


def used_up(sandbox: SandboxServer, guarded: Service, live: Book) -> str:
    key = live.add("ann", Rights(tokens_per_day=50))
    sandbox.state.script({"usage": USAGE})
    assert guarded.post(CHAT, {"messages": HELLO}, headers={"x-api-key": key}).status_code == 200
    assert eventually(lambda: guarded.post(CHAT, {"messages": HELLO}, headers={"x-api-key": key}).status_code == 429)
    return key


WORDS = "The limit of the key 'ann' is 50 tokens per day"


def test_sdks_show_the_words_of_a_used_up_key_and_do_not_ask_again(
    guarded: Service, sandbox: SandboxServer, live: Book
) -> None:
    key = used_up(sandbox, guarded, live)
    asked = len(sandbox.state.chats())
    log = guarded.log.read_text().count("key=ann cause=insufficient_quota")
    with guarded.client(key, max_retries=3) as client, pytest.raises(openai.RateLimitError, match=WORDS) as caught:
        client.chat.completions.create(model="GigaChat", messages=HELLO, stream=True)  # type: ignore[call-overload]
    error = caught.value
    assert (error.code, error.type) == ("insufficient_quota", "rate_limit_error")
    assert error.response.headers["x-should-retry"] == "false"
    assert 60 < int(error.response.headers["Retry-After"]) <= 86400
    http = anthropic.DefaultHttpxClient(verify=NO_ROOTS)
    with (
        anthropic.Anthropic(base_url=guarded.url, api_key=key, max_retries=3, http_client=http) as claude,
        pytest.raises(anthropic.RateLimitError, match=WORDS),
    ):
        claude.messages.create(model="GigaChat", max_tokens=9, messages=HELLO)  # type: ignore[arg-type]
    assert len(sandbox.state.chats()) == asked
    assert eventually(lambda: guarded.log.read_text().count("key=ann cause=insufficient_quota") == log + 2)


def test_every_answer_of_a_limited_key_tells_what_is_left(guarded: Service, sandbox: SandboxServer, live: Book) -> None:
    limited = {"Authorization": f"Bearer {live.add('bob', Rights(requests_per_minute=100, tokens_per_month=10**6))}"}
    free = {"Authorization": f"Bearer {live.add('eve')}"}
    for method, path, body in (
        ("GET", "/v1/models", None),
        ("GET", "/v1/nothing", None),
        ("POST", CHAT, {"messages": HELLO}),
        ("POST", CHAT, {"messages": HELLO, "stream": True}),
        ("POST", CHAT, {"messages": 1}),
        ("POST", "/v1/messages", {"messages": HELLO, "max_tokens": 9}),
    ):
        told = guarded.request(method, path, json=body, headers=limited).headers
        assert told["x-ratelimit-limit-requests"] == "100" and told["x-ratelimit-limit-tokens"] == "1000000"
        assert told["x-ratelimit-reset-requests"] and told["x-ratelimit-reset-tokens"].endswith("s")
        for headers in (free, {"Authorization": "Bearer first-key"}, {"Authorization": "Bearer wrong"}):
            assert "ratelimit" not in str(guarded.request(method, path, json=body, headers=headers).headers)


def test_what_gigachat_told_counts_however_the_answer_ends(
    guarded: Service, sandbox: SandboxServer, live: Book
) -> None:
    """Streams, embeddings, pictures; and one whose client leaves after it was told."""
    key = live.add("ann", Rights(tokens_per_day=10**6))
    headers = {"Authorization": f"Bearer {key}"}
    [found] = live.store.database.do(keys.keys)

    def spent() -> int:
        with contextlib.closing(sqlite3.connect(live.folder / FILE)) as connection:
            query = "SELECT spent FROM client_key_spending WHERE key = ? AND span = 'day'"
            return int((connection.execute(query, [found.id]).fetchone() or [0])[0])

    sandbox.state.script({"usage": USAGE}, {"usage": USAGE})
    assert guarded.post(CHAT, {"messages": HELLO}, headers=headers).status_code == 200
    assert eventually(lambda: spent() == 100)
    assert guarded.post(CHAT, {"messages": HELLO, "stream": True}, headers=headers).status_code == 200
    assert eventually(lambda: spent() == 200)
    assert guarded.post("/v1/embeddings", {"input": "слово"}, headers=headers).status_code == 200
    assert eventually(lambda: spent() > 200)
    before = spent()
    assert guarded.post("/v1/images/generations", {"prompt": "Кот"}, headers=headers).status_code == 200
    assert eventually(lambda: spent() > before)
