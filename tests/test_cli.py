"""The command as a process: what it prints, and how it ends when something is wrong."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from gpt2giga import __version__
from gpt2giga.sandbox.server import SandboxServer
from gpt2giga.settings import table
from tests.service import free_port
from tests.service import Service

ROOT = Path(__file__).parent.parent
KEY = "Z2lnYTpjaGF0"


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gpt2giga", *arguments]
    path = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env={**path, **environ}, capture_output=True, text=True, timeout=30)


def refused(*arguments: str, **environ: str) -> str:
    """The one sentence that a failed start prints."""
    done = run(*arguments, **environ)
    assert done.returncode == 2, done
    assert done.stdout == "" and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    return done.stderr


def test_version() -> None:
    assert __version__ in run("--version").stdout


def test_help_prints_every_setting() -> None:
    shown = run("--help").stdout
    assert [variable for variable, _, _ in table() if variable not in shown] == []


def test_no_credentials() -> None:
    assert "GIGACHAT_CREDENTIALS" in refused()


@pytest.mark.parametrize("port", ["http", "0", "65536"])
def test_port_that_is_none(port: str) -> None:
    assert f"GPT2GIGA_PORT: '{port}'" in refused("--port", port, GIGACHAT_CREDENTIALS=KEY)


def test_key_that_is_none_is_not_shown() -> None:
    sentence = refused(GIGACHAT_CREDENTIALS="secret-but-wrong")
    assert "GIGACHAT_CREDENTIALS" in sentence and "secret-but-wrong" not in sentence


def test_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port}" in refused("--port", port, GIGACHAT_CREDENTIALS=KEY)


def test_host_that_is_none() -> None:
    assert "GPT2GIGA_HOST" in refused("--host", "no.such.host.invalid", GIGACHAT_CREDENTIALS=KEY, GPT2GIGA_API_KEY="k")


def test_env_file_that_is_none(tmp_path: Path) -> None:
    assert "does not exist" in refused("--env-file", str(tmp_path / "none.env"))
    assert "cannot be read" in refused("--env-file", str(tmp_path))


def test_unknown_setting_is_a_warning(tmp_path: Path) -> None:
    assert "did you mean GPT2GIGA_PORT?" in run(GPT2GIGA_PROT="1").stderr


GUIDE = """
# === Обязательные ===

# Твой Authorization Key из Sber Studio (base64 строка)
GIGACHAT_CREDENTIALS={key}

# Scope твоего аккаунта
GIGACHAT_SCOPE=GIGACHAT_API_PERS

# Порт (по умолчанию 8080, можно менять)
GPT2GIGA_PORT={port}

# Хост (по умолчанию 127.0.0.1 — только localhost)
GPT2GIGA_HOST=127.0.0.1

# SSL верификация к GigaChat (False для обхода сертификатов Минцифры)
GIGACHAT_VERIFY_SSL_CERTS=False

# Модель для эмбеддингов
GPT2GIGA_EMBEDDINGS=Embeddings
GIGACHAT_BASE_URL={base_url}
GIGACHAT_AUTH_URL={auth_url}
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
def test_the_guides_env_file(tmp_path: Path, sandbox: SandboxServer, encoding: str) -> None:
    """Comments in Russian, as editors on Windows save them too."""
    port = free_port()
    text = GUIDE.format(key=KEY, port=port, base_url=sandbox.base_url, auth_url=sandbox.auth_url)
    (tmp_path / ".env").write_bytes(text.encode(encoding))
    none = dict.fromkeys(("GIGACHAT_BASE_URL", "GIGACHAT_AUTH_URL", "GIGACHAT_CREDENTIALS"), "")
    with Service(tmp_path, sandbox, GPT2GIGA_PORT="", **none) as service:
        assert requests.get(f"http://127.0.0.1:{port}/v1/models", timeout=10).status_code == 200
        assert "anyone on the way can read the key" in service.log.read_text()


def test_sandbox_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    port = str(free_port())
    command = [sys.executable, "-m", "gpt2giga", "--sandbox", "--port", port]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    answer = requests.post(f"http://127.0.0.1:{port}/v1/chat/completions", json={"messages": HELLO}, timeout=10)
    health = requests.get(f"http://127.0.0.1:{port}/health", timeout=10).json()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=20)
    assert all("sandbox" in line for line in lines), lines
    assert health["backend"] == "sandbox (not GigaChat)"
    assert "Песочница" in answer.json()["choices"][0]["message"]["content"]
    assert all("sandbox" in line for line in rest.splitlines() if "chat" in line) and [*tmp_path.iterdir()] == []


HELLO = [{"role": "user", "content": "Привет!"}]
