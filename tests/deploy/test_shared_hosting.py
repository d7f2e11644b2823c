"""Apache with Passenger, mod_wsgi and CGI, set up as the README says; no gevent, a thread or a process a request."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from gpt2giga.sandbox.server import SandboxServer
from tests.deploy.apache import Apache
from tests.deploy.running import DEPLOY
from tests.deploy.streams import ask
from tests.deploy.streams import Place
from tests.deploy.streams import streams
from tests.sockets import eventually

WORDS = " ".join(map(str, range(12)))
PACE = 0.4

PASSENGER = """
PassengerRoot /usr/lib/ruby/vendor_ruby/phusion_passenger/locations.ini
PassengerInstanceRegistryDir {folder}
PassengerUserSwitching off
PassengerDefaultUser www-data
PassengerLogFile {folder}/passenger.log
PassengerDisableSecurityUpdateCheck on
PassengerDisableAnonymousTelemetry on
DocumentRoot SITE
PassengerAppRoot SITE
PassengerPython /usr/bin/python3
<Directory SITE>
    AllowOverride All
    Require all granted
</Directory>
"""
CGI = """
ScriptSock {folder}/cgid.sock
DocumentRoot SITE
<Directory SITE>
    AllowOverride All
    Require all granted
</Directory>
"""


@pytest.fixture
def prepared(site: Path, public: Path, sandbox: SandboxServer) -> Path:
    """The user's folder: the checkout, venv, .env, .htaccess. A copy, since each way adds files of its own."""
    folder = public / "site"
    shutil.copytree(site, folder, symlinks=True)
    # A virtual environment knows its own place by that of its python.
    (folder / ".env").write_text(
        f"# Ключ\nGIGACHAT_CREDENTIALS={sandbox.credentials}\nGPT2GIGA_API_KEY=secret\nGPT2GIGA_MAX_CONCURRENCY=50\n"
        f"GIGACHAT_BASE_URL={sandbox.base_url}\nGIGACHAT_AUTH_URL={sandbox.auth_url}\nGPT2GIGA_STATE_DIR={public}/state\n"
    )
    shutil.copy(DEPLOY / "htaccess", folder / ".htaccess")
    (public / "state").mkdir(mode=0o777)
    (public / "state").chmod(0o777)
    return folder


@pytest.fixture
def start_apache(public: Path) -> Iterator[Callable[[str, str], Apache]]:
    with contextlib.ExitStack() as stack:
        yield lambda modules, conf: stack.enter_context(Apache(public, modules, conf))


@pytest.fixture(params=["passenger", "mod_wsgi", "cgi"])
def apache(request: pytest.FixtureRequest, prepared: Path, start_apache) -> Apache:
    if request.param == "passenger":
        return start_apache("passenger", PASSENGER.replace("SITE", str(prepared)))
    if request.param == "mod_wsgi":
        conf = (DEPLOY / "apache-mod_wsgi.conf").read_text().replace("/opt/gpt2giga", str(prepared))
        assert "*:80" in conf
        # Formatted later, with the port.
        return start_apache("wsgi", conf.replace("%{GLOBAL}", "%{{GLOBAL}}").replace("*:80", "127.0.0.1:{port}"))
    shutil.copy(DEPLOY / "gpt2giga.cgi", prepared)
    htaccess = prepared / ".htaccess"
    head, tail = htaccess.read_text().split("# CGI only:")
    htaccess.write_text(head + tail.replace("\n#", "\n").partition("\n")[2])
    return start_apache("cgid", CGI.replace("SITE", str(prepared)))


def keyed(apache: Apache) -> Place:
    return Place(apache.port, headers="Authorization: Bearer secret\r\n")


def test_it_streams_and_sees_the_key(apache: Apache, sandbox: SandboxServer) -> None:
    assert eventually(lambda: ask(apache.place, "/health").status == 200, 20), apache.log()
    assert ask(apache.place, model="GigaChat-2").status == 401
    assert json.loads(ask(keyed(apache), model="GigaChat-2").body)["object"] == "chat.completion"
    sandbox.state.script({"text": WORDS, "frame_delay": PACE, "times": 4})
    for answer in streams(keyed(apache), 4):
        assert answer.status == 200 and answer.frames[-1] == "[DONE]" and answer.text == WORDS
        assert answer.times[-1] - answer.times[0] > 2 * PACE, "it came bit by bit"
        print(
            f"first piece {answer.times[0]:.2f} s, {len(answer.times)} pieces, largest gap {answer.largest_gap:.2f} s"
        )
    assert ask(keyed(apache), "/v1/models").status == 200


def test_a_hang_up_reaches_gigachat(apache: Apache, sandbox: SandboxServer) -> None:
    """By the next write that fails."""
    assert eventually(lambda: ask(apache.place, "/health").status == 200, 20), apache.log()
    sandbox.state.script({"text": WORDS * 10, "frame_delay": 0.2})
    body = {"messages": [{"role": "user", "content": "a"}], "stream": True}
    key = {"Authorization": "Bearer secret"}
    response = requests.post(f"{apache.url}/v1/chat/completions", json=body, headers=key, stream=True, timeout=20)
    assert next(response.iter_lines())
    response.close()
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1, 8)


def test_nothing_of_ours_can_be_downloaded(apache: Apache, prepared: Path) -> None:
    assert eventually(lambda: ask(apache.place, "/health").status == 200, 20), apache.log()
    (prepared / ".git").mkdir()
    for file in (prepared / ".git/config", prepared / "service.log"):
        file.write_text("secret")
    shipped = [path.relative_to(prepared) for path in prepared.rglob("*") if "venv" not in path.parts]
    inside = ["venv/bin/activate", "venv/pyvenv.cfg", "venv/", ".env.bak", ".git/config"]
    assert {".env", ".htaccess", "wsgi.py", "gpt2giga/settings.py", "deploy"} <= {str(path) for path in shipped}
    with requests.Session() as session:
        for path in [*map(str, shipped), *inside]:
            if not path.endswith(".cgi"):
                answer = session.get(f"{apache.url}/{path}", timeout=10)
                assert answer.status_code in (401, 403, 404), f"{path}: {answer.status_code}"
                assert sandbox_key() not in answer.text and "secret" not in answer.text


def sandbox_key() -> str:
    return "c2FuZGJveDpzYW5kYm94"
