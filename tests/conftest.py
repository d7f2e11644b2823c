"""Real parts only: the sandbox over sockets, the service as a process of gunicorn and gevent, real clients."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from openai import OpenAI

from gpt2giga.config.settings import ServerSettings
from gpt2giga.config.variables import parse
from gpt2giga.factory import create_app
from gpt2giga.telemetry import log_format
from gpt2giga_sandbox.server import SandboxServer
from tests.recordings import at_salutespeech
from tests.service import KEYS, OWN_ACCOUNT, Service, Services, STARTS
from tests.sockets import eventually

MOST_STARTS = 60
OURS = ("GPT2GIGA_", "GIGACHAT_", "SALUTESPEECH_", "SYSTEMD_", "OPENAI_", "ANTHROPIC_")
LOCALE = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
# The defaults, but that nobody waits half a second before a repetition.
QUICK = {"GIGACHAT_RETRY_BACKOFF_FACTOR": "0.05"}
CONTRARY = {
    **QUICK,
    "GPT2GIGA_BLACKLIST_FINISH_REASON": "content_filter",
    "GPT2GIGA_CHECK_CALLS": "False",
    "GPT2GIGA_CORS_ORIGINS": "*",
    "GPT2GIGA_DELETE_FILES": "True",
    "GPT2GIGA_EMBEDDINGS": "Embeddings",
    "GPT2GIGA_EMBEDDINGS_NORMALIZE": "True",
    "GPT2GIGA_EMBEDDINGS_OVERFLOW": "error",
    "GPT2GIGA_FALLBACK": "GigaChat-2-Max>GigaChat-2-Pro",
    "GPT2GIGA_FETCH_URLS": "False",
    "GPT2GIGA_HEARTBEAT": "0.1",
    "GPT2GIGA_IGNORE_HOSTED_TOOLS": "False",
    "GPT2GIGA_LOG_CONTENT": "True",
    "GPT2GIGA_MAX_CONCURRENCY": "0",
    "GPT2GIGA_MODEL_ALIASES": "ada=Embeddings-2,claude-test=GigaChat-2-Pro",
    "GPT2GIGA_OLLAMA": "True",
    "GPT2GIGA_SEND_STATE_ID": "True",
    "GPT2GIGA_STATE_DIR": "/dev/null/state",
    "GPT2GIGA_STRUCTURED_OUTPUT": "function",
    "GPT2GIGA_UI": "False",
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No settings, proxies or locale of the developer's shell, and no .env of the checkout; what a test sets ends with
    it."""
    before = dict(os.environ)
    for variable in [*os.environ]:
        if variable.startswith(OURS) or variable in ("WEB_CONCURRENCY", *LOCALE) or variable.lower().endswith("_proxy"):
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """A scripted step that no request took is a mistake of the test, or of the service."""
    # What an earlier test left in work must not be counted in this one.
    assert shared_sandbox.state.wait_for(lambda counters: counters.open_streams == 0, timeout=10)
    shared_sandbox.state.reset()
    yield shared_sandbox
    assert shared_sandbox.state.pending() == 0


@pytest.fixture
def at_sandbox(sandbox: SandboxServer, tmp_path: Path) -> dict[str, str]:
    """The variables of an account at the sandbox, as if it were GigaChat, with slots and state of its own."""
    return {
        "GIGACHAT_BASE_URL": sandbox.base_url,
        "GIGACHAT_AUTH_URL": sandbox.auth_url,
        "GIGACHAT_CREDENTIALS": sandbox.credentials,
        "GPT2GIGA_RUNTIME_DIR": str(tmp_path),
        "GPT2GIGA_STATE_DIR": str(tmp_path),
    }


@pytest.fixture
def app_with(at_sandbox: dict[str, str]) -> Iterator[Callable[..., Flask]]:
    """app_with(GPT2GIGA_X="...") for the application in this process, where nothing needs a server of its own."""
    with contextlib.ExitStack() as stack:
        stack.callback(log_format.configure, ServerSettings())  # the form and level of the log are the process's

        def app_with(**settings: str) -> Flask:
            app = create_app(parse(at_sandbox | settings))
            if database := app.extensions["usage"].database:
                stack.callback(database.close)  # when nobody uses it any more
            for part in ("admission", "accounts", "packages", "usage", "speech", "leases", "batches", "background"):
                if app.extensions[part]:
                    stack.callback(app.extensions[part].close)
            return app

        yield app_with


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    services = Services(tmp_path_factory.mktemp("services"))
    yield services
    services.stop()


@pytest.fixture
def service_with(services: Services, sandbox: SandboxServer) -> Callable[..., Service]:
    """service_with(GPT2GIGA_X="...") for a running service with these settings, which other tests use too."""
    used: set[Service] = set()

    def service_with(behind: SandboxServer = sandbox, **settings: str) -> Service:
        service = services.get(behind, **settings)
        if service not in used:
            service.log.start_here()
        used.add(service)
        return service

    return service_with


