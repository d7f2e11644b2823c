"""The documents' other blocks: each kind is run, or checked against what it claims."""

from __future__ import annotations

import ast
import configparser
import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from gpt2giga.config.sources import read_settings
from gpt2giga.telemetry import request_log
from gpt2giga_sandbox.server import SandboxServer
from tests.commands.running import printed
from tests.deploy.test_systemd import GUIDES_UNIT
from tests.docs.blocks import all_of, blocks, DOCUMENTS, holder_of, ROOT, rows
from tests.service import Service
from tests.sockets import eventually
from tests.test_request_log import Told

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

URL = "http://127.0.0.1:8080"
HELLO = [{"role": "user", "content": "Привет!"}]
PLACEHOLDER = re.compile(r"(?<=GIGACHAT_CREDENTIALS=)\S+")
# Each has a test here; test_commands.py has bash.
KINDS = {"bash", "python", "py", "dotenv", "ini", "json", "toml", "yaml", "text", "log"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_is_of_a_kind_that_is_checked(document: str) -> None:
    assert {block.language for block in blocks(document)} <= KINDS
    unclosed = [line for line in (ROOT / document).read_text().splitlines() if line.startswith("```")]
    assert len(unclosed) == 2 * len(blocks(document))


@pytest.mark.parametrize("script", all_of("python"))
def test_python(service: Service, script: str) -> None:
    here = script.replace(URL, service.url)
    done = subprocess.run([sys.executable, "-c", here], capture_output=True, text=True, timeout=30, check=True)
    assert "Привет!" in done.stdout


@pytest.mark.parametrize("script", all_of("py"))
def test_python_of_the_agents_sdk(script: str) -> None:
    """The SDK is too large to install for this; make test-clients has it and runs the block."""
    assert 'r"```py\\n' in (ROOT / "tests/clients/test_openai_agents.py").read_text()
    tree = ast.parse(script)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module != "agents":
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names)
    [base] = [node.value.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "base_url"]
    assert base == f"{URL}/v1"


@pytest.mark.parametrize("text", all_of("dotenv"))
def test_settings(sandbox: SandboxServer, tmp_path: Path, text: str) -> None:
    """As they stand but for the key; what they call usual is the default."""
    file = tmp_path / "settings"
    text = PLACEHOLDER.sub(sandbox.credentials, text)
    file.write_text(text)
    variables, settings, doubts = read_settings(file)
    assert doubts == [] and settings.account.credentials == sandbox.credentials
    assert dict(re.findall(r"^(\w+)=(.*)$", text, re.M)).items() <= variables.items()
    file.write_text(f"GIGACHAT_CREDENTIALS={sandbox.credentials}\n")
    assert settings == read_settings(file)[1]


@pytest.mark.parametrize("text", all_of("ini"))
def test_unit(tmp_path: Path, text: str) -> None:
    """It is the one that make test-deploy starts below a real systemd."""
    assert text == GUIDES_UNIT
    parser = configparser.ConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their capitals
    parser.read_string(text)
    assert parser["Service"]["ExecStart"] == "/usr/local/bin/gpt2giga"
    if shutil.which("systemd-analyze"):  # it wants a program that is there
        unit = tmp_path / "gpt2giga.service"
        unit.write_text(text.replace("/usr/local/bin/gpt2giga", sys.executable))
        done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=30)
        assert unit.name not in done.stdout + done.stderr, "what it says else is of this machine's own units"


