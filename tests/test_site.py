"""wsgi.py as Passenger and mod_wsgi load it: from a folder of their own, and with nobody there to read a traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_without_a_key import ROOT

CALL = """
import runpy, sys
from wsgiref.util import setup_testing_defaults
environ = {"PATH_INFO": sys.argv[2]}
setup_testing_defaults(environ)

def start(status, headers):
    print(status, dict(headers)["Content-Type"])

print(b"".join(runpy.run_path(sys.argv[1])["application"](environ, start)).decode())
"""
ENV = "GIGACHAT_CREDENTIALS=YTpi\nGPT2GIGA_API_KEY=of-the-site\nGPT2GIGA_SANDBOX=http://127.0.0.1:9\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A checkout in a folder that is not the current one."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "gpt2giga").symlink_to(ROOT / "gpt2giga")
    shutil.copy(ROOT / "wsgi.py", folder)
    (folder / ".env").write_text(ENV)
    return folder


def load(site: Path, path: str, *options: str) -> tuple[str, str]:
    """The status and type, and the body, of the first request."""
    command = [sys.executable, *options, "-c", CALL, site / "wsgi.py", path]
    environ = {**os.environ, "GPT2GIGA_STATE_DIR": str(site)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=True)
    assert "Traceback" not in done.stderr
    head, _, body = done.stdout.partition("\n")
    if head.startswith("503"):
        assert json.loads(body)["error"]["message"].removeprefix("gpt2giga did not start: ")[:-1] in done.stderr
    return head, body


def test_settings_beside_it(site: Path) -> None:
    head, body = load(site, "/health")
    assert head == "200 OK application/json" and "sandbox" in body
    assert load(site, "/v1/models")[0].startswith("401"), "the key of that file is asked for"


def test_settings_of_the_current_folder_win(site: Path) -> None:
    Path(".env").write_text(ENV.replace("of-the-site", "") + "GPT2GIGA_ALLOW_ANONYMOUS=True\n")
    assert load(site, "/v1/none")[0].startswith("404")


def test_a_start_that_fails_is_told(site: Path) -> None:
    (site / ".env").write_text(ENV + "GPT2GIGA_WORKERS=many\n")
    for path in ("/health", "/v1/chat/completions"):
        head, body = load(site, path)
        error = json.loads(body)["error"]
        assert head == "503 Service Unavailable application/json" and error["code"] == "not_started"
        assert "GPT2GIGA_WORKERS: 'many' is not" in error["message"] and "of-the-site" not in body


def test_no_settings_at_all(site: Path) -> None:
    (site / ".env").unlink()
    said = load(site, "/")[1]
    assert "no GigaChat account" in said and "; no file .env was found" in said


def test_the_wrong_python(site: Path) -> None:
    """mod_wsgi without python-home= takes the system's."""
    head, body = load(site, "/health", "-S")
    assert head.startswith("503") and "No module named" in body and "requirements.lock" in body
