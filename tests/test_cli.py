"""The command as a process: what it prints, and how it ends when something is wrong."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import requests

from gpt2giga import __version__
from gpt2giga.config.variables import table
from gpt2giga_sandbox.server import SandboxServer
from tests.service import free_port, launch, Service

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


VERBS = ("chat", "connect", "doctor", "init", "launch", "models", "probe", "sandbox", "serve")


@pytest.mark.parametrize("verb", [(), *((verb,) for verb in VERBS)])
def test_version_and_help_everywhere(verb: tuple[str, ...]) -> None:
    assert run(*verb, "--version").stdout == f"gpt2giga, version {__version__}\n"
    assert run(*verb, "-h").stdout == run(*verb, "--help").stdout != ""


def test_help_lists_the_commands_in_whole_sentences() -> None:
    commands = run("-h").stdout.partition("Commands:")[2].partition("Settings,")[0]
    assert [verb for verb in VERBS if f"  {verb} " not in commands] == [] and "..." not in commands


@pytest.mark.parametrize("words", [("launch",), ("launch", "vim"), ("fly",), ("chat", "--fly")])
def test_a_wrong_word_is_told_in_one_line(words: tuple[str, ...]) -> None:
    assert "--help)" in refused(*words)


def test_a_mistyped_command_is_guessed() -> None:
    """Also one that is imported only when it is asked for."""
    assert refused("conect") == "gpt2giga: No such command 'conect'. Did you mean 'connect'? (see gpt2giga --help)\n"
    assert "'serve'?" in refused("sreve")


def test_completion() -> None:
    """By click, under the name that the command is installed with."""
    command = [Path(sys.executable).parent / "gpt2giga"]
    for shell, words in (("bash", "gpt2giga lau"), ("zsh", "gpt2giga lau"), ("fish", "gpt2giga lau")):
        asked = {"_GPT2GIGA_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": "1"}
        fish = {"COMP_CWORD": "lau"} if shell == "fish" else {}
        done = subprocess.run(command, env={**asked, **fish}, capture_output=True, text=True, timeout=30)
        assert "launch" in done.stdout, done


def test_a_port_in_use_of_the_sandbox() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "in use" in refused("sandbox", "--port", str(taken.getsockname()[1]))


@pytest.mark.parametrize("demo", [False, True])
def test_the_character_of_the_sandbox(demo: bool) -> None:
    options = ["--character", "tolerant", *(["--demo"] if demo else [])]
    command = [sys.executable, "-m", "gpt2giga", "sandbox", "--port", "0", *options, "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        url = process.stdout.readline().split()[-1]
        settings = requests.post(f"{url}/sandbox/settings", json={}, timeout=10).json()
        process.stdin.close()
    assert settings["character"]["v2"] is True
    assert (settings["demo"], settings["frame_delay"] > 0) == (demo, demo)


def test_help_prints_every_setting() -> None:
    shown = run("--help").stdout
    assert [variable for variable, _, _ in table() if variable not in shown] == []


def test_no_credentials() -> None:
    assert "GIGACHAT_CREDENTIALS" in refused()
    assert "GIGACHAT_CREDENTIALS" in refused("serve")


@pytest.mark.parametrize("port", ["http", "0", "65536"])
def test_port_that_is_none(port: str) -> None:
    """Named as it was given."""
    assert f"--port (GPT2GIGA_PORT): '{port}'" in refused("--port", port, GIGACHAT_CREDENTIALS=KEY)
    assert f"--port (GPT2GIGA_PORT): '{port}'" in refused("--port", port, "connect", "openai")
    assert f": GPT2GIGA_PORT: '{port}'" in refused(GPT2GIGA_PORT=port, GIGACHAT_CREDENTIALS=KEY)


def test_key_that_is_none_is_not_shown() -> None:
    sentence = refused(GIGACHAT_CREDENTIALS="secret-but-wrong")
    assert "GIGACHAT_CREDENTIALS" in sentence and "secret-but-wrong" not in sentence


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_port_in_use(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"{host}:{port}" in refused("--host", host, "--port", port, GIGACHAT_CREDENTIALS=KEY)


def test_host_that_is_none() -> None:
    assert "GPT2GIGA_HOST" in refused("--host", "no.such.host.invalid", GIGACHAT_CREDENTIALS=KEY, GPT2GIGA_API_KEY="k")


def test_host_that_others_can_reach() -> None:
    assert "set GPT2GIGA_API_KEY" in refused("--host", "0.0.0.0", GIGACHAT_CREDENTIALS=KEY)


def test_socket_that_cannot_be() -> None:
    for path in ("/nowhere/socket", __file__):
        assert f"unix:{path}" in refused("--host", f"unix:{path}", GIGACHAT_CREDENTIALS=KEY)


def test_socket_in_use(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(path)
        taken.listen()
        assert f"unix:{path}" in refused("--host", f"unix:{path}", GIGACHAT_CREDENTIALS=KEY)


def test_certificates_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    for variable, path in (("GIGACHAT_CA_BUNDLE_FILE", tmp_path / "none.pem"), ("GIGACHAT_CERT_FILE", "/nowhere")):
        setting = {variable: str(path)}
        assert variable in refused("--port", str(free_port()), GIGACHAT_CREDENTIALS=KEY, **setting)


def test_a_proxy_that_is_none_or_needs_a_package(tmp_path: Path) -> None:
    """Not one traceback for each request."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['socksio'] = None")
    without_package = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "GIGACHAT_CREDENTIALS": KEY}
    sentence = refused("--port", str(free_port()), HTTPS_PROXY="ftp://user:secret@proxy", **without_package)
    assert "HTTPS_PROXY: its value is not an address" in sentence and "secret" not in sentence
    sentence = refused("--port", str(free_port()), ALL_PROXY="socks5h://user:secret@proxy", **without_package)
    assert sentence.endswith("pip install socksio\n") and "secret" not in sentence


