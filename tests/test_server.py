"""Starting, reloading and stopping, under gunicorn as the command starts it, as others start it, and without it."""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from openai import OpenAI

from gpt2giga_sandbox.server import SandboxServer
from tests import raw
from tests.chunks import chunks
from tests.service import free_port, launch, Service

ROOT = Path(__file__).parent.parent
CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Привет!"}]
LONG = "Раз два три четыре пять шесть семь восемь девять десять"


def check_that_it_serves(url: str) -> None:
    with OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client:
        whole = client.chat.completions.create(model="GigaChat", messages=HELLO)
        assert "Привет!" in (whole.choices[0].message.content or "")
        stream = client.chat.completions.create(model="GigaChat", messages=HELLO, stream=True)
        assert "Привет!" in "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    sent = b'{"messages": [{"role": "user", "content": "a"}]}'
    chunked = requests.post(url + CHAT, data=iter([sent[:9], sent[9:]]), timeout=10)
    assert chunked.status_code == 200
    assert requests.get(f"{url}/v1/nothing", timeout=10).json()["error"]["code"] == "unknown_url"


@contextmanager
def running(command: list[Any], folder: Path, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the test; in order, since gunicorn's threads can hang on SIGINT in a busy moment."""
    log = (folder / "log").open("wb")
    process = launch(command, cwd=folder, env={**os.environ, **environ}, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=10).status_code == 200
    except (requests.ConnectionError, requests.Timeout):
        return False


def account(sandbox: SandboxServer) -> dict[str, str]:
    return {
        "GIGACHAT_BASE_URL": sandbox.base_url,
        "GIGACHAT_AUTH_URL": sandbox.auth_url,
        "GIGACHAT_CREDENTIALS": sandbox.credentials,
    }


# Loaded through wsgi.py it would let nobody in.
OPEN = {"GPT2GIGA_ALLOW_ANONYMOUS": "True"}


@pytest.mark.parametrize("options", [[], ["-k", "gthread", "--threads", "4"], ["-k", "gevent"]], ids=str)
def test_plain_gunicorn(sandbox: SandboxServer, tmp_path: Path, options: list[str]) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-W", "error", "-m", "gunicorn", "wsgi:app", "-b", f"127.0.0.1:{port}", *options]
    with running([*command, "--chdir", str(ROOT)], tmp_path, HOME=str(tmp_path), **OPEN, **account(sandbox)):
        raw.wait_until(lambda: answers(url))
        check_that_it_serves(url)
        with requests.post(url + CHAT, json={"messages": HELLO, "stream": True}, stream=True, timeout=10) as response:
            next(response.iter_lines())
        check_that_it_serves(url)
        assert not re.search("ERROR|Traceback", (tmp_path / "log").read_text())


WITHOUT_GUNICORN = """
import sys

sys.modules["gunicorn"] = None
from gpt2giga.cli import main

main(prog_name="gpt2giga")
"""


def test_without_gunicorn(sandbox: SandboxServer, tmp_path: Path) -> None:
    """As on Windows."""
    (tmp_path / "start.py").write_text(WITHOUT_GUNICORN)
    port = free_port()
    environ = {**account(sandbox), "GPT2GIGA_PORT": str(port), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-u", "start.py"]
    with running(command, tmp_path, **environ) as process:
        raw.wait_until(lambda: "listens on" in (tmp_path / "log").read_text() or process.poll() is not None)
        check_that_it_serves(f"http://127.0.0.1:{port}")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert not re.search("ERROR|Traceback", (tmp_path / "log").read_text())
    for wrong in ({"GPT2GIGA_HOST": "unix:socket"}, {"GIGACHAT_CA_BUNDLE_FILE": "/nowhere"}):
        done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **environ, **wrong}, capture_output=True)
        assert done.returncode == 2 and done.stderr.count(b"\n") == 1, done


def test_ipv6(start_service: Callable[..., Service], sandbox: SandboxServer) -> None:
    service = start_service(GPT2GIGA_HOST="::1")
    check_that_it_serves(f"http://[::1]:{service.port}")


def get(path: str, target: str) -> int:
    """Over a unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(path)
        connection.sendall(raw.head(target, method="GET"))
        return raw.answer(connection, "GET").status


def test_unix_socket(start_service: Callable[..., Service], tmp_path: Path) -> None:
    """Also where a service that was killed left its socket behind."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    service = start_service(GPT2GIGA_HOST=f"unix:{path}")
    assert os.stat(path).st_mode & 0o777 == 0o660
    assert get(path, "/health") == get(path, "/v1/models") == 200
    service.stop()
    assert not os.path.exists(path)


def rest_of_output(service: Service) -> str:
    assert service.process.stdout is not None
    return service.process.stdout.read().decode()


def test_what_a_start_says(sandbox: SandboxServer, tmp_path: Path) -> None:
    """Once, not for every worker and reload."""
    wrong = {"GPT2GIGA_PROT": "1", "GIGACHAT_VERIFY_SSL_CERTS": "False"}
    with Service(tmp_path, sandbox, GPT2GIGA_WORKERS="2", **wrong) as service:
        for _ in range(10):
            assert service.get("/health").status_code == 200
        reload(service)
        service.process.send_signal(signal.SIGTERM)
        assert rest_of_output(service) == ""
        log = service.log.read_text()
        assert log.count("GPT2GIGA_PROT is not a setting; did you mean GPT2GIGA_PORT?") == 1
        assert log.count("GigaChat's certificate is not checked, so anyone on the way can read the key") == 1
        assert [line for line in log.splitlines() if line.split(" ")[1] not in ("INFO", "WARNING")] == []


