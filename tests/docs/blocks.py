"""The documents, taken apart: fenced blocks, their shell commands, tables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# Code cites their rules; test_citations.py reads them.
CONTRACTS = ("docs/gigachat-contract.md", "docs/salutespeech-contract.md")
# Every page has a Russian twin beside it, NAME.ru.md.
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md") if ".ru." not in path.name)]
PAIRS = [(page, page.replace(".md", ".ru.md")) for page in PAGES if page not in CONTRACTS]
CONTRACTS_IN_RUSSIAN = tuple(page.replace(".md", ".ru.md") for page in CONTRACTS)  # introductions
# Those for contributors, and for who looks into a folder, have none.
WITHOUT_TWIN = [name for name in ("CONTRIBUTING.md", "SECURITY.md", "deploy/README.md") if (ROOT / name).exists()]
DOCUMENTS = [*(name for pair in PAIRS for name in pair), *CONTRACTS_IN_RUSSIAN, *WITHOUT_TWIN]
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.S | re.M)
BETWEEN = re.compile(r"[&|;\n]+")
OPTIONS_WITH_A_VALUE = ("-u", "-g")


@dataclass(frozen=True)
class Block:
    language: str
    text: str


def text(document: str) -> str:
    return (ROOT / document).read_text()


def blocks(document: str) -> list[Block]:
    return [Block(language, inside) for language, inside in FENCE.findall(text(document))]


def prose(document: str) -> str:
    return FENCE.sub("", text(document))


def in_code(document: str) -> list[str]:
    """What stands `so` in the text and its tables."""
    return re.findall(r"`([^`\n]+)`", prose(document))


def holder_of(marker: str, *, russian: bool = False) -> str:
    """The page between whose markers a table stands."""
    [found] = [pair[russian] for pair in PAIRS if f"<!-- {marker} -->" in text(pair[russian])]
    return found


def all_of(language: str) -> list[str]:
    """The blocks of one kind, those that two documents share once."""
    found = (block.text for document in DOCUMENTS for block in blocks(document) if block.language == language)
    return [*dict.fromkeys(found)]


def commands(script: str) -> Iterator[tuple[str, ...]]:
    """Each simple command of a block, without sudo. Raises ValueError for what a shell would not take."""
    lexer = shlex.shlex(script.replace("\\\n", " "), posix=True, punctuation_chars="&|;<>()\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    words: list[str] = []
    comment = False
    for token in [*lexer, "\n"]:
        if BETWEEN.fullmatch(token):
            comment = comment and "\n" not in token
            if words:
                yield _without_sudo(words)
            words = []
            continue
        comment = comment or token.startswith("#")
        if not comment:
            words.append(token)


def _without_sudo(words: list[str]) -> tuple[str, ...]:
    while words[0] == "sudo" or words[0].startswith("-") or re.match(r"[A-Z]+=", words[0]):
        words = words[2:] if words[0] in OPTIONS_WITH_A_VALUE else words[1:]
    return tuple(words)


def all_commands() -> list[tuple[str, ...]]:
    return [*dict.fromkeys(command for script in all_of("bash") for command in commands(script))]


def rows(document: str, marker: str) -> list[list[str]]:
    """The cells of a table that stands between two markers, without its head."""
    found = re.search(rf"<!-- {marker} -->\n(.*?)\n<!-- /{marker} -->", text(document), re.S)
    assert found, f"{document}: no <!-- {marker} -->"
    return [re.split(r" ?\| ?", line.strip("|").strip(" ")) for line in found[1].splitlines()[2:]]
