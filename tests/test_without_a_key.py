"""Behind a web server a service without a key starts, so that probes pass, and answers nobody."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gpt2giga.config.settings import KEY_IS_MISSING
from gpt2giga_sandbox.server import SandboxServer
from tests.commands.running import run
from tests.service import Service
from tests.sockets import eventually, HELLO
from tests.test_cors import CHAT, preflight

ROOT = Path(__file__).parent.parent
REST = ["/", "/ready", "/v1/models", "/metrics", "/ui/clients", "/ui/page.js", "/v1/nothing"]
WAYS_OUT = ("GPT2GIGA_API_KEY", "GPT2GIGA_PASS_TOKEN", "GPT2GIGA_ALLOW_ANONYMOUS")


def account(sandbox: SandboxServer) -> dict[str, str]:
    return {
        "GIGACHAT_BASE_URL": sandbox.base_url,
        "GIGACHAT_AUTH_URL": sandbox.auth_url,
        "GIGACHAT_CREDENTIALS": sandbox.credentials,
    }


def test_behind_a_trusted_proxy(start_service: Callable[..., Service], sandbox: SandboxServer) -> None:
    service = start_service(GPT2GIGA_TRUSTED_PROXIES="127.0.0.1", GPT2GIGA_METRICS="True")
    assert service.get("/health").status_code == service.get("/v1/health").status_code == 200
    for path in REST:
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            response = service.request(method, path, headers={"Accept": "text/html", "Authorization": "Bearer any"})
            assert response.status_code == 403 and response.json()["error"]["message"] == KEY_IS_MISSING
    assert all(variable in KEY_IS_MISSING for variable in WAYS_OUT) and KEY_IS_MISSING.count(". ") == 0
    assert preflight(service, "http://localhost:3000").status_code == 403
    refused = service.post("/v1/messages", {"messages": HELLO, "max_tokens": 9}).json()
    assert (refused["type"], refused["error"]["type"]) == ("error", "permission_error")
    assert sandbox.state.requests() == [] and service.log.read_text().count(KEY_IS_MISSING) == 1
    # Nothing else shows a doctor how a web server loads the service.
    done = run("doctor", GPT2GIGA_PORT=str(service.port), **account(sandbox))
    assert done.returncode == 2 and f"FAIL access      HTTP 403: {KEY_IS_MISSING}" in done.stdout.splitlines()

    (service.folder / ".env").write_text("GPT2GIGA_API_KEY=secret\n")
    service.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: service.get("/v1/models").status_code == 401)
    headers = {"Authorization": "Bearer secret"}
    # The worker of before may take one more.
    assert eventually(lambda: service.post(CHAT, {"messages": HELLO}, headers=headers).status_code == 200)


def by_cgi(folder: Path, path: str, **environ: str) -> str:
    """As a web server runs it, in a folder of a hoster's; the first thing that the service says is its status."""
    shutil.copy(ROOT / "deploy/gpt2giga.cgi", folder)
    shutil.copy(ROOT / "wsgi.py", folder)
    request = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_NAME": "a.example", "SERVER_PORT": "80"}
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "SERVER_PROTOCOL": "HTTP/1.1", **request, **environ}
    command = [sys.executable, folder / "gpt2giga.cgi"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=True)
    assert "Traceback" not in done.stderr
    return done.stdout


def test_loaded_through_wsgi_py(sandbox: SandboxServer, tmp_path: Path) -> None:
    """GPT2GIGA_HOST says nothing of who can reach it there."""
    ours = account(sandbox)
    assert by_cgi(tmp_path, "/health", **ours).startswith("Status: 200")
    refused = by_cgi(tmp_path, "/v1/models", HTTP_HOST="localhost", **ours)
    assert refused.startswith("Status: 403") and KEY_IS_MISSING in refused
    assert sandbox.state.requests() == []
    key = {"GPT2GIGA_API_KEY": "secret"}
    assert by_cgi(tmp_path, "/v1/models", **ours, **key).startswith("Status: 401")
    for way_in in ({**key, "HTTP_AUTHORIZATION": "Bearer secret"}, {"GPT2GIGA_ALLOW_ANONYMOUS": "True"}):
        assert by_cgi(tmp_path, "/v1/models", **ours, **way_in).startswith("Status: 200")


def test_everybody_may_come_in_but_no_strangers_page(sandbox: SandboxServer, tmp_path: Path) -> None:
    opened = {**account(sandbox), "GPT2GIGA_ALLOW_ANONYMOUS": "True", "HTTP_HOST": "a.example"}
    refused = by_cgi(tmp_path, "/v1/models", **opened)
    assert refused.startswith("Status: 403") and "GPT2GIGA_ALLOWED_HOSTS" in refused
    assert by_cgi(tmp_path, "/v1/models", GPT2GIGA_ALLOWED_HOSTS="a.example", **opened).startswith("Status: 200")


@pytest.mark.parametrize("variable", WAYS_OUT)
def test_the_doctor_says_so(sandbox: SandboxServer, variable: str) -> None:
    ours = {**account(sandbox), "GPT2GIGA_TRUSTED_PROXIES": "unix", "GPT2GIGA_HOST": "unix:/nowhere/socket"}
    done = run("doctor", "--no-service", **{**ours, "GIGACHAT_CREDENTIALS": "no key"})
    assert done.returncode == 2 and f"FAIL settings    {KEY_IS_MISSING}" in done.stdout.splitlines()
    done = run("doctor", "--no-service", **{**ours, "GIGACHAT_CREDENTIALS": "no key", variable: "True"})
    assert done.stdout.startswith("ok   settings")
