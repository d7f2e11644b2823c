"""nginx in front of the service, as shipped: over TCP, a unix socket and TLS."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from gpt2giga_sandbox.server import SandboxServer
from tests.deploy.nginx import Nginx
from tests.deploy.running import children, in_background, Visitors
from tests.deploy.streams import ask, stream, streams
from tests.service import free_port
from tests.sockets import eventually

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
WORDS = " ".join(map(str, range(18)))
MIB = 1024 * 1024


@pytest.fixture(params=["gpt2giga.conf", "gpt2giga-unix.conf", "gpt2giga-tls.conf"])
def behind(request: pytest.FixtureRequest, start_service, start_nginx, public: Path) -> Callable[..., tuple]:
    """The service and nginx in front of it."""

    def start(**settings: str) -> tuple:
        if "unix" in request.param:
            address = f"unix:{public}/gpt2giga.sock"
            settings |= {"GPT2GIGA_HOST": address, "GPT2GIGA_TRUSTED_PROXIES": "unix"}
        settings |= {"GPT2GIGA_MAX_CONCURRENCY": "0", "GPT2GIGA_ALLOW_ANONYMOUS": "True"}
        service = start_service(**{"GPT2GIGA_TRUSTED_PROXIES": "127.0.0.1", **settings})
        upstream = address if "unix" in request.param else f"127.0.0.1:{service.port}"
        return service, start_nginx(request.param, upstream)

    return start


def test_streams_come_through_as_they_are_sent(behind, sandbox: SandboxServer) -> None:
    _, nginx = behind()
    sandbox.state.script({"text": WORDS, "frame_delay": 0.4, "times": 50})
    answers = streams(nginx.place, 50)
    assert all(answer.finished and answer.text == WORDS for answer in answers)
    gaps = sorted(answer.largest_gap for answer in answers)
    first = max(answer.times[0] for answer in answers)
    print(f"first piece within {first:.2f} s, largest gap at a pace of 0.4 s: {gaps[25]:.2f} to {gaps[-1]:.2f} s")
    assert all(answer.times[-1] - answer.times[0] > 1.5 and len(answer.times) > 4 for answer in answers)
    assert "Content-Encoding" not in answers[0].head


def test_addresses_and_ids_are_believed_from_nginx_only(behind, sandbox: SandboxServer) -> None:
    service, nginx = behind()
    forged = "X-Forwarded-For: 6.6.6.6\r\n"
    far = replace(nginx.place, source="127.0.0.2", headers=forged + "X-Request-ID: through-nginx\r\n")
    assert ask(far, "/v1/models").status == 200
    entry = logged(service, "id=through-nginx")
    assert "client=127.0.0.2 " in entry, "the address that nginx saw, not what the client says of itself"
    if nginx.variant == "gpt2giga.conf":
        past = replace(
            nginx.place, port=service.port, source="127.0.0.2", headers=forged + "X-Request-ID: past-nginx\r\n"
        )
        answer = ask(past, "/v1/models")
        assert answer.status == 200 and "past-nginx" not in answer.head
        assert "client=127.0.0.2 " in logged(service, re.search("X-Request-ID: (.*)\r", answer.head)[1])
    made_up = re.search(r"X-Request-ID: (\w+)\r", ask(replace(nginx.place, headers=""), "/v1/models").head, re.I)
    assert f"id={made_up[1]}" in logged(service, made_up[1])


def logged(service, words: str) -> str:
    def found() -> list[str]:
        return [line + " " for line in service.log.read_text().splitlines() if words in line]

    assert eventually(found), service.log.read_text()
    return found()[0]


def test_a_hang_up_reaches_gigachat(behind, sandbox: SandboxServer) -> None:
    import asyncio

    _, nginx = behind()
    sandbox.state.script({"text": WORDS, "hang_after": 1})

    async def leave() -> float:
        task = asyncio.ensure_future(stream(nginx.place))
        assert await asyncio.to_thread(sandbox.state.wait_for, lambda counters: counters.open_streams == 1, 20)
        task.cancel()
        left = time.time()
        await asyncio.wait([task])
        return left

    left = asyncio.run(leave())
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1, 10)
    print(f"noticed after {sandbox.state.counters.aborted_at[0] - left:.2f} s, GigaChat being silent")


def test_too_large(behind) -> None:
    """Up to its own limit the service answers itself, beyond 64 MiB nginx does."""
    _, nginx = behind()
    for size, whose in (33 * MIB, "GPT2GIGA_MAX_BODY"), (65 * MIB, "client_max_body_size"):
        response = requests.post(f"{nginx.url}/v1/chat/completions", data=b" " * size, timeout=30, verify=False)
        assert response.status_code == 413 and whose in response.json()["error"]["message"]
        assert response.json()["error"]["code"] == "request_too_large"


def test_reload_behind_nginx_loses_nothing(behind, sandbox: SandboxServer) -> None:
    service, nginx = behind()
    sandbox.state.script({"text": WORDS, "frame_delay": 0.7, "times": 20})
    with Visitors(nginx.url, verify=False) as visitors:
        answers = in_background(nginx.place, 20)
        assert sandbox.state.wait_for(lambda counters: counters.open_streams == 20)
        former = children(service.process.pid)
        service.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: set(children(service.process.pid)) - set(former)) and visitors.more(100)
        assert all(answer.finished for answer in answers.result(30))
    assert visitors.failures == []


@pytest.mark.parametrize("variant", ["gpt2giga.conf", "gpt2giga-unix.conf"])
def test_down(start_nginx, public: Path, variant: str) -> None:
    nginx: Nginx = start_nginx(variant, f"unix:{public}/none.sock" if "unix" in variant else f"127.0.0.1:{free_port()}")
    answer = ask(nginx.place, stream=True)
    assert answer.status == 503 and "Retry-After: 5\r\n" in answer.head and "Server: nginx\r\n" in answer.head
    assert "Content-Type: application/json" in answer.head
    error = json.loads(answer.body)["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["code"] == "service_unavailable"


def test_slow(start_nginx, start_service, sandbox: SandboxServer) -> None:
    service = start_service()
    nginx = start_nginx(
        "gpt2giga.conf", f"127.0.0.1:{service.port}", ("proxy_read_timeout 900s", "proxy_read_timeout 1s")
    )
    sandbox.state.script({"delay": 5})
    answer = ask(nginx.place, model="GigaChat-2")
    assert answer.status == 504 and json.loads(answer.body)["error"]["code"] == "timeout"


def test_the_services_own_errors_pass(start_nginx, start_service, sandbox: SandboxServer) -> None:
    service = start_service(GPT2GIGA_MAX_RETRIES="0")
    nginx = start_nginx("gpt2giga.conf", f"127.0.0.1:{service.port}")
    sandbox.state.script({"status": 503, "headers": {"Retry-After": "7"}})
    response = requests.post(f"{nginx.url}/v1/chat/completions", json={"messages": []}, timeout=10)
    assert response.status_code == 400
    response = requests.post(
        f"{nginx.url}/v1/chat/completions", json={"messages": [{"role": "user", "content": "a"}]}, timeout=10
    )
    assert response.status_code == 503 and response.json()["error"]["code"] == "upstream_unavailable"
    assert response.headers["Retry-After"] == "7"


def test_plain_http_is_sent_to_tls(start_nginx) -> None:
    nginx = start_nginx("gpt2giga-tls.conf", f"127.0.0.1:{free_port()}")
    response = requests.get(f"http://127.0.0.1:{nginx.plain_port}/v1/models", allow_redirects=False, timeout=5)
    assert response.headers["Server"] == "nginx"
    assert response.status_code == 308 and response.headers["Location"] == "https://127.0.0.1/v1/models"
