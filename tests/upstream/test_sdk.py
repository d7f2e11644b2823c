"""The SDK's client with our token handling, in threads; tests/test_tokens.py has it in the service."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from gpt2giga.concurrency.waiting import run_to_end
from gpt2giga.config.variables import parse
from gpt2giga.upstream.contract.answers import Unreadable
from gpt2giga.upstream.transport import access_token, http
from gpt2giga.upstream.transport.access_token import TokenFailure
from gpt2giga.upstream.transport.failures import to_proxy_error
from gpt2giga.upstream.transport.http import StatusError
from gpt2giga.upstream.transport.sdk import GigaChatClient
from gpt2giga_sandbox.server import SandboxServer
from tests.sockets import early_refusal, eventually, full_server, silent_server

CHAT = {"model": "GigaChat", "messages": [{"role": "user", "content": "Привет"}]}
MANY = 30
ROOT = Path(__file__).parents[2]


@pytest.fixture
def make(sandbox: SandboxServer) -> Iterator[Callable[..., GigaChatClient]]:
    with ExitStack() as stack:

        def make(**changes: str) -> GigaChatClient:
            settings = {
                "GIGACHAT_BASE_URL": sandbox.base_url,
                "GIGACHAT_AUTH_URL": sandbox.auth_url,
                "GIGACHAT_CREDENTIALS": sandbox.credentials,
                **changes,
            }
            found = parse(settings)
            return stack.enter_context(closing(GigaChatClient(found.account, limits=found.limits)))

        yield make


def complete(client: GigaChatClient, **changes: str) -> Any:
    with closing(run_to_end(client.open_chat({**CHAT, **changes}))) as response:
        response.read()
        return response.json()


def streamed(client: GigaChatClient) -> bytes:
    with closing(run_to_end(client.open_chat({**CHAT}, stream=True))) as response:
        return response.read()


def at_once(call: Callable[[], object], count: int = MANY) -> list[object]:
    """The result of each, or the exception it raised."""
    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(call) for _ in range(count)]
    return [future.exception() or future.result() for future in futures]


def test_one_token_for_all(make, sandbox: SandboxServer) -> None:
    client = make()
    assert all("choices" in answer for answer in at_once(lambda: complete(client)))
    assert sandbox.state.counters.token_requests == 1


def test_one_renewal_after_a_revocation_in_mid_flight(make, sandbox: SandboxServer) -> None:
    """Late 401s meet a token that another request has renewed already."""
    client = make()
    client.get_token()
    sandbox.state.revoke_tokens()
    assert all("choices" in answer for answer in at_once(lambda: complete(client)))
    assert sandbox.state.counters.token_requests == 2


def test_a_late_401_does_not_throw_the_new_token_away(make, sandbox: SandboxServer) -> None:
    client = make()
    sent_by_the_late_one = client.get_token()
    sandbox.state.revoke_tokens()
    assert complete(client)
    assert client._tokens.reject(sent_by_the_late_one)
    complete(client)
    assert sandbox.state.counters.token_requests == 2


def test_an_ended_token_is_renewed_before_it_is_sent(make, sandbox: SandboxServer) -> None:
    sandbox.state.settings.token_lifetime = 61.5
    client = make()
    complete(client)
    expires_at = client.get_token().expires_at
    assert eventually(lambda: expires_at < (time.time() + 60) * 1000)
    assert all("choices" in answer for answer in at_once(lambda: complete(client)))
    assert sandbox.state.counters.token_requests == 2
    assert not [request for request in sandbox.state.requests() if request["status"] == 401]


@pytest.mark.parametrize("expires_at", [1, int(time.time()), int(time.time() * 1000)], ids=["clock", "seconds", "now"])
def test_a_wrong_clock_does_not_cost_a_token_for_each_request(make, sandbox: SandboxServer, expires_at: int) -> None:
    token = sandbox.state.issue_token()[0]
    sandbox.state.script({"route": "oauth", "answer": {"access_token": token, "expires_at": expires_at}})
    client = make()
    for _ in range(3):
        complete(client)
    assert sandbox.state.counters.token_requests == 1
    sandbox.state.revoke_tokens()
    complete(client)
    assert sandbox.state.counters.token_requests == 2


UNUSABLE = ["", "a b", "a\nb", "a\r\nX-Admin: yes", "ключ", "a\0", "\u2028", "a\t"]


@pytest.mark.parametrize("token", UNUSABLE, ids=ascii)
@pytest.mark.parametrize("way", ["key", "password"])
def test_an_unusable_token_is_not_kept(make, sandbox: SandboxServer, token: str, way: str) -> None:
    """No request could be sent with it, so no 401 would ever renew it."""
    far = int(time.time() * 1000) * 2
    answers = {"key": {"access_token": token, "expires_at": far}, "password": {"tok": token, "exp": far}}
    sandbox.state.script({"route": "oauth", "answer": answers[way]})
    password = {"GIGACHAT_CREDENTIALS": "", "GIGACHAT_USER": "user", "GIGACHAT_PASSWORD": "password"}
    client = make(**(password if way == "password" else {}))
    with pytest.raises(TokenFailure) as caught:
        complete(client)
    error = to_proxy_error(caught.value)
    assert (error.status, error.code) == (502, "upstream_error") and "no header takes" in error.message
    assert complete(client)["choices"]


@pytest.mark.parametrize("expires_at", [10**13, 2**53], ids=["2286", "the largest"])
def test_no_token_is_kept_for_longer_than_a_day(
    make, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, expires_at: int
) -> None:
    token = sandbox.state.issue_token()[0]
    sandbox.state.script({"route": "oauth", "answer": {"access_token": token, "expires_at": expires_at}})
    client = make()
    complete(client)
    complete(client)
    assert sandbox.state.counters.token_requests == 1
    tomorrow = time.time() + 86_400
    monkeypatch.setattr(access_token.time, "time", lambda: tomorrow)
    client.get_token()
    assert sandbox.state.counters.token_requests == 2


def test_who_waited_for_a_failure_fails_with_it(make, sandbox: SandboxServer) -> None:
    """Not one after another, each after a time limit of its own; and the next one tries again."""
    sandbox.state.script({"route": "oauth", "status": 500, "delay": 0.5})
    client = make()
    started = time.monotonic()
    failures = at_once(lambda: complete(client))
    assert time.monotonic() - started < 3
    assert [type(failure) for failure in failures] == [TokenFailure] * MANY
    assert sandbox.state.counters.token_requests == 1
    assert complete(client)["choices"]


def test_who_meets_a_renewal_with_a_401_waits_for_it_and_fails_with_it(make, sandbox: SandboxServer) -> None:
    client = make()
    client.get_token()
    sandbox.state.revoke_tokens()
    sandbox.state.script({"route": "oauth", "status": 500, "delay": 0.5})
    failures = at_once(lambda: complete(client))
    assert [type(failure) for failure in failures] == [TokenFailure] * MANY
    assert sandbox.state.counters.token_requests == 2


def test_a_hanging_oauth_costs_its_time_limit_once(make) -> None:
    with silent_server() as port:
        client = make(GIGACHAT_AUTH_URL=f"http://127.0.0.1:{port}/oauth", GIGACHAT_TIMEOUT="0.5")
        started = time.monotonic()
        failures = at_once(lambda: complete(client))
        assert {type(failure.__cause__) for failure in failures} == {httpx.ReadTimeout}  # type: ignore[attr-defined]
        assert time.monotonic() - started < 2


def test_a_password_has_the_time_limit_of_oauth(make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of a long answer."""
    monkeypatch.setattr("gpt2giga.upstream.transport.login.SECONDS", 0.3)
    with silent_server() as port:
        base = f"http://127.0.0.1:{port}/api/v1"
        client = make(GIGACHAT_CREDENTIALS="", GIGACHAT_USER="u", GIGACHAT_PASSWORD="p", GIGACHAT_BASE_URL=base)
        started = time.monotonic()
        with pytest.raises(TokenFailure):
            complete(client)
        assert time.monotonic() - started < 5


