"""What a request has taken is given back, also when the server does not take its response."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from flask import Response

from gpt2giga.config.variables import parse
from gpt2giga.factory import create_app
from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service
from tests.sockets import eventually, HELLO
from tests.threads import Threads

PICKY = """
from wsgi import application as inner

def application(environ, start_response):
    def refuse(*_):
        raise ValueError("not these headers")
    return inner(environ, refuse if environ["QUERY_STRING"] == "refuse" else start_response)
"""


class Picky(Threads):
    application = "picky:application"


@pytest.fixture(scope="module")
def shared_picky(shared_sandbox: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("picky")
    (folder / "picky.py").write_text(PICKY)
    with Picky(folder, shared_sandbox, GPT2GIGA_MAX_OPEN_REQUESTS="2") as service:
        yield service


@pytest.fixture
def picky(shared_picky: Service, sandbox: SandboxServer) -> Service:
    shared_picky.log.start_here()
    return shared_picky


@pytest.mark.parametrize("stream", [True, False])
def test_a_response_that_the_server_refuses_is_closed(picky: Service, sandbox: SandboxServer, stream: bool) -> None:
    body = {"model": "GigaChat", "messages": HELLO, "stream": stream}
    for _ in range(3):
        sandbox.state.script({"text": "Раз два три", "hang_after": 1} if stream else {})
        assert picky.post("/v1/chat/completions?refuse", body).status_code == 500
        assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0, timeout=5)
    assert picky.post("/v1/chat/completions", body).status_code == 200

    def statuses() -> list[str]:
        lines = [line for line in picky.log.read_text().splitlines() if "path=/v1/chat" in line]
        return [line.split("status=")[1][:3] for line in lines]

    assert eventually(lambda: len(statuses()) >= 4) and statuses() == ["500", "500", "500", "200"]


def test_a_response_that_was_sent_does_not_wait_for_the_garbage_collector() -> None:
    """It may hold megabytes."""
    app = create_app(parse({"GIGACHAT_CREDENTIALS": "YTpi"}))
    sent: list[weakref.ref[Response]] = []

    @app.after_request
    def remember(response: Response) -> Response:
        sent.append(weakref.ref(response))
        return response

    gc.disable()
    try:
        assert app.test_client().get("/health").status_code == 200
        assert [response() for response in sent] == [None]
    finally:
        gc.enable()


def test_words_of_a_client_in_a_header(service: Service) -> None:
    include = ["ж", "a\nSet-Cookie: b", "x" * 5000]
    response = service.post("/v1/responses", {"model": "GigaChat", "input": "Привет!", "include": include})
    assert response.status_code == 200 and "Set-Cookie" not in response.headers
    told = response.headers["X-Gpt2giga-Ignored"]
    assert told.startswith(r"include.\u0436, include.a\nSet-Cookie: b, include.xxx") and len(told) == 1000
