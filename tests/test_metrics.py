"""GET /metrics: what it tells, over several workers and over their end, and that clients cannot make it grow."""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from gpt2giga import __version__
from gpt2giga.config.settings import SettingsError
from gpt2giga.config.variables import parse
from gpt2giga.factory import create_app
from gpt2giga.serving.metrics_folder import MetricsFolder
from gpt2giga_sandbox.server import SandboxServer
from tests import raw
from tests.service import free_port, launch, Service

ROOT = Path(__file__).parent.parent
CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Привет!"}]
USAGE = {"prompt_tokens": 17, "completion_tokens": 3, "total_tokens": 20, "precached_prompt_tokens": 2}
KEY = {"Authorization": "Bearer marker-key"}
SETTINGS = {
    "GPT2GIGA_METRICS": "True",
    "GPT2GIGA_API_KEY": "marker-key",
    "GPT2GIGA_MODEL_ALIASES": "gpt-4o=GigaChat-2-Max",
    "GPT2GIGA_MAX_CONCURRENCY": "2",
    "GIGACHAT_RETRY_BACKOFF_FACTOR": "0.01",
}


class Figures:
    """One look at /metrics."""

    def __init__(self, text: str) -> None:
        families = text_string_to_metric_families(text)
        self.samples = [sample for family in families for sample in family.samples]

    def of(self, name: str, **labels: str) -> float:
        """The sum of all series with these labels."""
        return self.all(f"gpt2giga_{name}", **labels)

    def all(self, name: str, **labels: str) -> float:
        return sum(s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items())

    def labels(self, label: str) -> set[str]:
        return {sample.labels[label] for sample in self.samples if label in sample.labels}


def look(url: str) -> Figures:
    """Over a connection of its own, so that any of the workers may answer."""
    response = requests.get(f"{url}/metrics", headers=KEY, timeout=10)
    assert response.status_code == 200 and response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return Figures(response.text)


def grows(url: str, by: float, before: Figures, name: str, **labels: str) -> Figures:
    """The figures once this one has grown by so much; it must not grow by more."""
    wanted = before.of(name, **labels) + by
    found: Figures = raw.wait_until(lambda: now if (now := look(url)).of(name, **labels) >= wanted else None, 10)
    assert found.of(name, **labels) == wanted
    return found


def ask(url: str, **body: object) -> int:
    with requests.post(url + CHAT, json={"messages": HELLO, **body}, headers=KEY, timeout=10) as response:
        return response.status_code


def workers(service: Service) -> list[int]:
    return [
        int(pid) for pid in Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    ]


@pytest.fixture(scope="module")
def running(shared_sandbox: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("metrics"), shared_sandbox, GPT2GIGA_WORKERS="2", **SETTINGS) as service:
        yield service


@pytest.fixture
def url(running: Service, sandbox: SandboxServer) -> str:
    return running.url


def test_off_by_default(service: Service, sandbox: SandboxServer) -> None:
    assert service.get("/metrics").json()["error"]["code"] == "unknown_url"
    program = """
import sys
from gpt2giga.factory import create_app
from gpt2giga.serving.current_settings import load_settings
create_app(load_settings())
print(*sys.modules)
"""
    environ = {**os.environ, "GIGACHAT_CREDENTIALS": sandbox.credentials}
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environ, check=True)
    assert "gpt2giga.telemetry.request_log" in loaded.stdout and "prometheus_client" not in loaded.stdout


def test_it_wants_the_key(running: Service) -> None:
    assert running.get("/metrics").status_code == 401
    assert running.get("/metrics", headers={"Authorization": "Bearer other"}).status_code == 401


def test_requests_and_tokens(url: str, sandbox: SandboxServer) -> None:
    count, before, labels = 20, look(url), {"route": CHAT, "model": "GigaChat-2-Max", "status": "200"}
    sandbox.state.script({"text": "Раз два", "usage": USAGE, "delay": 0.02, "times": count})
    with ThreadPoolExecutor(count) as pool:
        streams = [number % 2 == 0 for number in range(count)]
        assert [*pool.map(lambda stream: ask(url, model="GigaChat-2-Max", stream=stream), streams)] == [200] * count
    grows(url, count, before, "requests_total", **labels)
    after = [look(url) for _ in range(6)]  # whichever worker answers
    for kind, tokens in {"in": 19, "out": 3, "cached": 2}.items():
        grown = {now.of("tokens_total", kind=kind, model="GigaChat-2-Max") for now in after}
        assert grown == {before.of("tokens_total", kind=kind, model="GigaChat-2-Max") + count * tokens}
    for stream in ("true", "false"):
        for name in ("request_seconds", "first_byte_seconds"):
            assert {now.of(f"{name}_count", route=CHAT, stream=stream) for now in after} == {
                before.of(f"{name}_count", route=CHAT, stream=stream) + count / 2
            }
            assert after[0].of(f"{name}_sum", stream=stream) - before.of(f"{name}_sum", stream=stream) >= 0.2
    assert {now.of("queue_wait_seconds_count") for now in after} == {before.of("queue_wait_seconds_count") + count}
    assert after[0].of("queue_wait_seconds_sum") > before.of("queue_wait_seconds_sum") + 0.02
    assert {now.of("streams_open") + now.of("queue_length") for now in after} == {0}


