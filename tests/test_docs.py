"""The README tells what the code does: its tables are printed from the code, its commands run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpt2giga.dialects.openai.parameters import TABLE
from gpt2giga.settings import table
from tests.service import Service

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.ru.md")


def settings_table() -> str:
    rows = [f"| `{variable}` | {f'`{default}`' if default else ''} | {doc} |" for variable, default, doc in table()]
    return "\n".join(["| variable | default | meaning |", "| --- | --- | --- |", *rows])


def parameters_table() -> str:
    rows = [f"| `{name}` | {parameter.fate} | {parameter.how} |" for name, parameter in TABLE.items()]
    return "\n".join(["| parameter | becomes | how |", "| --- | --- | --- |", *rows])


TABLES = {"settings": settings_table, "parameters": parameters_table}


def write_tables() -> None:
    """`python -m tests.test_docs` brings the README up to date."""
    path = ROOT / "README.md"
    text = path.read_text()
    for name, printed in TABLES.items():
        start, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        text = text[: text.index(start) + len(start)] + printed() + text[text.index(end) :]
    path.write_text(text)


@pytest.mark.parametrize("name", TABLES)
def test_tables(name: str) -> None:
    printed = f"<!-- {name} -->\n{TABLES[name]()}\n<!-- /{name} -->"
    assert printed in (ROOT / "README.md").read_text(), "run: python -m tests.test_docs"


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for name in READMES:
        for number, block in enumerate(re.findall(rf"```{language}\n(.*?)```", (ROOT / name).read_text(), re.S)):
            yield f"{name}-{number}", block


CURL = [(f"{name}-{i}", line) for name, block in blocks("bash") for i, line in enumerate(block.split("\n\n"))]


@pytest.mark.parametrize("command", [line for _, line in CURL if "curl" in line], ids=lambda c: c[:60])
def test_curl_lines(service: Service, command: str) -> None:
    here = command.replace("http://127.0.0.1:8080", service.url)
    done = subprocess.run(["bash", "-c", here], capture_output=True, text=True, timeout=30, check=True)
    assert '"choices"' in done.stdout or '"status":"ok"' in done.stdout or '"object":"list"' in done.stdout


@pytest.mark.parametrize("script", [block for _, block in blocks("python")], ids=READMES)
def test_python_blocks(service: Service, script: str) -> None:
    here = script.replace("http://127.0.0.1:8080", service.url)
    done = subprocess.run([sys.executable, "-c", here], capture_output=True, text=True, timeout=30, check=True)
    assert "Привет!" in done.stdout


if __name__ == "__main__":
    write_tables()