def test_workers_that_are_no_number() -> None:
    """gunicorn looks at the variable by itself."""
    assert "WEB_CONCURRENCY: 'many'" in refused(GIGACHAT_CREDENTIALS=KEY, WEB_CONCURRENCY="many", GPT2GIGA_WORKERS="1")


def test_from_a_checkout() -> None:
    environ = {"PATH": "/usr/bin:/bin", "GPT2GIGA_PORT": "x", "GIGACHAT_CREDENTIALS": KEY}
    command = [sys.executable, ROOT / "app.py"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "GPT2GIGA_PORT: 'x'" in done.stderr


@pytest.mark.parametrize("script", ["passenger_wsgi.py", "deploy/gpt2giga.cgi"])
def test_hosters_python_changes_to_the_first_environment(tmp_path: Path, script: str) -> None:
    """A checkout may have two, hosting guides' `venv` and the Makefile's."""
    (tmp_path / "script.py").write_text((ROOT / script).read_text())
    (tmp_path / "wsgi.py").write_text("import sys; sys.exit(sys.prefix)")
    for name in ("venv", ".venv"):
        venv.create(tmp_path / name, symlinks=True)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=10)
    assert done.stderr.strip() == str(tmp_path / "venv")


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


def test_the_guides_env_file(tmp_path: Path, sandbox: SandboxServer) -> None:
    """Comments in Russian, as editors on Windows save them."""
    port = free_port()
    text = GUIDE.format(key=KEY, port=port, base_url=sandbox.base_url, auth_url=sandbox.auth_url)
    (tmp_path / ".env").write_bytes(text.encode("cp1251"))
    none = dict.fromkeys(("GIGACHAT_BASE_URL", "GIGACHAT_AUTH_URL", "GIGACHAT_CREDENTIALS"), "")
    with Service(tmp_path, sandbox, GPT2GIGA_PORT="", **none) as service:
        assert requests.get(f"http://127.0.0.1:{port}/v1/models", timeout=10).status_code == 200
        assert "anyone on the way can read the key" in service.log.read_text()


def test_sandbox_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the terminal's language. What the service answers and logs stays English: clients and operators match it."""
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")
    port = str(free_port())
    command = [sys.executable, "-m", "gpt2giga", "--sandbox", "--port", port]
    process = launch(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(4)]
    chat = f"http://127.0.0.1:{port}/v1/chat/completions"
    [curl, *arguments] = shlex.split(lines[2].partition(":")[2])
    answer = json.loads(subprocess.run([curl, "-sS", *arguments], capture_output=True, timeout=10, check=True).stdout)
    refusal = requests.post(chat, json={"messages": HELLO, "model": "GigaChat-9"}, timeout=10)
    health = requests.get(f"http://127.0.0.1:{port}/health", timeout=10).json()
    process.send_signal(signal.SIGINT)
    rest, log = process.communicate(timeout=20)
    assert all("sandbox" in line or "песочниц" in line.lower() for line in lines), lines
    assert "слушает на http" in lines[0] and "отвечает песочница (не GigaChat)" in lines[0]
    assert "Проверьте песочницу:  curl http" in lines[2]
    assert f"Откройте http://127.0.0.1:{port} в браузере" in lines[-1]
    assert health["backend"] == "sandbox (not GigaChat)"
    assert "Песочница gpt2giga" in answer["choices"][0]["message"]["content"]
    assert "does not exist. The closest one is" in refusal.json()["error"]["message"]
    assert all("sandbox" in line for line in log.splitlines() if "chat" in line)
    assert not re.search("[А-яё]", log)
    assert rest == "" and [*tmp_path.iterdir()] == []


HELLO = [{"role": "user", "content": "Привет!"}]