def test_filtered_answers(url: str, sandbox: SandboxServer) -> None:
    before = look(url)
    sandbox.state.script({"text": "Нет.", "finish_reason": "blacklist", "times": 2}, {"text": "Да."})
    assert [ask(url, model="GigaChat-2-Max", stream=stream) for stream in (False, True, False)] == [200] * 3
    grows(url, 2, before, "filtered_total", model="GigaChat-2-Max")


def test_streams_and_the_queue(running: Service, url: str, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "One two three four", "hang_after": 2, "times": 2})
    before = look(url)
    with ThreadPoolExecutor(1) as pool:
        body = {"messages": HELLO, "stream": True}
        held = [requests.post(url + CHAT, json=body, headers=KEY, stream=True, timeout=10) for _ in range(2)]
        grows(url, 2, before, "streams_open")
        sandbox.state.script({"text": "Да."})
        third = pool.submit(ask, url)
        grows(url, 1, before, "queue_length")
        for response in held:
            response.close()
        assert third.result() == 200
    grows(url, 3, before, "requests_total", route=CHAT)
    raw.wait_until(lambda: look(url).of("streams_open") == look(url).of("queue_length") == 0, 10)
    assert look(url).of("upstream_failures_total") == before.of("upstream_failures_total"), (
        "they left; GigaChat did not"
    )


def test_failures_repetitions_and_tokens(url: str, sandbox: SandboxServer) -> None:
    assert ask(url) == 200
    before = look(url)
    sandbox.state.script({"status": 500})
    assert ask(url) == 200
    after = grows(url, 1, before, "upstream_failures_total", cause="upstream_error")
    assert after.of("upstream_repetitions_total") == before.of("upstream_repetitions_total") + 1
    sandbox.state.script({"status": 402})
    assert ask(url) == 402
    grows(url, 1, before, "upstream_failures_total", cause="insufficient_quota")
    grows(url, 1, before, "requests_total", status="402")
    sandbox.state.script({"text": "Раз два три", "cut_after": 1})
    assert ask(url, stream=True) == 200
    after = grows(url, 1, before, "upstream_failures_total", cause="upstream_cut")
    assert after.of("upstream_repetitions_total") == before.of("upstream_repetitions_total") + 1
    wrong, right = ({"call": {"name": "f", "arguments": arguments}} for arguments in ({}, {"a": "b"}))
    sandbox.state.script(wrong, right, wrong, wrong)
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    assert [ask(url, tools=tools), ask(url, tools=tools)] == [200, 200]
    after = grows(url, 1, before, "call_repairs_total", outcome="failed")
    assert after.of("call_repairs_total", outcome="done") == before.of("call_repairs_total", outcome="done") + 1
    sandbox.state.revoke_tokens()
    assert ask(url) == 200
    assert look(url).of("token_refreshes_total", outcome="done") > before.of("token_refreshes_total", outcome="done")


def test_clients_cannot_make_it_grow(url: str) -> None:
    before = look(url)
    for number in range(10):
        assert ask(url, model=f"made-up-{number}") == 404
        requests.get(f"{url}/made-up/{number}", headers=KEY, timeout=10)
        requests.get(f"{url}/v1/models/made-up-{number}", headers=KEY, timeout=10)
        requests.request(f"MADEUP{number}", f"{url}/health", timeout=10)
    assert ask(url, model="gpt-4o") == 200
    grows(url, 1, before, "requests_total", model="gpt-4o")
    grows(url, 10, before, "requests_total", model="other", status="404")
    after = grows(url, 10, before, "requests_total", route="unmatched", status="404")
    assert not any("made-up" in value for sample in after.samples for value in sample.labels.values())
    assert "/v1/models/<path:model_id>" in after.labels("route")


def test_the_process_and_what_runs(running: Service, url: str) -> None:
    """Of the master and both workers, whichever of them answers."""
    looks = [look(url) for _ in range(6)]
    assert len({now.all("process_start_time_seconds") for now in looks}) == 1
    assert 0 < time.time() - looks[0].all("process_start_time_seconds") < 3600
    used = [now.all("process_cpu_seconds_total") for now in looks]
    assert used == sorted(used) and used[0] > 0.2
    pids = [running.process.pid, *workers(running)]
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    assert 0.8 < looks[-1].all("process_resident_memory_bytes") / (pages * os.sysconf("SC_PAGE_SIZE")) < 1.2
    assert 3 * 5 < looks[0].all("process_open_fds") < looks[0].all("process_max_fds")
    assert looks[0].of("build_info", version=__version__, python=platform.python_version()) == 1


