"""Whatever a serving process says, and whoever says it in there, is one line of its log."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from gunicorn.config import Config

from gpt2giga.config.settings import ServerSettings
from gpt2giga.serving.gunicorn_log import GunicornLog
from gpt2giga.serving.process_log import PrintedLines
from gpt2giga.telemetry import log_format
from tests import raw
from tests.service import free_port, launch

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "deploy/gunicorn.conf.py")]
# An application whose worker is told to end while it loads it.
EARLY = """
import os
import signal

import gevent

os.kill(os.getppid(), signal.SIGTERM)
os.kill(os.getpid(), signal.SIGTERM)
gevent.sleep(0.1)
from wsgi import app

print("early was loaded")
"""
# How many look for what is left in the store.
TAKES_UP = """
import os
import sys

from gpt2giga.concurrency.watch import Watch
from gpt2giga.serving import worker

woken = []
Watch.wake = lambda watch: woken.append(watch)
worker._forget_the_masters_code = lambda: None
found = worker.Worker.__new__(worker.Worker)
found.app, found.variables, found._ending = None, os.environ, sys.argv[1] == "ending"
found.load_wsgi()
print(len(woken))
"""
# An application around ours, in which all goes wrong that can.
NOISY = """
import logging
import os
import sys
import threading
import warnings

import gevent
from wsgi import app

print("printed at the start")
warnings.warn("a warning")
logging.getLogger("library").warning("of a library\\n%s", "in two lines")
logging.getLogger("library").info("of no interest")


def fail():
    raise ValueError("marker-prompt")


class Untidy:
    def __del__(self):
        fail()


def around(environ, start_response):
    if environ["PATH_INFO"] == "/noise":
        print("printed", "to stderr", file=sys.stderr)
        gevent.spawn(fail)
        threading.Thread(target=fail).start()
        Untidy()
        gevent.sleep(0.1)
    if environ["PATH_INFO"] == "/raise":
        fail()
    return app(environ, start_response)
"""
BROKEN = "raise RuntimeError('no such luck')\n"


@pytest.fixture
def environ(at_sandbox: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A site with those two applications; wsgi.py makes keys compulsory."""
    (tmp_path / "noisy.py").write_text(NOISY)
    (tmp_path / "broken.py").write_text(BROKEN)
    path = {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "GPT2GIGA_PORT": str(free_port())}
    return {**os.environ, **at_sandbox, **path, "GPT2GIGA_ALLOW_ANONYMOUS": "True"}