@pytest.fixture
def start_service(sandbox: SandboxServer, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """start_service(GPT2GIGA_X="...") for a service of the test's own, which it may stop or spoil."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Service(tmp_path, sandbox, **settings))


@pytest.fixture(scope="session")
def shared_service(services: Services, shared_sandbox: SandboxServer) -> Service:
    return services.get(shared_sandbox, **QUICK)


@pytest.fixture
def service(service_with: Callable[..., Service]) -> Service:
    """The service with default settings, in front of the sandbox."""
    return service_with(**QUICK)


@pytest.fixture
def without_batches(service: Service) -> None:
    """The service without the files of batches that other tests have left."""

    def delete_files() -> bool:
        found = [file["id"] for file in service.get("/v1/files?limit=10000").json()["data"]]
        kept = [file_id for file_id in found if file_id.startswith("file-")]
        return all(service.request("DELETE", f"/v1/files/{file_id}").status_code == 200 for file_id in kept)

    assert eventually(delete_files), "a batch still needs one"


@pytest.fixture
def guarded(service_with: Callable[..., Service]) -> Service:
    """It wants one of three keys, takes small bodies only, and lets the pages of two origins in."""
    origins = "https://app.example,HTTP://Localhost:3000/"
    return service_with(GPT2GIGA_API_KEY=KEYS, GPT2GIGA_MAX_BODY="1000", GPT2GIGA_CORS_ORIGINS=origins)


@pytest.fixture
def passing(service_with: Callable[..., Service]) -> Service:
    """Every client brings its own account, although the service has one."""
    return service_with(
        GPT2GIGA_PASS_TOKEN="True",
        GIGACHAT_CREDENTIALS=OWN_ACCOUNT,
        GIGACHAT_ACCESS_TOKEN="own-token",
        GIGACHAT_USER="own-user",
        GIGACHAT_PASSWORD="own-password",
        GPT2GIGA_QUEUE_TIMEOUT="0.2",
    )


@pytest.fixture
def contrary(service_with: Callable[..., Service], tiny_tokenizer: Path) -> Service:
    """Every setting that changes an answer is other than its default, and responses cannot be kept."""
    return service_with(**CONTRARY, GPT2GIGA_TOKENIZER_FILE=str(tiny_tokenizer))


@pytest.fixture(scope="session")
def tiny_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As small as can be: the bytes, and one word."""
    file = tmp_path_factory.mktemp("tokenizer") / "tiny.tiktoken"
    tokens = [*(bytes([byte]) for byte in range(256)), "Привет".encode()]
    file.write_text("".join(f"{base64.b64encode(token).decode()} {number}\n" for number, token in enumerate(tokens)))
    return file


@pytest.fixture
def curt(service_with: Callable[..., Service], sandbox: SandboxServer) -> Service:
    """A company's, which has SaluteSpeech and Ollama's API. It tries once, gives no signs of life, fetches nothing and
    tells GigaChat of no sessions; its log has what was said, as JSON."""
    return service_with(
        **at_salutespeech(sandbox),
        GIGACHAT_SCOPE="GIGACHAT_API_CORP",
        GPT2GIGA_FETCH_URLS="False",
        GPT2GIGA_HEARTBEAT="0",
        GPT2GIGA_LOG_CONTENT="True",
        GPT2GIGA_LOG_FORMAT="json",
        GPT2GIGA_MAX_RETRIES="0",
        GPT2GIGA_OLLAMA="True",
        GPT2GIGA_SESSION_ID="off",
    )


@pytest.fixture
def small(service_with: Callable[..., Service]) -> Iterator[Service]:
    """All limits are low. Whatever a test sent, the next request is answered."""
    service = service_with(
        GPT2GIGA_MAX_ANSWER="256KiB",
        GPT2GIGA_MAX_BODY="1MiB",
        GPT2GIGA_MAX_JSON_VALUES="4000",
        GPT2GIGA_MAX_MESSAGES="100",
        GPT2GIGA_MAX_PARTS="200",
        GPT2GIGA_MAX_PIXELS="10000",
        GPT2GIGA_MAX_RETRIES="0",
        GPT2GIGA_MAX_SCHEMA_VALUES="450",
        GPT2GIGA_MAX_TOOLS="10",
    )
    yield service
    assert service.get("/health").status_code == 200


@pytest.fixture
def lively(service_with: Callable[..., Service]) -> Service:
    """Signs of life come after 0.3 seconds of silence. It tries once, no request waits in line for long, and it goes
    by names of its own."""
    return service_with(
        GPT2GIGA_ALLOWED_HOSTS="AI.example.com, *.corp.example:8443",
        GPT2GIGA_CORS_ORIGINS="https://app.example, http://Other.example:3000/, https://*.apps.example, capacitor://*",
        GPT2GIGA_HEARTBEAT="0.3",
        GPT2GIGA_MAX_RETRIES="0",
        GPT2GIGA_QUEUE_TIMEOUT="1",
    )


@pytest.fixture
def client(service: Service) -> Iterator[OpenAI]:
    with service.client() as client:
        yield client


@pytest.hookimpl(optionalhook=True)
def pytest_configure() -> None:
    """A shell starts what runs in its background deaf for Ctrl-C, and so all that this starts would be."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    if config.getvalue("dist") != "loadfile":
        return None
    from tests.scheduling import Together  # only now, for it needs xdist

    return Together(config, log)


def too_many_starts(config: pytest.Config) -> bool:
    """Only of the whole suite; make test-deploy may start more."""
    return len(STARTS) > MOST_STARTS and config.args_source == config.ArgsSource.TESTPATHS


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Workers of xdist tell the process that they work for."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["starts"] = STARTS
    elif too_many_starts(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    STARTS.extend(getattr(node, "workeroutput", {}).get("starts", []))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    too_many = too_many_starts(config)
    terminalreporter.write_line(f"{len(STARTS)} starts of the service; make test may have {MOST_STARTS}", red=too_many)
    for test in sorted(STARTS) if too_many else ():
        terminalreporter.write_line(f"  {test}")