def within(part: Any, whole: Any, place: str = "") -> list[str]:
    """Where `part` says something that `whole` does not. Models go by their ids."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return [wrong for name in part for wrong in within(part[name], whole.get(name), f"{place}.{name}")]
    if place.endswith(".models"):
        return within({model["id"]: model for model in part}, {model["id"]: model for model in whole}, f"{place}:")
    return [] if part == whole else [f"{place}: {part}, but {whole}"]


@pytest.mark.parametrize("text", all_of("json"))
def test_openclaws_file(service: Service, text: str) -> None:
    """What it holds is what connect writes; make test-openclaw shows it to OpenClaw."""
    shown = json.loads(text)
    written = json.loads(printed("connect", "openclaw", "--print", "--url", service.url).replace(service.url, URL))
    assert within(shown, written) == []
    assert shown.keys() == written.keys()
    assert shown["models"]["providers"]["gigachat"].keys() == written["models"]["providers"]["gigachat"].keys()


def test_within_sees_differences() -> None:
    assert within({"a": {"b": 1}}, {"a": {"b": 2}}) == [".a.b: 1, but 2"]
    assert within({"models": [{"id": "a"}]}, {"models": []}) == [".models:.a: {'id': 'a'}, but None"]


@pytest.mark.parametrize("text", all_of("toml"))
def test_codexs_file(text: str) -> None:
    shown, written = tomllib.loads(text), tomllib.loads(printed("connect", "codex"))
    assert written["model_providers"]["gigachat"].pop("env_key"), "the text says when it is needed"
    assert shown == written


def test_prometheus(start_service: Callable[..., Service], sandbox: SandboxServer) -> None:
    """It would find what the tables promise, and only with the key. Languages differ in the comment."""
    config, *others = map(yaml.safe_load, all_of("yaml"))
    assert others in ([], [config])
    [job] = config["scrape_configs"]
    [[target]] = [config["targets"] for config in job["static_configs"]]
    key = job["authorization"]["credentials"]
    keys = {"GPT2GIGA_API_KEY": f"{key},another", "GPT2GIGA_ADMIN_KEY": "key-1"}
    service = start_service(GPT2GIGA_METRICS="True", **keys)
    url = f"http://{target}".replace(URL, service.url)
    assert url == service.url and service.get("/metrics").status_code == 401
    shown = {"Authorization": f"Bearer {key}"}
    # Some are told of only once they have happened.
    sandbox.state.script({"status": 500}, {"text": "Нет.", "finish_reason": "blacklist"})
    assert service.post("/v1/chat/completions", {"messages": HELLO}, headers=shown).status_code == 200
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    body = {"messages": HELLO, "functions": [{"name": "f", "parameters": schema}]}
    sandbox.state.script({"call": {"name": "f", "arguments": {}}})
    assert service.post("/v1/chat/completions", body, headers=shown).status_code == 200
    # Packages are asked for beside all this.
    assert eventually(lambda: "gpt2giga_package_tokens_whole" in service.get("/metrics", headers=shown).text)
    told = service.get("/metrics", headers=shown).text
    families = {name.removesuffix("_total") for name in re.findall(r"^# TYPE (gpt2giga_\w+)", told, re.M)}
    for russian in (False, True):
        table = rows(holder_of("metrics", russian=russian), "metrics")
        promised = {name for row in table for name in re.findall(r"`(gpt2giga_\w+)`", row[0])}
        assert {name.removesuffix("_total") for name in promised} == families


@pytest.mark.parametrize("line", all_of("log"))
def test_line_of_the_log(app_with: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """It looks like one that the service writes, and the table explains its fields."""
    told = Told()
    monkeypatch.setattr(request_log.log, "handlers", [told])
    client = app_with(GPT2GIGA_API_KEY="alice:KEY-OF-ALICE", GPT2GIGA_MAX_CONCURRENCY="1").test_client()
    body = {"model": "GigaChat-2-Max", "messages": HELLO, "stream": True}
    response = client.post("/v1/chat/completions", json=body, headers={"Authorization": "Bearer KEY-OF-ALICE"})
    response.get_data()
    response.close()
    fields = re.findall(r" (\w+)=", line)
    assert [name for name in fields if name != "queue_ms"] == [*told.fields()], "nobody else was in the queue"
    for russian in (False, True):
        table = rows(holder_of("log", russian=russian), "log")
        assert set(fields) <= {name for row in table for name in re.findall(r"`(\w+)`", row[0])}


@pytest.mark.parametrize("text", all_of("text"))
def test_picture(text: str) -> None:
    """What it names is there."""
    assert all([*(ROOT / "gpt2giga").rglob(name)] for name in re.findall(r"\w+\.py", text))
    assert "class ChatRequest" in (ROOT / "gpt2giga/chat.py").read_text() and "ChatRequest" in text