def workers(service: Service) -> set[str]:
    pid = service.process.pid
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def reload(service: Service) -> None:
    before = workers(service)
    service.process.send_signal(signal.SIGHUP)
    raw.wait_until(lambda: workers(service) and not before & workers(service))


def test_a_reload_reads_the_file_again(sandbox: SandboxServer, tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("GPT2GIGA_API_KEY=old\n")

    def status(key: str) -> int:
        return service.get("/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code

    with Service(tmp_path, sandbox) as service:
        assert (status("old"), status("new")) == (200, 401)
        env_file.write_text("GPT2GIGA_API_KEY=new\n")
        reload(service)
        assert (status("old"), status("new")) == (401, 200)
        before = len(service.log.read_text())
        env_file.write_text("GPT2GIGA_API_KEY=newer\nGPT2GIGA_HEARTBEAT=often\n")
        reload(service)
        assert (status("newer"), status("new")) == (401, 200), "the former settings stay"
        told = [line for line in service.log.read_text()[before:].splitlines() if " request id=" not in line]
        assert len(told) == 1 and "ERROR The former settings stay: GPT2GIGA_HEARTBEAT: 'often'" in told[0]


def test_a_reload_that_would_fail_later_changes_nothing(sandbox: SandboxServer, tmp_path: Path) -> None:
    """A port in use would end the whole service, and so would a certificate that only the workers find missing."""
    env_file = tmp_path / ".env"
    port = free_port()
    env_file.write_text(f"GPT2GIGA_PORT={port}\n")
    with Service(tmp_path, sandbox, GPT2GIGA_PORT="") as service, socket.create_server(("127.0.0.1", 0)) as taken:
        service.url = f"http://127.0.0.1:{port}"
        env_file.write_text(f"GPT2GIGA_PORT={taken.getsockname()[1]}\n")
        reload(service)
        assert service.get("/health").status_code == 200
        env_file.write_text(f"GPT2GIGA_PORT={port}\nGIGACHAT_CA_BUNDLE_FILE=nowhere.pem\n")
        reload(service)
        assert service.get("/v1/models").status_code == 200
        told = [line for line in service.log.read_text().splitlines() if "The former settings stay" in line]
        assert len(told) == 2 and "Address already in use" in told[0] and "nowhere.pem" in told[1]


def stream_in_work(service: Service, sandbox: SandboxServer, **step: Any) -> Callable[[], str]:
    """Starts a stream; returns how to wait for its body."""
    sandbox.state.script({"text": LONG, **step})
    body = {"messages": HELLO, "stream": True}
    response = service.post(CHAT, body, stream=True, headers={"Connection": "close"})
    response.encoding = "utf-8"
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    return lambda: response.text


def test_a_running_stream_is_finished(start_service: Callable[..., Service], sandbox: SandboxServer) -> None:
    """At a reload, and at the end."""
    service = start_service()
    before = workers(service)
    heard = {signal.SIGHUP: lambda: workers(service) - before, signal.SIGTERM: lambda: not answers(service.url)}
    for sign, is_heard in heard.items():
        sandbox.state.settings.hold_after = 2
        body = stream_in_work(service, sandbox)
        service.process.send_signal(sign)
        raw.wait_until(is_heard)
        sandbox.state.settings.hold_after = None
        text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks(body()))
        assert text == LONG
    assert service.process.wait(15) == 0


def test_ctrl_c_ends_at_once(start_service: Callable[..., Service], sandbox: SandboxServer) -> None:
    service = start_service()
    body = stream_in_work(service, sandbox, hang_after=2)
    os.killpg(service.process.pid, signal.SIGINT)
    assert service.process.wait(5) == 0
    with pytest.raises(requests.exceptions.RequestException):
        body()
    assert not re.search("ERROR|Traceback", service.log.read_text())
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0)


def test_two_services_on_one_machine(sandbox: SandboxServer, tmp_path: Path, service: Service) -> None:
    """Of the same account: they share its one slot, and neither hinders the other's start or end."""
    shared = {"GPT2GIGA_RUNTIME_DIR": str(service.folder), "GPT2GIGA_QUEUE_TIMEOUT": "0.1"}
    with Service(tmp_path, sandbox, **shared) as second:
        sandbox.state.script({"text": LONG, "hang_after": 1})
        with service.post(CHAT, {"messages": HELLO, "stream": True}, stream=True):
            assert second.post(CHAT, {"messages": HELLO}).status_code == 429
        raw.wait_until(lambda: second.post(CHAT, {"messages": HELLO}).status_code == 200)
    check_that_it_serves(service.url)


def test_no_key_of_the_environment_reaches_the_sandbox(
    start_service: Callable[..., Service], sandbox: SandboxServer
) -> None:
    real = {"GIGACHAT_ACCESS_TOKEN": "real-token", "GIGACHAT_USER": "real", "GIGACHAT_PASSWORD": "real"}
    service = start_service(GPT2GIGA_SANDBOX=sandbox.url, **real)
    assert service.post(CHAT, {"messages": HELLO}).status_code == 200
    used = {request["headers"]["authorization"] for request in sandbox.state.requests()}
    assert f"Basic {base64.b64encode(b'sandbox:sandbox').decode()}" in used
    assert not any("real" in header for header in used)
