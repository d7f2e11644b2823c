"""The programs of examples/, as somebody would start them, in front of the demo's sandbox."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service

FOLDER = Path(__file__).parent.parent / "examples"
PROGRAMS = {path.name for path in FOLDER.iterdir() if path.suffix in (".py", ".sh")}
MOST_LINES = 40
SAYS = {
    "chat.py": ["Песочница"],
    "stream.py": ["1, 2, 3, 4, 5, 6, 7, 8, 9, 10", "17 tokens"],
    "tools.py": ['get_weather({"city":"Казань"})', "degrees: -7"],
    "structured_output.py": ["образец, 1 min: образец"],
    "search.py": ["Поезд в Казань"],
    "picture.py": [f"картинка, {(FOLDER / 'files/circle.png').stat().st_size} Б"],
    "document.py": ["«contract.txt» (документ"],
    "responses.py": ["Вас зовут Барсик."],
    "anthropic_messages.py": ["1, 2, 3, 4, 5"],
    "curl.sh": ['"GigaChat-2-Max"', "Песочница", "data: [DONE]"],
}
# The SDK is too large to install for this; make test-clients has it.
ELSEWHERE = {"agent.py": "tests/clients/test_openai_agents.py"}


@pytest.fixture
def said(
    service: Service, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[str], str]:
    """said("chat.py") is what it prints, with nothing told but the address. In this process, since a start of its own
    would spend most of its time on imports."""
    sandbox.state.settings.demo = True
    monkeypatch.setenv("OPENAI_BASE_URL", f"{service.url}/v1")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", service.url)

    def said(name: str) -> str:
        if name.endswith(".sh"):
            subprocess.run(["sh", FOLDER / name], check=True, timeout=60)
        else:
            monkeypatch.setattr(sys, "argv", [name])
            runpy.run_path(str(FOLDER / name), run_name="__main__")
        return capfd.readouterr().out

    return said


@pytest.mark.parametrize("name", SAYS)
def test_it_runs(name: str, said: Callable[[str], str]) -> None:
    answer = said(name)
    assert [words for words in SAYS[name] if words not in answer] == [], answer


def test_the_nearest_text_is_the_first(said: Callable[[str], str]) -> None:
    first, *_ = said("search.py").splitlines()
    assert first.endswith("Поезд в Казань отходит в полдень.")


def test_nothing_is_left_behind(said: Callable[[str], str], sandbox: SandboxServer) -> None:
    said("document.py")
    assert sandbox.state.files() == {}


def test_each_is_tried() -> None:
    assert {*SAYS, *ELSEWHERE} == PROGRAMS
    for name, file in ELSEWHERE.items():
        assert name in (FOLDER.parent / file).read_text()


@pytest.mark.parametrize("document", ["README.md", "README.ru.md"])
def test_each_is_in_the_table(document: str) -> None:
    named = re.findall(r"^\| \[(.*?)\]\(\1\) \| \S", (FOLDER / document).read_text(), re.M)
    assert sorted(named) == sorted(PROGRAMS)


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_it_is_short_and_asks_this_machine(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert text.count("\n") <= MOST_LINES
    assert "http://127.0.0.1:8080" in text and re.search("_BASE_URL", text) and re.search("_API_KEY", text)
