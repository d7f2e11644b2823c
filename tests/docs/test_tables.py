"""The documents' tables are those of the code.

`make tables` brings them up to date, the Russian ones with what the catalogue of the command says
(`make messages`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from gpt2giga.commands.snippets import SNIPPETS
from gpt2giga.config.variables import parse, table
from gpt2giga.dialects.gemini.parameters import TABLE as GEMINI
from gpt2giga.dialects.ollama.parameters import TABLE as OLLAMA
from gpt2giga.dialects.openai.parameters import TABLE as OPENAI
from gpt2giga.dialects.parameters import Parameter
from gpt2giga.factory import create_app
from gpt2giga.language import _, speaking
from tests.docs.blocks import holder_of, ROOT, rows, text

FATES = {"used": "используется", "emulated": "эмулируется", "ignored": "игнорируется", "refused": "отклоняется"}
# What is the same in every language.
FACTS = re.compile(r"`[^`]+`|\b[A-Z][A-Z0-9]*_[A-Z_0-9]+\b|\b\d[\d.]*\b|\w+://\S+|\w+=[\w-]+|True|False")


@dataclass(frozen=True)
class Table:
    head: tuple[str, ...]
    russian_head: tuple[str, ...]
    rows: list[tuple[str, str, str]]
    meanings: dict[str, str] | None = None  # the Russian last column, where it is not in the catalogue

    def printed(self) -> str:
        return _lines(self.head, self.rows)

    def printed_in_russian(self) -> str:
        with speaking("ru"):
            found = [
                (name, FATES.get(second, second), self.meanings[name] if self.meanings else meaning and _(meaning))
                for name, second, meaning in self.rows
            ]
        return _lines(self.russian_head, found)


def _lines(head: tuple[str, ...], rows: list[tuple[str, str, str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ("---",) * 3, *rows])


def of_parameters(table: Mapping[str, Parameter]) -> Table:
    return Table(
        ("parameter", "support", "how"),
        ("параметр", "поддержка", "как"),
        [(f"`{name}`", parameter.fate, parameter.how) for name, parameter in table.items()],
    )


TABLES = {
    "settings": Table(
        ("variable", "default", "meaning"),
        ("переменная", "по умолчанию", "смысл"),
        [(f"`{variable}`", default and f"`{default}`", doc) for variable, default, doc in table()],
    ),
    "parameters": of_parameters(OPENAI),
    "ollama": of_parameters(OLLAMA),
    "gemini": of_parameters(GEMINI),
    "clients": Table(
        ("client", "command", "where it goes"),
        ("клиент", "команда", "куда вставить"),
        [(client.title, f"`gpt2giga connect {name}`", client.about["en"]) for name, client in SNIPPETS.items()],
        {client.title: client.about["ru"] for client in SNIPPETS.values()},
    ),
}


def meanings(name: str) -> dict[str, str]:
    return {row[0]: row[-1] for row in rows(holder_of(name, russian=True), name)}


def write_tables() -> None:
    for name, found in TABLES.items():
        for russian, printed in ((False, found.printed()), (True, found.printed_in_russian())):
            path = ROOT / holder_of(name, russian=russian)
            start, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
            before, after = path.read_text().split(start)
            path.write_text(before + start + printed + after[after.index(end) :])


@pytest.mark.parametrize("name", TABLES)
def test_printed(name: str) -> None:
    printed = f"<!-- {name} -->\n{TABLES[name].printed()}\n<!-- /{name} -->"
    assert printed in text(holder_of(name)), "run: make tables"


@pytest.mark.parametrize("name", TABLES)
def test_in_russian(name: str) -> None:
    """Every row with its default; an explanation wherever there is an English one, in Russian, with the same facts."""
    told = meanings(name)
    printed = f"<!-- {name} -->\n{TABLES[name].printed_in_russian()}\n<!-- /{name} -->"
    assert printed in text(holder_of(name, russian=True)), "run: make tables"
    for first, _second, meaning in TABLES[name].rows:
        assert bool(meaning) == bool(told[first]), first
        assert {fact for fact in FACTS.findall(meaning) if fact not in told[first]} == set(), first
        assert not re.search("[a-z]{4} [a-z]{2,} [a-z]{4}", told[first]), "in English"


@pytest.mark.parametrize("russian", [False, True])
def test_endpoints(russian: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every route that the service has, and no other."""
    app = create_app(parse({"GIGACHAT_CREDENTIALS": "YTpi", "GPT2GIGA_METRICS": "True", "GPT2GIGA_OLLAMA": "True"}))
    routes = {
        f"{method} {re.sub('<(?:[^<>]*:)?[^<>]*?_?id>', '{id}', rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith(("/v1", "/ui"))
    }
    named = {name for row in rows(holder_of("endpoints", russian=russian), "endpoints") for name in _endpoints(row[0])}
    assert named == routes


def _endpoints(cell: str) -> Iterator[str]:
    """`POST`, `GET /files`, `/more`: both methods for both paths."""
    methods: list[str] = []
    complete = True
    for word in re.findall(r"[A-Z]+|/[^`, ]*", cell):
        if word.startswith("/"):
            yield from (f"{method} {word.removeprefix('/v1')}" for method in methods)
            complete = True
        else:
            methods, complete = [*([] if complete else methods), word], False


if __name__ == "__main__":
    write_tables()
