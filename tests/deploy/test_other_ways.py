"""gunicorn by hand with the shipped file, and the steps of the Dockerfile as far as they go without Docker."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from gpt2giga_sandbox.server import SandboxServer
from tests.deploy.running import children, in_background, ROOT, running
from tests.deploy.streams import Place
from tests.service import free_port
from tests.sockets import eventually

OPEN = {"GPT2GIGA_ALLOW_ANONYMOUS": "True"}


def settings(sandbox: SandboxServer, port: int) -> dict[str, str]:
    return {
        "GIGACHAT_BASE_URL": sandbox.base_url,
        "GIGACHAT_AUTH_URL": sandbox.auth_url,
        "GIGACHAT_CREDENTIALS": sandbox.credentials,
        "GPT2GIGA_PORT": str(port),
        **OPEN,
    }


def status(port: int, path: str = "/health", **headers: str) -> int:
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=5).status_code
    except requests.ConnectionError:
        return 0


COMMAND = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"]


@contextmanager
def by_gunicorn(application: str, checkout: Path, sandbox: SandboxServer, log: Path) -> Iterator[tuple]:
    port, env = free_port(), checkout / ".env"
    env.write_text("".join(f"{name}={value}\n" for name, value in settings(sandbox, port).items()))
    environ = {**os.environ, "PYTHONPATH": str(checkout)}
    with running([*COMMAND, application], log, cwd=checkout, env=environ) as process:
        assert eventually(lambda: status(port) == 200, 20), log.read_text()
        yield process, port, env, log
    env.unlink()


@pytest.fixture
def by_hand(checkout: Path, sandbox: SandboxServer, tmp_path: Path) -> Iterator[tuple]:
    with by_gunicorn("wsgi:app", checkout, sandbox, tmp_path / "gunicorn.log") as found:
        yield found


def test_gunicorn_by_hand(by_hand, sandbox: SandboxServer) -> None:
    """Settings from .env, again on each reload; a wrong one changes nothing; streams survive all of it."""
    process, port, env, log = by_hand
    assert "listens on" in log.read_text()
    [worker] = children(process.pid)
    soft, hard = re.search(r"Max open files +(\d+) +(\d+)", Path(f"/proc/{worker}/limits").read_text()).groups()
    assert soft == hard
    sandbox.state.script({"text": "Раз два три четыре пять"})
    sandbox.state.settings.hold_after = 1
    answers = in_background(Place(port), 1)
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    good = env.read_text()
    env.write_text(good + "GPT2GIGA_API_KEY=secret\n")
    process.send_signal(signal.SIGHUP)
    assert eventually(lambda: status(port, "/v1/models") == 401)
    assert not answers.done()
    sandbox.state.settings.hold_after = None
    assert answers.result(30)[0].finished
    former = children(process.pid)
    env.write_text(good + "GPT2GIGA_API_KEY=other\nGPT2GIGA_WORKERS=many\n")
    process.send_signal(signal.SIGHUP)
    assert eventually(lambda: children(process.pid) and not set(former) & set(children(process.pid)))
    assert status(port, "/v1/models", **{"X-Api-Key": "secret"}) == 200
    assert "GPT2GIGA_WORKERS: 'many'" in log.read_text()
    env.write_text("".join(line for line in good.splitlines(keepends=True) if "ANONYMOUS" not in line))
    process.send_signal(signal.SIGHUP)
    assert eventually(lambda: status(port, "/v1/models") == 403), "without a key it lets nobody in"
    assert status(port) == 200


def test_gunicorn_by_hand_says_what_is_missing(checkout: Path) -> None:
    done = subprocess.run([*COMMAND, "wsgi:app"], cwd=checkout, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and "gpt2giga: no GigaChat account" in done.stderr
    assert "Traceback" not in done.stderr


AROUND = """
from wsgi import app

def around(environ, start_response):
    def start(status, headers):
        return start_response(status, [*headers, ("X-Around", "yes")])
    return app(environ, start)
"""


def test_gunicorn_with_an_application_around_ours(checkout: Path, sandbox: SandboxServer, tmp_path: Path) -> None:
    (checkout / "around.py").write_text(AROUND)
    with by_gunicorn("around:around", checkout, sandbox, tmp_path / "log") as (_, port, _, _):
        response = requests.get(f"http://127.0.0.1:{port}/v1/models", timeout=5)
    (checkout / "around.py").unlink()
    assert response.status_code == 200 and response.headers["X-Around"] == "yes"


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    return [tuple(line.split(" ", 1)) for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture
def installing(site: Path) -> Iterator[Path]:
    """A virtual environment that may be installed into."""
    yield site / "venv"
    subprocess.run([site / "venv/bin/python", "-m", "pip", "uninstall", "-q", "-y", "gpt2giga"], check=True)


def test_the_steps_of_the_dockerfile(
    checkout: Path, wheels: Path, installing: Path, public: Path, sandbox: SandboxServer
) -> None:
    """In a virtual environment instead of a container: what is copied suffices to install, serve and probe."""
    app, home = public / "app", public / "home"
    app.mkdir()
    port = free_port()
    environ = {
        "PATH": f"{installing}/bin:/usr/bin:/bin",
        "PIP_NO_INDEX": "1",
        "PIP_QUIET": "1",
        "PIP_FIND_LINKS": str(wheels),
        **settings(sandbox, port),
    }
    for name, value in instructions():
        value = value.replace("/var/lib/gpt2giga", str(home))
        if name == "COPY":
            *sources, target = value.split()
            subprocess.run(["cp", "-r", *sources, app / target], cwd=checkout, check=True)
        elif name == "RUN":
            subprocess.run(value, shell=True, cwd=app, env=environ, check=True)
        elif name == "ENV":
            environ |= dict(pair.split("=", 1) for pair in shlex.split(value))
    told = dict(instructions())
    probe = json.loads(told["HEALTHCHECK"].partition("CMD ")[2])
    as_nobody = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
    with running([*as_nobody, *json.loads(told["CMD"])], public / "log", cwd=home, env=environ):
        assert eventually(lambda: status(port) == 200, 20), (public / "log").read_text()
        assert subprocess.run([*as_nobody, *probe], cwd=home, env=environ).returncode == 0
        assert status(port, "/v1/models") == 200
    refused = subprocess.run([*as_nobody, *probe[:-1], "1"], cwd=home, env=environ, capture_output=True, text=True)
    assert refused.returncode != 0 and "nothing answers" in refused.stderr
