"""Requests that the service makes to itself for somebody who is not there any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask

from gpt2giga.store import keys
from gpt2giga.store.keys import Rights
from gpt2giga.upstream.caller import Priority
from gpt2giga.web.exchange import Exchange, tenant_of
from gpt2giga.web.on_behalf import OnBehalf, OWN_REQUEST, OwnRequest
from gpt2giga_sandbox.server import SandboxServer
from tests.sockets import HELLO
from tests.test_keys import Book, book, CHAT, USAGE  # noqa: F401  # a fixture

AppWith = Callable[..., Flask]


def ask(app: Flask, asker: OnBehalf, path: str = CHAT, **body: Any) -> tuple[int, Any, Exchange]:
    request = OwnRequest(asker)
    answer, content = request.send(app, path, orjson.dumps({"messages": HELLO, **body}))
    assert request.exchange and request.exchange.is_over and answer.request_id == request.exchange.id
    return answer.status, orjson.loads(content), request.exchange


def test_where_nobody_is_asked_for_a_key(
    app_with: AppWith, sandbox: SandboxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.state.script({"usage": USAGE})
    status, answer, exchange = ask(app_with(), OnBehalf("", "batch_1"))
    assert (status, answer["usage"]["total_tokens"]) == (200, 100)
    assert (exchange.tenant, exchange.client, exchange.usage and exchange.usage.prompt) == ("", "", 90)
    assert " path=/v1/chat/completions status=200 for=batch_1 " in capsys.readouterr().err


def test_an_error_is_the_same_as_everybodys(app_with: AppWith) -> None:
    status, answer, _ = ask(app_with(), OnBehalf("", "batch_1"), temperature="warm")
    assert (status, answer["error"]["param"]) == (400, "temperature")
    status, answer, _ = ask(app_with(), OnBehalf("", "batch_1"), "/v1/nothing")
    assert (status, answer["error"]["code"]) == (404, "unknown_url")


def test_a_stream_comes_in_pieces_and_can_be_left(app_with: AppWith) -> None:
    app = app_with()
    body = orjson.dumps({"messages": HELLO, "stream": True})
    request = OwnRequest(OnBehalf("", "resp_1"))
    answer = request.open(app, CHAT, body)
    with closing(answer.pieces) as pieces:  # type: ignore[type-var]
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert next(pieces).startswith(b"data: {") and request.exchange and not request.exchange.is_over
    assert request.exchange.is_over and request.exchange.outcome.name == "CLIENT_GONE"

    never_read = request.open(app, CHAT, body)
    never_read.pieces.close()  # type: ignore[attr-defined]
    assert request.exchange.is_over


@pytest.fixture
def asker_of(book: Book, app_with: AppWith) -> Iterator[Callable[..., OnBehalf]]:  # noqa: F811
    """Of somebody with such a key, as it was stored."""

    def asker_of(name: str, **rights: Any) -> OnBehalf:
        book.add(name, Rights(**rights))
        found = book.store.database.do(lambda connection: keys.find(connection, name))
        asker = OnBehalf(found.tenant, "batch_1", found.id, Priority.LOW)
        return OnBehalf.from_json(asker.to_json())

    yield asker_of


def test_the_key_counts_as_it_is_now(
    app_with: AppWith,
    book: Book,  # noqa: F811
    asker_of: Callable[..., OnBehalf],
    sandbox: SandboxServer,
) -> None:
    sandbox.state.script({"usage": USAGE})
    asker = asker_of("ann", tokens_per_day=50, models=("GigaChat-2",), priority="high")
    app = app_with()
    status, _, exchange = ask(app, asker, model="GigaChat-2")
    assert (status, exchange.key_name, exchange.tenant, exchange.priority) == (200, "ann", asker.tenant, Priority.LOW)
    status, answer, _ = ask(app, asker, model="GigaChat-2")
    assert (status, answer["error"]["code"]) == (429, "insufficient_quota")
    book.change(keys.change, "ann", {"tokens_per_day": None})
    app = app_with()
    assert ask(app, asker, model="GigaChat-2-Max")[1]["error"]["code"] == "model_not_found"
    book.change(keys.revoke, "ann")
    status, answer, _ = ask(app_with(), asker)
    assert (status, answer["error"]["message"]) == (401, "This API key was revoked.")


def test_a_secret_may_change_meanwhile(app_with: AppWith, book: Book, asker_of: Callable[..., OnBehalf]) -> None:  # noqa: F811
    asker = asker_of("bob")
    book.change(keys.rotate, "bob", keys.new_secret(), 0)
    assert ask(app_with(), asker)[0] == 200


def test_a_key_that_is_gone(app_with: AppWith, asker_of: Callable[..., OnBehalf]) -> None:
    asker_of("ann")
    status, answer, _ = ask(app_with(), OnBehalf("tenant", "batch_1", "no-such-id"))
    assert (status, answer["error"]["code"]) == (401, "invalid_api_key")
    assert "does not exist any more" in answer["error"]["message"]


def test_keys_of_the_settings(app_with: AppWith) -> None:
    app = app_with(GPT2GIGA_API_KEY="ann:secret-of-ann,bob:secret-of-bob")
    assert ask(app, OnBehalf(tenant_of("secret-of-bob"), "batch_1"))[2].key_name == "bob"
    assert ask(app, OnBehalf(tenant_of("ann:secret-of-ann"), "batch_1"))[0] == 200, "shown with its name"
    for other in ("", tenant_of("another")):
        status, answer, _ = ask(app, OnBehalf(other, "batch_1"))
        assert (status, answer["error"]["code"]) == (401, "invalid_api_key")


def test_while_the_keys_cannot_be_looked_up_it_is_to_be_tried_again(
    app_with: AppWith, tmp_path: Path, asker_of: Callable[..., OnBehalf]
) -> None:
    asker = asker_of("ann")
    for file in tmp_path.glob("gpt2giga.sqlite3*"):
        file.unlink()
    status, answer, _ = ask(app_with(), asker)
    assert (status, answer["error"]["code"]) == (503, "store_unavailable")


def test_an_account_of_the_client_is_not_kept(app_with: AppWith) -> None:
    status, answer, _ = ask(app_with(GPT2GIGA_PASS_TOKEN="True"), OnBehalf(tenant_of("giga-auth-x"), "batch_1"))
    assert status == 401 and "GPT2GIGA_PASS_TOKEN" in answer["error"]["message"]


def test_no_client_can_say_so(app_with: AppWith) -> None:
    """A header becomes HTTP_GPT2GIGA_OWN_REQUEST, whatever it is called."""
    client = app_with(GPT2GIGA_API_KEY="secret").test_client()
    answer = client.post(CHAT, json={"messages": HELLO}, headers={OWN_REQUEST: "x", "Gpt2giga-Own-Request": "x"})
    assert answer.status_code == 401
