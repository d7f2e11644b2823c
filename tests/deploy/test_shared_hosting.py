"""Apache with Passenger, mod_wsgi and CGI, set up by docs/deployment.md; no gevent, a thread or a process a request."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from gpt2giga.config.settings import ServerSettings, Settings
from gpt2giga.factory import create_app
from gpt2giga_sandbox.server import SandboxServer
from tests.deploy.apache import Apache
from tests.deploy.conftest import public_folder
from tests.deploy.running import DEPLOY
from tests.deploy.streams import ask, Place, streams
from tests.sockets import eventually

# What nobody has thought of yet.
LATER = ("state/files/a", "backup.tar.gz", "env", "responses.sqlite3", "notes", "v2/file", "modelsx/a", "healthy")
WORDS = " ".join(map(str, range(12)))
PACE = 0.4

PASSENGER = """
PassengerRoot /usr/lib/ruby/vendor_ruby/phusion_passenger/locations.ini
PassengerInstanceRegistryDir {folder}/passenger
PassengerDefaultUser www-data
PassengerLogFile {folder}/passenger/passenger.log
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


def prepared(folder: Path, site: Path, sandbox: SandboxServer) -> Path:
    """What the user has there: the checkout, venv, .env, .htaccess."""
    shutil.copytree(site, folder, symlinks=True, ignore=shutil.ignore_patterns("venv"))
    (folder / "venv").symlink_to(site / "venv")
    state = folder.parent / "state"
    (folder / ".env").write_text(
        f"# Ключ\nGIGACHAT_CREDENTIALS={sandbox.credentials}\nGPT2GIGA_API_KEY=secret\nGPT2GIGA_MAX_CONCURRENCY=50\n"
        f"GIGACHAT_BASE_URL={sandbox.base_url}\nGIGACHAT_AUTH_URL={sandbox.auth_url}\nGPT2GIGA_STATE_DIR={state}\n"
    )
    shutil.copy(DEPLOY / "htaccess", folder / ".htaccess")
    state.mkdir()
    state.chmod(0o777)
    return folder


def configured(way: str, folder: Path) -> tuple[str, str]:
    """The modules, and the site's configuration."""
    if way == "passenger":
        return "passenger", PASSENGER.replace("SITE", str(folder))
    if way == "mod_wsgi":
        text = (DEPLOY / "apache-mod_wsgi.conf").read_text()
        assert "*:80" in text and "/opt/gpt2giga" in text
        text = text.replace("%{GLOBAL}", "%{{GLOBAL}}").replace("*:80", "127.0.0.1:{port}")
        return "wsgi", text.replace("/opt/gpt2giga", str(folder))
    shutil.copy(DEPLOY / "gpt2giga.cgi", folder)
    head, marker, tail = (folder / ".htaccess").read_text().partition("# CGI only:")
    (folder / ".htaccess").write_text(head + marker + tail.replace("\n#", "\n"))
    return "cgid", CGI.replace("SITE", str(folder))


@pytest.fixture(scope="module", params=["passenger", "mod_wsgi", "cgi"])
def apache(request: pytest.FixtureRequest, site: Path, shared_sandbox: SandboxServer) -> Iterator[Apache]:
    with public_folder() as public:
        folder = prepared(public / "site", site, shared_sandbox)
        with Apache(public, *configured(request.param, folder)) as apache:
            apache.site = folder
            assert eventually(lambda: ask(apache.place, "/health").status == 200, 20), apache.log()
            yield apache


def test_mod_wsgi_without_a_home(site: Path, shared_sandbox: SandboxServer) -> None:
    """As hosters' panels write it: .env is found beside wsgi.py, and a mistake in it is what everybody is told."""
    with public_folder() as public:
        folder = prepared(public / "site", site, shared_sandbox)
        modules, text = configured("mod_wsgi", folder)
        text = text.replace(f" python-path={folder} home={folder}", "")
        assert "home=" in text and "python-path" not in text, "only that of Python is left"
        with Apache(public, modules, text) as apache:
            assert eventually(lambda: ask(apache.place, "/health").status == 200, 20), apache.log()
            assert ask(keyed(apache), "/v1/models").status == 200
        with (folder / ".env").open("a") as env:
            env.write("GPT2GIGA_WORKERS=many\n")
        (public / "anew").mkdir(mode=0o755)
        with Apache(public / "anew", modules, text) as apache:
            assert eventually(lambda: b"GPT2GIGA_WORKERS: 'many'" in ask(apache.place, "/health").body, 20), (
                apache.log()
            )
            assert "Traceback" not in apache.log()


def keyed(apache: Apache) -> Place:
    return Place(apache.port, headers="Authorization: Bearer secret\r\n")


def test_it_streams_and_sees_the_key(apache: Apache, sandbox: SandboxServer) -> None:
    assert ask(apache.place, model="GigaChat-2").status == 401
    answer = ask(keyed(apache), model="GigaChat-2")
    assert answer.status == 200 and json.loads(answer.body)["object"] == "chat.completion", answer
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
    sandbox.state.script({"text": WORDS * 10, "frame_delay": 0.2})
    body = {"messages": [{"role": "user", "content": "a"}], "stream": True}
    key = {"Authorization": "Bearer secret"}
    response = requests.post(f"{apache.url}/v1/chat/completions", json=body, headers=key, stream=True, timeout=20)
    assert next(response.iter_lines())
    response.close()
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1, 8)


def test_nothing_of_ours_can_be_downloaded(apache: Apache) -> None:
    prepared = apache.site
    (prepared / ".git").mkdir()
    for file in (prepared / ".git/config", prepared / "service.log"):
        file.write_text("secret")
    shipped = [path.relative_to(prepared) for path in prepared.rglob("*") if "venv" not in path.parts]
    for name in LATER:
        (prepared / name).parent.mkdir(parents=True, exist_ok=True)
        (prepared / name).write_text("secret")
    inside = [*LATER, "venv/bin/activate", "venv/pyvenv.cfg", "venv/", ".env.bak", ".git/config"]
    assert {".env", ".htaccess", "wsgi.py", "gpt2giga/factory.py", "deploy"} <= {str(path) for path in shipped}
    with requests.Session() as session:
        for path in [*map(str, shipped), *inside]:
            if not path.endswith(".cgi"):
                answer = session.get(f"{apache.url}/{path}", timeout=10)
                assert answer.status_code in (401, 403, 404), f"{path}: {answer.status_code}"
                assert sandbox_key() not in answer.text and "secret" not in answer.text


def test_what_is_served_reaches_the_service(apache: Apache) -> None:
    """Every route, with a key and without one, and certificates' proofs."""
    routes = {
        re.sub("<[^>]+>", "a", str(rule))
        for rule in create_app(Settings(server=ServerSettings(ollama=True))).url_map.iter_rules()
    }
    with requests.Session() as session:
        for path in [*routes, "/v1", "//v1//models", "/v1/nothing.py"]:
            answer = session.get(apache.url + path, timeout=30)
            assert answer.headers.get("X-Request-ID"), f"{path}: {answer.status_code}"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if "wsgi" not in (apache.site / "../apache/apache.conf").read_text():  # where all paths are the service's
        proof = apache.site / ".well-known/acme-challenge/token"
        proof.parent.mkdir(parents=True, exist_ok=True)
        proof.write_text("proof")
        assert requests.get(f"{apache.url}/.well-known/acme-challenge/token", timeout=10).text == "proof"


def sandbox_key() -> str:
    return "c2FuZGJveDpzYW5kYm94"