def test_user_and_password(make, sandbox: SandboxServer) -> None:
    sandbox.state.settings.user, sandbox.state.settings.password = "u", "p"
    client = make(GIGACHAT_CREDENTIALS="", GIGACHAT_USER="u", GIGACHAT_PASSWORD="p")
    assert complete(client)["choices"]
    sandbox.state.revoke_tokens()
    assert all("choices" in answer for answer in at_once(lambda: complete(client)))
    assert sandbox.state.counters.token_requests == 2


def test_a_static_token_is_not_renewed(make, sandbox: SandboxServer) -> None:
    client = make(GIGACHAT_CREDENTIALS="", GIGACHAT_ACCESS_TOKEN=sandbox.state.issue_token()[0])
    assert complete(client)["choices"]
    sandbox.state.revoke_tokens()
    with pytest.raises(StatusError) as caught:
        complete(client)
    assert caught.value.status_code == 401
    assert sandbox.state.counters.token_requests == 0


def test_connecting_has_its_own_time_limit(make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpt2giga.upstream.transport.sdk.CONNECT_TIMEOUT", 0.2)
    with full_server() as port:
        client = make(GIGACHAT_BASE_URL=f"http://127.0.0.1:{port}/api/v1", GIGACHAT_TIMEOUT="60")
        with pytest.raises(httpx.ConnectTimeout):
            complete(client)


def test_a_short_time_limit_holds_for_connecting_too(make) -> None:
    with full_server() as port:
        client = make(GIGACHAT_BASE_URL=f"http://127.0.0.1:{port}/api/v1", GIGACHAT_TIMEOUT="0.2")
        started = time.monotonic()
        with pytest.raises(httpx.ConnectTimeout):
            complete(client)
        assert time.monotonic() - started < 5


def test_connections_are_kept_and_limited(make, sandbox: SandboxServer) -> None:
    client = make(GIGACHAT_MAX_CONNECTIONS="1", GPT2GIGA_QUEUE_TIMEOUT="0.2")
    response = run_to_end(client.open_chat({**CHAT}, stream=True))
    with pytest.raises(httpx.PoolTimeout):
        complete(client)
    response.close()
    assert complete(client)["choices"]


@pytest.mark.parametrize(
    "step", [{"status": 500}, {"cut_after": 1}, {"reset_after": 1}, {"fault": "reset"}, {"answer": [1]}], ids=str
)
def test_no_failure_costs_a_connection(make, sandbox: SandboxServer, step: dict[str, object]) -> None:
    client = make(GIGACHAT_MAX_CONNECTIONS="1", GPT2GIGA_QUEUE_TIMEOUT="2")
    for _ in range(3):
        sandbox.state.script(step)
        with pytest.raises((httpx.HTTPError, StatusError)):
            streamed(client)
    assert complete(client)["choices"]
    assert streamed(client)


def test_the_sdk_does_not_read_the_environment(make, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its class parses lists as JSON, and takes the service's own token for an account that a client brings."""
    monkeypatch.setenv("GIGACHAT_RETRY_ON_STATUS_CODES", "429,500")
    monkeypatch.setenv("GIGACHAT_ACCESS_TOKEN", "the service's own")
    client = make()
    assert complete(client)["choices"]
    assert sandbox.state.counters.token_requests == 1
    assert client.get_token().value != "the service's own"


def test_an_answer_before_the_request_is_whole_is_read(make: Callable[..., GigaChatClient]) -> None:
    """GigaChat's front refuses a body that is too large while it is still coming, and ends the connection."""
    with early_refusal() as url:
        client = make(GIGACHAT_BASE_URL=url)
        with pytest.raises(StatusError) as caught:
            complete(client, user="x" * 30_000_000)
    assert caught.value.status_code == 413


def test_a_look_up_waits_less_than_an_answer(make, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or probes would pile up behind a list of models that does not come."""
    monkeypatch.setattr(http, "LOOK_UP_SECONDS", 0.2)
    client = make()
    sandbox.state.script({"route": "models", "delay": 30}, {"delay": 1})
    with pytest.raises(httpx.ReadTimeout):
        client.get_models()
    assert complete(client)


def test_what_the_sdks_models_refuse_is_an_unreadable_answer(make: Any, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "models", "answer": {"object": "list", "data": [{"id": 1}]}})
    with pytest.raises(Unreadable):
        make().get_models()


def test_the_sdk_is_not_loaded_before_it_is_needed() -> None:
    """Half of the time that a process takes to start."""
    program = "import gpt2giga.factory, sys; sys.exit('gigachat' in sys.modules or 'pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0
