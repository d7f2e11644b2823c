"""The documents' shell commands, as a reader would type them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from gpt2giga_sandbox.sound import opus
from tests.commands.running import printed
from tests.docs.blocks import all_commands, blocks, commands, DOCUMENTS, in_code, PAIRS, ROOT, text, WITHOUT_TWIN
from tests.docs.machine import ReadersMachine, RECORDING
from tests.docs.programs import CURLS, ELSEWHERE, Elsewhere
from tests.service import free_port, Service

URL = "http://127.0.0.1:8080"
VOICE = "/v1/audio/"  # which needs a service with SaluteSpeech
ENGLISH = [*(english for english, _ in PAIRS), *WITHOUT_TWIN]
DEPLOY = "docs/deployment.md"
# Their reader has a service that runs.
AFTER_INSTALLATION = ("docs/accounts.md", "docs/batches.md", "docs/keys.md", "docs/monitoring.md", "docs/voice.md")


@pytest.fixture
def machine(service: Service, sandbox: SandboxServer, tmp_path: Path) -> ReadersMachine:
    """In front of the sandbox, with the service running."""
    return ReadersMachine(
        tmp_path,
        port=free_port(),
        GIGACHAT_BASE_URL=sandbox.base_url,
        GIGACHAT_AUTH_URL=sandbox.auth_url,
        GIGACHAT_CREDENTIALS=sandbox.credentials,
        GPT2GIGA_PORT=str(service.port),
        GPT2GIGA_RUNTIME_DIR=str(tmp_path),
    )


@pytest.mark.parametrize("document", ENGLISH)
def test_every_block_runs(machine: ReadersMachine, service: Service, curt: Service, document: str) -> None:
    """One after another, from a checkout. The Russian documents have the same blocks, which test_text.py holds."""
    if document in AFTER_INSTALLATION:
        machine.install()
    for block in blocks(document):
        if block.language == "bash":
            if "git clone" in block.text or document == DEPLOY:  # there each way is complete in itself
                machine.start_over(in_checkout="git clone" not in block.text)
            machine.run(block.text.replace(URL, (curt if VOICE in block.text else service).url))


def test_a_block_that_fails_is_seen(machine: ReadersMachine) -> None:
    for block in ("unheard-of --option", "cp deploy/missing .", "gpt2giga doctor", "sudo nano missing", "make missing"):
        with pytest.raises(AssertionError, match="ended with"):
            machine.run(block)


@pytest.mark.parametrize("program", ELSEWHERE)
def test_what_is_only_a_stand_in_is_tried_elsewhere(program: str) -> None:
    assert program in {Path(words[0]).name for words in all_commands()}, "no document has it any more"
    check(ELSEWHERE[program])


def check(elsewhere: Elsewhere) -> None:
    assert elsewhere.why and elsewhere.shows in (ROOT / elsewhere.file).read_text()
    subprocess.run(["make", "--silent", "--dry-run", elsewhere.target], cwd=ROOT, check=True, capture_output=True)


CURL = [words for words in all_commands() if words[0] == "curl" and any(URL in word for word in words)]


def body(words: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(words[words.index("-d") + 1]) if "-d" in words else {}
    return found


def answer_is_right(path: str, asked: dict[str, Any], said: str) -> bool:
    """False also for a path that nobody has thought of here."""
    if asked.get("stream"):
        frames = [frame.removeprefix("data: ") for frame in said.split("\n\n")]
        chunks = [json.loads(frame) for frame in frames[:-2]]
        return frames[-2:] == ["[DONE]", ""] and any(chunk["choices"][0]["delta"].get("content") for chunk in chunks)
    if path.startswith(VOICE):
        return "-->" in said or bool(json.loads(said)["text"])
    answer = json.loads(said)
    if path == "/v1/chat/completions":
        message = answer["choices"][0]["message"]
        names = [call["function"]["name"] for call in message.get("tool_calls", [])]
        return (
            names == [tool["function"]["name"] for tool in asked["tools"]] if "tools" in asked else message["content"]
        )
    if path.endswith(":generateContent"):
        return "Привет!" in answer["candidates"][0]["content"]["parts"][0]["text"]
    if path == "/v1/embeddings":
        return [len(found["embedding"]) for found in answer["data"]] == [2560] * len(asked["input"])
    if path == "/v1/moderations":
        return [result["flagged"] for result in answer["results"]] == [False]
    if path == "/v1/responses/compact":
        return [item["type"] for item in answer["output"]] == ["message", "compaction"]
    if path == "/v1/responses":
        return (answer["status"], asked["background"]) == ("queued", True)
    if path == "/v1/conversations":
        return str(answer["id"]).startswith("conv_")
    if path == "/openapi.json":
        return str(answer["openapi"]).startswith("3.1")
    if path == "/v1/batches":
        return bool(answer["object"] == "list")
    if path == "/v1/models":
        return "GigaChat-2-Max" in [model["id"] for model in answer["data"]]
    return path == "/health" and answer["status"] == "ok"


@pytest.mark.parametrize("words", CURL, ids=lambda words: " ".join(words)[:70])
def test_curl(service: Service, curt: Service, tmp_path: Path, words: tuple[str, ...]) -> None:
    [address] = [word for word in words if word.startswith(URL)]
    (tmp_path / RECORDING).write_bytes(opus("Привет!"))
    here = [word.replace(URL, (curt if VOICE in address else service).url) for word in words]
    command = ["curl", "-sS", *here[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, cwd=tmp_path)
    if "--output" in words:
        assert (tmp_path / words[words.index("--output") + 1]).read_bytes().startswith(b"RIFF")
    else:
        assert answer_is_right(address.removeprefix(URL), body(words), done.stdout), done.stdout


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_curl_is_tried(document: str) -> None:
    """By test_curl, or where the table says, with its reason, which -rP prints."""
    scripts = [block.text for block in blocks(document) if block.language == "bash"]
    called = [" ".join(words) for script in scripts for words in commands(script) if words[0] == "curl"]
    others = [block.text for block in blocks(document) if block.language != "bash"]
    shown = [line.strip() for found in (*others, *in_code(document)) for line in found.splitlines()]
    for line in [*called, *(line for line in shown if line.startswith("curl "))]:
        if line in called and URL in line:
            continue
        [start] = [start for start in CURLS if line.startswith(start)] or [None]
        assert start, f"{document}: nobody tries {line}"
        elsewhere = CURLS[start]
        print(f"{document}: {start}: {elsewhere.why}; {elsewhere.file} tries it, by make {elsewhere.target}")


@pytest.mark.parametrize("start", CURLS)
def test_a_curl_that_is_tried_elsewhere(start: str) -> None:
    assert any(start in text(document) for document in DOCUMENTS), "no document has it any more"
    check(CURLS[start])


def options(words: tuple[str, ...]) -> set[str]:
    return {word for word in words if word.startswith("--")}


@pytest.mark.parametrize("words", [words for words in all_commands() if words[0] == "openclaw"], ids=" ".join)
def test_openclaws_commands_are_those_that_are_tried(words: tuple[str, ...]) -> None:
    """make test-openclaw calls the real one; here its tests must know the same verbs and options."""
    tried = "".join(path.read_text() for path in sorted((ROOT / "tests/openclaw").glob("*.py")))
    verbs = re.match(r"(\w+ )+", " ".join(words[1:]) + " ")
    assert verbs
    quoted = ", ".join(f'"{verb}"' for verb in verbs[0].split()[: 3 if words[1] == "infer" else 2])
    assert quoted in tried
    assert {option for option in options(words) if f'"{option}"' not in tried} == set()


def test_claude_code_gets_what_connect_says() -> None:
    def exported(script: str) -> list[str]:
        return [pair for words in commands(script) if words[0] == "export" for pair in words[1:]]

    [block] = [block.text for block in blocks("docs/clients.md") if "ANTHROPIC_BASE_URL" in block.text]
    assert exported(block) == exported(printed("connect", "claude-code"))