def test_a_worker_that_is_killed(start_service: Callable[..., Service], sandbox: SandboxServer, tmp_path: Path) -> None:
    """What it had open is gone, what it had counted stays. Switched on by a reload; nothing is left at the end."""
    service = start_service(**{**SETTINGS, "GPT2GIGA_METRICS": ""})
    url, [old] = service.url, workers(service)
    (tmp_path / ".env").write_text("GPT2GIGA_METRICS=True\n")
    service.process.send_signal(signal.SIGHUP)
    raw.wait_until(lambda: old not in workers(service) and requests.get(f"{url}/health", timeout=10))
    assert ask(url) == 200
    sandbox.state.script({"text": "One two three four", "hang_after": 2})
    with requests.post(url + CHAT, json={"messages": HELLO, "stream": True}, headers=KEY, stream=True, timeout=10):
        assert look(url).of("streams_open") == 1
        [worker] = workers(service)
        before = look(url)
        os.kill(worker, signal.SIGKILL)
    raw.wait_until(lambda: look(url).of("streams_open") == 0)
    assert look(url).all("process_cpu_seconds_total") >= before.all("process_cpu_seconds_total")
    assert look(url).all("process_start_time_seconds") == before.all("process_start_time_seconds")
    assert look(url).of("requests_total", route=CHAT) == 1
    [folder] = tmp_path.glob("gpt2giga-metrics-*")
    service.stop()
    assert not folder.exists()


def test_folders(tmp_path: Path) -> None:
    """One in use stays, one that a killed master left goes, and where none can be made the service goes on without."""
    left = Path(tempfile.mkdtemp(prefix=f"gpt2giga-metrics-{os.geteuid()}-", dir=tmp_path))
    (left / "counter_1.db").touch()
    folders = [MetricsFolder(), MetricsFolder()]
    for number, folder in enumerate(folders, 1):
        for _ in range(2):
            folder.make(tmp_path, os.geteuid(), os.getegid())
        assert len([*tmp_path.iterdir()]) == number and not left.exists()
    for folder in folders:
        folder.remove()
    assert not [*tmp_path.iterdir()]
    nowhere = MetricsFolder()
    nowhere.make(tmp_path / "nowhere", os.geteuid(), os.getegid())
    nowhere.join()
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


def test_gunicorn_with_our_configuration(sandbox: SandboxServer, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {
        **os.environ,
        **SETTINGS,
        "GIGACHAT_BASE_URL": sandbox.base_url,
        "GIGACHAT_AUTH_URL": sandbox.auth_url,
        "GIGACHAT_CREDENTIALS": sandbox.credentials,
        "GPT2GIGA_WORKERS": "2",
        "GPT2GIGA_RUNTIME_DIR": str(tmp_path),
        "GPT2GIGA_PORT": str(port),
    }
    command = [sys.executable, "-W", "error", "-m", "gunicorn", "-c", str(ROOT / "deploy/gunicorn.conf.py"), "wsgi:app"]
    with (tmp_path / "log").open("wb") as log:
        process = launch([*command, "--chdir", str(ROOT)], cwd=tmp_path, env=environ, stdout=log, stderr=log)
    try:
        raw.wait_until(lambda: "listens on" in (tmp_path / "log").read_text())
        for _ in range(8):
            assert ask(url) == 200
        grows(url, 8, Figures(""), "requests_total", route=CHAT)  # the last one is counted behind its answer
        assert {look(url).of("requests_total", route=CHAT) for _ in range(6)} == {8}
    finally:
        process.terminate()
        process.wait(20)
    assert not [*tmp_path.glob("gpt2giga-metrics-*")]
    assert not re.search("ERROR|Traceback", (tmp_path / "log").read_text())


def test_without_gunicorn(sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One process counts for itself, also with several applications in it."""
    settings = parse({**SETTINGS, "GIGACHAT_CREDENTIALS": sandbox.credentials, "GIGACHAT_BASE_URL": sandbox.base_url})
    for _ in range(2):
        client = create_app(settings).test_client()
        client.get("/health").close()
        figures = Figures(client.get("/metrics", headers=KEY).text)
        assert figures.of("requests_total") == 1 and figures.all("process_resident_memory_bytes") > 1e7
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="PROMETHEUS_MULTIPROC_DIR"):
        create_app(settings)
