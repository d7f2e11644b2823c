"""`gpt2giga connect`: snippets for many clients, and OpenClaw's file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gpt2giga.commands.snippets import PLACEHOLDER, SNIPPETS
from tests.commands.running import printed, refused
from tests.service import free_port, Service

OPENCLAW = ("connect", "openclaw")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".openclaw" / "openclaw.json"


def content(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_it_lists_what_it_knows() -> None:
    lines = printed("connect").splitlines()
    assert [line.split()[2] for line in lines] == ["openclaw", *SNIPPETS]


@pytest.mark.parametrize(("word", "close"), [("winamp", ""), ("claude", " The closest one is claude-code.")])
def test_a_client_that_it_does_not_know(word: str, close: str) -> None:
    said = refused("connect", word)
    assert said == f"gpt2giga: '{word}' is no client known here.{close} List them all: gpt2giga connect\n"


def test_a_client_is_completed() -> None:
    asked = {"_GPT2GIGA_COMPLETE": "bash_complete", "COMP_WORDS": "gpt2giga connect op", "COMP_CWORD": "2"}
    assert printed(**asked).split() == ["plain,openclaw", "plain,openai", "plain,opencode", "plain,open-webui"]


def test_variables_for_openai(service: Service) -> None:
    shown = printed("connect", "openai", "--url", service.url, GPT2GIGA_API_KEY="first,second")
    assert shown == f"export OPENAI_BASE_URL={service.url}/v1\nexport OPENAI_API_KEY=first\n"


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippets_name_address_and_key(name: str) -> None:
    shown = printed("--port", "8765", "connect", name, GPT2GIGA_API_KEY="it's", GIGACHAT_MODEL="GigaChat-3-Ultra")
    assert "http://127.0.0.1:8765" in shown and not PLACEHOLDER.search(shown)
    assert ("""'it'"'"'s'""" if SNIPPETS[name].key == "shell" else "it's") in shown
    # Those ask for it elsewhere.
    assert ("GigaChat-3-Ultra" in shown) == (name not in ("openai", "open-webui", "ollama"))


@pytest.mark.parametrize("name", ["opencode", "vscode"])
def test_what_is_json_holds_any_key(name: str) -> None:
    assert json.loads(printed("connect", name, GPT2GIGA_API_KEY='a"b'))


@pytest.mark.parametrize("name", ["agents-sdk", "langchain", "llama-index"])
def test_what_is_python_compiles(name: str) -> None:
    compile(printed("connect", name, GPT2GIGA_API_KEY='a"b'), name, "exec")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="no tomllib")
def test_codex_reads_its_snippet() -> None:
    import tomllib

    config = tomllib.loads(printed("connect", "codex"))
    assert config["model_providers"][config["model_provider"]]["base_url"] == "http://127.0.0.1:8080/v1"


def test_a_socket_has_no_url() -> None:
    assert "--url" in refused("connect", "openai", GPT2GIGA_HOST="unix:/run/socket")
    shown = printed("connect", "openai", GPT2GIGA_HOST="0.0.0.0")
    assert "http://127.0.0.1:8080/v1" in shown


def test_openclaw_anew(service: Service, file: Path) -> None:
    said = printed(*OPENCLAW, "--url", service.url)
    assert "heartbeat" in said and file.stat().st_mode & 0o777 == 0o600
    config = content(file)
    provider = config["models"]["providers"]["gigachat"]
    models = {model["id"]: model for model in provider["models"]}
    assert provider["baseUrl"] == f"{service.url}/v1" and "apiKey" not in provider
    assert models["GigaChat-2-Max"]["input"] == ["text", "image"] and models["GigaChat-2-Lite"]["input"] == ["text"]
    assert models["GigaChat-3-Pro"]["contextWindow"] == 261120 and models["GigaChat-2"]["maxTokens"] == 8192
    assert "Embeddings" not in models
    assert config["agents"]["defaults"]["model"]["primary"] == "gigachat/GigaChat-2-Max"
    assert config["memory"]["search"] == {"provider": "gigachat", "model": "EmbeddingsGigaR"}
    assert [path.name for path in file.parent.iterdir()] == ["openclaw.json"]
    assert "connected already" in printed(*OPENCLAW, "--url", service.url)


def test_openclaw_with_a_key(guarded: Service, file: Path) -> None:
    assert "Incorrect API key" in refused(*OPENCLAW, "--url", guarded.url, "--api-key", "wrong")
    assert "--api-key" in refused(*OPENCLAW, "--url", guarded.url)
    printed(*OPENCLAW, "--url", guarded.url, GPT2GIGA_API_KEY="first-key")
    assert content(file)["models"]["providers"]["gigachat"]["apiKey"] == "first-key"


def test_openclaw_before_the_service_runs(account: dict[str, str], file: Path) -> None:
    port = str(free_port())
    printed("--port", port, *OPENCLAW, **account)
    assert content(file)["models"]["providers"]["gigachat"]["baseUrl"] == f"http://127.0.0.1:{port}/v1"
    assert "start the service first" in refused("--port", port, *OPENCLAW)


MINE = """\
// My own settings
{
  gateway: { port: 19001 },
  models: {
    default: "gigachat:GigaChat-2-Max", // of an older guide
    providers: {
      ollama: { baseUrl: "http://127.0.0.1:11434" },
      gigachat: { timeoutSeconds: 900, models: [{ id: "GigaChat-2-Max", maxTokens: 4096 }] },
    },
  },
  memory: { embeddings: { provider: "gigachat" } },
}
"""


def test_openclaw_keeps_the_rest(service: Service, file: Path) -> None:
    file.parent.mkdir()
    file.write_text(MINE)
    file.chmod(0o640)
    changes = printed(*OPENCLAW, "--url", service.url, "--dry-run")
    assert '+        "baseUrl": ' in changes and '-    "default": ' in changes and file.read_text() == MINE
    said = printed(*OPENCLAW, "--url", service.url)
    config = content(file)
    gigachat = config["models"]["providers"]["gigachat"]
    assert config["gateway"] == {"port": 19001, "mode": "local"}
    assert config["models"]["providers"]["ollama"] == {"baseUrl": "http://127.0.0.1:11434"}
    assert gigachat["timeoutSeconds"] == 900
    assert [model["maxTokens"] for model in gigachat["models"] if model["id"] == "GigaChat-2-Max"] == [4096]
    assert "default" not in config["models"] and "embeddings" not in config["memory"]
    [backup] = file.parent.glob("openclaw.json.*.bak")
    assert backup.read_text() == MINE and "comments are only there" in said and backup.name in said
    assert file.stat().st_mode & 0o777 == 0o640


def test_openclaw_only_printed(service: Service, tmp_path: Path) -> None:
    shown = json.loads(printed(*OPENCLAW, "--url", service.url, "--print"))
    assert shown["models"]["providers"]["gigachat"]["api"] == "openai-completions"
    assert not (tmp_path / ".openclaw").exists()


@pytest.mark.parametrize("text", ["{ models: ", "[1]", '{"models": []}'])
def test_a_file_that_is_not_understood_stays(service: Service, tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.json"
    file.write_text(text)
    assert "stays as it is" in refused(*OPENCLAW, "--url", service.url, "--file", str(file))
    assert file.read_text() == text and len([*tmp_path.glob("mine*")]) == 1


def test_openclaw_names_its_file_itself(service: Service, tmp_path: Path) -> None:
    """tests/openclaw asks the real one."""
    (tmp_path / "openclaw").write_text('#!/bin/sh\necho "A banner"\necho "~/elsewhere.json"\n')
    (tmp_path / "openclaw").chmod(0o755)
    printed(*OPENCLAW, "--url", service.url, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert content(tmp_path / "elsewhere.json")["models"]


def test_voice(service: Service, file: Path) -> None:
    """What is spoken needs SaluteSpeech."""
    given = (*OPENCLAW, "--voice", "--print", "--url", service.url)
    heard = json.loads(printed(*given))
    assert "tts" not in heard and heard["tools"]["media"]["audio"] == {"enabled": True}
    assert "tts" in json.loads(printed(*given, SALUTESPEECH_CREDENTIALS="aWQ6c2VjcmV0"))
