"""X-Session-ID: which requests GigaChat is told to belong together."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from gpt2giga.chat import ChatRequest, Message, Text
from gpt2giga.config.account import AccountSettings
from gpt2giga.config.limits import LimitSettings
from gpt2giga.config.settings import ServerSettings, TranslationSettings
from gpt2giga.upstream.client import Upstream
from gpt2giga.upstream.fact_book import FactBook
from gpt2giga_sandbox.server import SandboxServer
from tests.asking import new
from tests.service import Service

CHAT = "/v1/chat/completions"
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def sessions(sandbox: SandboxServer, path: str = "/chat/completions") -> list[str | None]:
    return [request["headers"].get("x-session-id") for request in sandbox.state.requests(path)]


def ask(service: Service, headers: Any = None, **body: Any) -> Any:
    response = service.post(CHAT, {"messages": [user("Раз")], **body}, headers=headers)
    assert response.status_code == 200, response.text
    return response.json() if not body.get("stream") else None


@STREAMED
def test_the_turns_of_a_conversation_share_one(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    system = {"role": "system", "content": "Кратко."}
    turns = [system, user("Раз"), {"role": "assistant", "content": "Два"}, user("Три")]
    ask(service, messages=turns[:2], stream=stream)
    ask(service, messages=turns, stream=stream)
    first, second = sessions(sandbox)
    assert first == second and uuid.UUID(first)


def test_and_its_prompt_is_cached(service: Service) -> None:
    text = user(uuid.uuid4().hex + " слово" * 50)
    cached = [ask(service, messages=[text])["usage"]["prompt_tokens_details"]["cached_tokens"] for _ in range(2)]
    assert cached[0] == 0 and cached[1] > 0


def test_other_conversations_have_others(service: Service, sandbox: SandboxServer) -> None:
    for messages in ([user("Раз")], [user("Два")], [{"role": "system", "content": "Кратко."}, user("Раз")]):
        ask(service, messages=messages)
    assert len(set(sessions(sandbox))) == 3


@pytest.mark.parametrize("word", ["user", "prompt_cache_key"])
def test_the_clients_word(service: Service, sandbox: SandboxServer, word: str) -> None:
    ask(service, **{word: "Аня"})
    ask(service, **{word: "Аня"}, messages=[user("Другое")])
    ask(service, **{word: "Боря"})
    first, second, other = sessions(sandbox)
    assert first == second != other
    assert "Аня" not in str(sandbox.state.requests()), "people's names are not sent"


def test_the_cache_key_wins_over_the_user(service: Service, sandbox: SandboxServer) -> None:
    ask(service, prompt_cache_key="a", user="b")
    ask(service, prompt_cache_key="a", user="c")
    ask(service, user="b")
    first, second, other = sessions(sandbox)
    assert first == second != other


@STREAMED
def test_the_header_wins(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    ask(service, headers={"X-Session-ID": "mine-1"}, user="Аня", stream=stream)
    ask(service, headers={"X-Session-ID": "no good: \t/"}, stream=stream)
    first, second = sessions(sandbox)
    assert first == "mine-1" and uuid.UUID(second)


def test_switched_off(curt: Service, sandbox: SandboxServer) -> None:
    ask(curt, headers={"X-Session-ID": "mine-1"}, user="Аня")
    ask(curt, headers={"X-Session-ID": "mine-1"}, stream=True)
    assert sessions(sandbox) == [None, None]


def test_several_choices_and_repairs_share_one(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз."}, {"text": "{}"}, {"text": "{}"})
    ask(service, n=2, response_format={"type": "json_object"})
    assert len(sessions(sandbox)) == 3 and len(set(sessions(sandbox))) == 1


def test_nothing_of_it_reaches_the_next_request_of_a_connection(service: Service, sandbox: SandboxServer) -> None:
    """Behind nginx that request is somebody else's."""
    with requests.Session() as connection:
        for stream in (False, True):
            body = {"messages": [user("Раз")], "user": "Аня", "stream": stream}
            connection.post(service.url + CHAT, json=body, timeout=30).raise_for_status()
            given = {"input": new("ping")}
            connection.post(service.url + "/v1/embeddings", json=given, timeout=30).raise_for_status()
            connection.get(service.url + "/v1/files", timeout=30).raise_for_status()
    assert sessions(sandbox, "/embeddings") == sessions(sandbox, "/files") == [None, None]


def test_requests_at_the_same_time(contrary: Service, sandbox: SandboxServer) -> None:
    names = [f"client-{number}" for number in range(24)]

    def one(name: str) -> None:
        ask(contrary, headers={"X-Session-ID": name}, messages=[user(name)], stream=name.endswith(("1", "3", "5")))

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(one, names * 3))
    _check_not_mixed(sandbox, len(names) * 3)


def test_threads_at_the_same_time(sandbox: SandboxServer) -> None:
    """As under WSGI servers without gevent."""
    account = AccountSettings(base_url=sandbox.base_url, auth_url=sandbox.auth_url, credentials=sandbox.credentials)
    upstream = Upstream(
        account, LimitSettings(max_concurrency=0), TranslationSettings(), ServerSettings(), FactBook(None, "sandbox")
    )
    together = threading.Barrier(12)

    def one(number: int) -> None:
        chat = ChatRequest("GigaChat", (Message("user", (Text(f"thread-{number}"),)),), session=f"thread-{number}")
        together.wait()
        for _ in range(3):
            upstream.complete(chat)
            list(upstream.answer(chat, stream=True))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(one, range(12)))
    upstream.close()
    _check_not_mixed(sandbox, 12 * 6)


def _check_not_mixed(sandbox: SandboxServer, count: int) -> None:
    found = sandbox.state.requests("/chat/completions")
    assert len(found) == count
    for request in found:
        assert request["json"]["messages"][0]["content"] == request["headers"]["x-session-id"]
