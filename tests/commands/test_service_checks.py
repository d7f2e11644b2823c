"""What the doctor says of the running service and of what stands before it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from werkzeug.serving import make_server

from gpt2giga.commands.report import Finding, Report
from gpt2giga.commands.service_checks import ServiceChecks
from gpt2giga.commands.stream_timing import StreamTiming
from gpt2giga.config.variables import parse
from gpt2giga_sandbox.server import SandboxServer
from tests.commands.holding import Between
from tests.service import free_port, Service

QUESTION = {"messages": [{"role": "user", "content": "Считай."}], "stream": True}
SLOWLY = {"text": "раз два три четыре пять шесть семь восемь девять десять", "frame_delay": 0.05}

Examine = Callable[..., dict[str, Finding]]


@pytest.fixture
def examine(sandbox: SandboxServer) -> Iterator[Examine]:
    def examine(url: str, moments: int = 0, **settings: str) -> dict[str, Finding]:
        report = Report(as_json=True)
        base = {"GIGACHAT_BASE_URL": sandbox.base_url}
        read = parse({**base, **settings})
        checks = ServiceChecks(url, read.server.first_key, read, QUESTION, StreamTiming(moments=moments))
        checks.run(report)
        checks.close()
        return {finding.name: finding for finding in report.findings}

    return examine


def failure(findings: dict[str, Finding]) -> tuple[str, str]:
    """Of the only one that failed: its name, and what was said."""
    [found] = [finding for finding in findings.values() if finding.status == "failed"]
    return found.name, found.detail


def test_a_stream_that_flows(examine: Examine, service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(SLOWLY)
    assert examine(service.url, moments=10)["flow"].detail.endswith("it flows")


def test_a_proxy_that_holds_it_back(examine: Examine, service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(SLOWLY)
    with Between(service.url) as url:
        name, said = failure(examine(url, moments=10))
    assert name == "flow" and "proxy_buffering off" in said


def test_a_proxy_that_packs(examine: Examine, service: Service) -> None:
    with Between(service.url, pack=True) as url:
        assert "packs it (gzip)" in failure(examine(url))[1]


def test_a_proxy_that_cuts(examine: Examine, service: Service) -> None:
    with Between(service.url, cut=20) as url:
        assert "ended before its time" in failure(examine(url))[1]


def test_a_proxy_that_drops_the_key(examine: Examine, guarded: Service) -> None:
    with Between(guarded.url, drop="authorization") as url:
        name, said = failure(examine(url, GPT2GIGA_API_KEY="first-key"))
    assert name == "access" and "header Authorization" in said
    assert "does not take the key" in failure(examine(guarded.url, GPT2GIGA_API_KEY="other"))[1]
    findings = examine(guarded.url)
    assert "these settings hold none" in failure(findings)[1]
    assert findings["flow"].detail == "not tried, since access failed"


@pytest.mark.parametrize("key", ["", "first-key"])
def test_a_service_whose_own_key_is_rejected(
    examine: Examine, app_with: Callable[..., Flask], sandbox: SandboxServer, key: str
) -> None:
    """Its list of models is not known yet, so GigaChat is asked for it."""
    sandbox.state.script({"route": "models", "status": 401, "times": 9})
    server = make_server("127.0.0.1", 0, app_with(GPT2GIGA_API_KEY=key), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    name, said = failure(examine(f"http://127.0.0.1:{server.port}", GPT2GIGA_API_KEY=key))
    server.shutdown()
    thread.join()
    server.server_close()
    sandbox.state.reset()
    assert name == "access" and said.startswith("GigaChat rejects the key that the service runs with")


def test_a_service_that_is_open(examine: Examine, service: Service) -> None:
    assert "lets everybody in" in failure(examine(service.url, GPT2GIGA_API_KEY="key"))[1]


def test_a_service_for_accounts_of_clients(examine: Examine, passing: Service) -> None:
    findings = examine(passing.url, GPT2GIGA_PASS_TOKEN="True")
    assert [finding.status for finding in findings.values()] == ["ok", "ok", "skipped"]


def test_nobody_there(examine: Examine) -> None:
    name, said = failure(examine(f"http://127.0.0.1:{free_port()}"))
    assert name == "service" and "start the service" in said
    assert "nothing answers" in failure(examine("http://"))[1]


def test_somebody_else_there(examine: Examine, sandbox: SandboxServer) -> None:
    assert "something else answers there" in failure(examine(sandbox.url))[1]


def test_a_refusal_is_told_in_its_words(examine: Examine, service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 402})
    assert "top up in Sber Studio" in failure(examine(service.url))[1]


def test_a_stream_that_fails(examine: Examine, service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "раз два три", "cut_after": 2})
    assert "closed the connection" in failure(examine(service.url))[1]


def test_other_settings(examine: Examine, service: Service) -> None:
    findings = examine(service.url, GIGACHAT_BASE_URL="https://api.giga.chat/v1")
    assert "it runs with others" in findings["service"].detail