def entries(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.fixture
def noisy(environ: dict[str, str], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    log = tmp_path / "log"
    environ["GPT2GIGA_LOG_FORMAT"] = "json"
    with log.open("wb") as sink:
        process = launch([*COMMAND, "noisy:around"], cwd=tmp_path, env=environ, stdout=sink, stderr=sink)
    try:
        raw.wait_until(lambda: "listens on" in log.read_text())
        yield process, f"http://127.0.0.1:{environ['GPT2GIGA_PORT']}", log
    finally:
        process.kill()
        process.wait()


ONCE = {
    "printed at the start": "INFO",
    "UserWarning: a warning (": "WARNING",
    "of a library\nin two lines": "WARNING",
    "listens on": "INFO",
    "printed to stderr": "ERROR",
    "Unexpected failure in a greenlet": "ERROR",
    "Unexpected failure in a thread": "ERROR",
    "Unexpected failure where nobody can handle it": "ERROR",
    "Error handling request": "ERROR",
    "Invalid request from ip=127.0.0.1": "WARNING",
    "The former settings stay: GPT2GIGA_HEARTBEAT: 'often'": "ERROR",
}


def test_every_line_is_json(noisy: tuple[subprocess.Popen[bytes], str, Path], tmp_path: Path) -> None:
    """Each event once: of gunicorn, Python, libraries, what was printed, and a reload that fails."""
    process, url, log = noisy
    assert requests.get(f"{url}/noise", timeout=10).status_code == 404
    assert requests.get(f"{url}/raise", timeout=10).status_code == 500
    with raw.connect(int(url.rpartition(":")[2])) as connection:
        connection.sendall(b"GET /marker-key HTTP/9.9\r\nA: b\r\n\r\n")
        assert raw.answer(connection).status == 400
    (tmp_path / ".env").write_text("GPT2GIGA_HEARTBEAT=often\n")
    process.send_signal(signal.SIGHUP)
    raw.wait_until(lambda: "The former settings stay" in log.read_text())
    told = entries(log)
    for what, level in ONCE.items():
        found = [entry["level"] for entry in told if what in entry["message"]]
        # A worker of the reload may have said by now what the first one has.
        assert found in ([level], [level] * 2 if what in [*ONCE][:3] else [level]), what
    assert {entry["message"] for entry in told if not any(what in entry["message"] for what in ONCE)} == {"request"}
    assert "marker" not in re.sub(r"marker-prompt\\\\?\"\)", "", log.read_text()), "the source's own line may be shown"
    (tmp_path / ".env").write_text("GPT2GIGA_HEARTBEAT=5\n")
    process.send_signal(signal.SIGHUP)
    raw.wait_until(lambda: "Reloaded: GPT2GIGA_HEARTBEAT 20 -> 5" in log.read_text())
    process.terminate()
    assert process.wait(20) == 0 and entries(log)


@pytest.mark.parametrize("form", ["json", "plain"])
def test_a_worker_that_cannot_start(environ: dict[str, str], tmp_path: Path, form: str) -> None:
    """The reason once, and then gunicorn's own words."""
    environ["GPT2GIGA_LOG_FORMAT"] = form
    done = subprocess.run([*COMMAND, "broken:app"], cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.returncode == 3 and done.stdout == ""
    assert done.stderr.count("A worker cannot start: RuntimeError: no such luck") == 1
    lines = [line for line in done.stderr.splitlines() if not line.startswith("    ")]
    assert len(lines) == 4 and all(line.startswith("{" if form == "json" else "20") for line in lines)
    if form == "json":
        first, *others = (json.loads(line) for line in lines)
        assert "broken.py" in first["traceback"] and {entry["level"] for entry in others} == {"ERROR"}


@pytest.mark.parametrize(
    "program, wrong",
    [
        ([sys.executable, "-m", "gpt2giga"], {"GPT2GIGA_PORT": "many"}),
        ([sys.executable, "-m", "gpt2giga", "--port", "many"], {}),
        ([sys.executable, "-m", "gpt2giga", "serve"], {"GIGACHAT_CREDENTIALS": ""}),
        ([sys.executable, "-m", "gpt2giga", "--env-file", "nowhere"], {}),
        ([*COMMAND, "wsgi:app"], {"GPT2GIGA_PORT": "many"}),
        ([sys.executable, "-c", "import wsgi"], {"GPT2GIGA_PORT": "many"}),
    ],
    ids=lambda given: " ".join(map(str, given[1:])) if isinstance(given, list) else None,
)
def test_a_start_that_fails(environ: dict[str, str], tmp_path: Path, program: list[str], wrong: dict[str, str]) -> None:
    """Also where the form is in .env, beside the mistake."""
    (tmp_path / ".env").write_text("GPT2GIGA_LOG_FORMAT=json\n")
    for form in ({"GPT2GIGA_LOG_FORMAT": "json"}, {}):
        if "nowhere" in program and not form:
            continue  # the file that would say it is not there
        done = subprocess.run(program, cwd=tmp_path, env={**environ, **wrong, **form}, capture_output=True, text=True)
        [entry] = map(json.loads, done.stderr.splitlines())
        assert entry["level"] == "ERROR" and entry["message"].startswith("gpt2giga: ") and done.stdout == ""


def test_a_worker_that_is_told_to_end_before_it_has_begun(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "early.py").write_text(EARLY)
    done = subprocess.run([*COMMAND, "early:app"], cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.returncode == 0 and "early was loaded" in done.stdout
    assert "ERROR" not in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("moment, looking", [("ending", 0), ("beginning", 2)])
def test_only_a_worker_that_stays_takes_up_what_is_left(
    environ: dict[str, str], tmp_path: Path, moment: str, looking: int
) -> None:
    command = [sys.executable, "-c", TAKES_UP, moment]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.stdout == f"{looking}\n", done.stderr


def test_a_process_that_ends_unexpectedly(environ: dict[str, str], tmp_path: Path) -> None:
    program = "from gpt2giga.serving import process_log; process_log.begin('json'); print('on'); 1 / 0"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.returncode == 1 and json.loads(done.stdout)["message"] == "on"
    [entry] = map(json.loads, done.stderr.splitlines())
    assert entry["level"] == "CRITICAL" and entry["message"].endswith("ZeroDivisionError: division by zero")


def test_threads_that_print_at_a_time() -> None:
    """print() writes a line and its end one after the other, and another thread may come between."""
    printed, begun = PrintedLines(sink := io.StringIO(), logging.INFO), threading.Barrier(2)

    def tell(line: str) -> None:
        printed.write(line)
        begun.wait(10)
        printed.write("\n")

    threads = [threading.Thread(target=tell, args=[line]) for line in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(json.loads(line)["message"] for line in sink.getvalue().splitlines()) == ["one", "other"]


@pytest.fixture
def unchanged_loggers() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("gpt2giga", "gigachat", "gunicorn.error", "gunicorn.access")]
    before = [(log.handlers[:], log.filters[:], log.level, log.propagate) for log in loggers]
    yield
    for log, (handlers, filters, level, propagate) in zip(loggers, before, strict=True):
        log.handlers, log.filters, log.propagate = handlers, filters, propagate
        log.setLevel(level)


@pytest.mark.usefixtures("unchanged_loggers")
def test_gunicorn_writes_where_its_own_options_say(tmp_path: Path) -> None:
    """To syslog as well, and to files instead, in its own form."""
    log_format.configure(ServerSettings(log_format="json"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as syslog:
        syslog.bind(("127.0.0.1", 0))
        syslog.settimeout(10)
        config = Config()
        config.set("syslog", True)
        config.set("syslog_addr", f"udp://127.0.0.1:{syslog.getsockname()[1]}")
        config.set("disable_redirect_access_to_syslog", True)
        log = GunicornLog(config)
        ours, to_syslog = log.error_log.handlers
        log.error("told twice")
        to_syslog.close()
        assert f"[{os.getpid()}] told twice".encode() in syslog.recv(1000) and ours.get_name() == log_format.HANDLER
    log.setup(Config())
    assert log.error_log.handlers == [ours], "after a reload that asks for it no more"
    config = Config()
    config.set("errorlog", str(tmp_path / "errors"))
    log = GunicornLog(config)
    log.error("told there")
    log.error_log.handlers[-1].close()
    assert f"[{os.getpid()}] [ERROR] told there" in (tmp_path / "errors").read_text()


@pytest.mark.usefixtures("unchanged_loggers")
def test_no_line_has_a_key_that_stands_in_an_address(tmp_path: Path) -> None:
    """Gemini's clients may send it there, and gunicorn writes addresses."""
    config = Config()
    config.set("accesslog", str(tmp_path / "requests"))
    config.set("errorlog", str(tmp_path / "errors"))
    log = GunicornLog(config)
    log.access_log.info('"%(r)s" 200', {"r": "POST /v1beta/models/a:b?alt=sse&key=secret HTTP/1.1"})
    log.error("Error handling request %s", "/v1beta/models?key=secret&pageSize=5")
    for kind in (log.error_log, log.access_log):
        kind.handlers[-1].close()
    assert '?alt=sse&key=*** HTTP/1.1" 200' in (tmp_path / "requests").read_text()
    assert "?key=***&pageSize=5" in (tmp_path / "errors").read_text()


def test_other_commands_print_for_people(at_sandbox: dict[str, str], tmp_path: Path) -> None:
    environ = {**os.environ, **at_sandbox, "PYTHONPATH": str(ROOT), "GPT2GIGA_LOG_FORMAT": "json"}
    for words, shown in ((["models"], "GigaChat-2-Max"), (["serve", "--help"], "Serve in the foreground")):
        command = [sys.executable, "-m", "gpt2giga", *words]
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
        assert shown in done.stdout and "{" not in done.stdout


def test_the_sandbox_with_the_service(tmp_path: Path) -> None:
    """Its process says nothing of its own, and the line says what answers."""
    port = str(free_port())
    settings = {"GPT2GIGA_LOG_FORMAT": "json", "GPT2GIGA_RUNTIME_DIR": str(tmp_path)}
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    command = [sys.executable, "-m", "gpt2giga", "--sandbox", "--port", port]
    with launch(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0 and process.stdout.read() == process.stderr.read() == b""
    assert first["message"].endswith(f"listens on http://127.0.0.1:{port}, backend: sandbox (not GigaChat)")
