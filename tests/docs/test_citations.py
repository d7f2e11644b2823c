"""Comments cite docs/gigachat-contract.md and docs/salutespeech-contract.md by the numbers of their rules, and every
rule says how it is known.

In comments and docstrings the document's short name is kept for that, and always followed by numbers, as in
contract 3.1.4, 3.3.2, 6.1: whoever looks for the users of a rule finds all of them. The other one is cited by the name
of its service, as in SaluteSpeech 2.8, 2.9.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import CONTRACTS, FENCE, ROOT

GIGACHATS, SALUTESPEECHS = (FENCE.sub("", (ROOT / name).read_text()) for name in CONTRACTS)
NUMBER = r"\d+(?:\.\d+)+\b"
# Chapters and rules as they come; a rule ends with its evidence.
CHAPTER = re.compile(r"^##+ (\d[\d.]*) ", re.M)
RULE = re.compile(r"^\*\*(\d[\d.]*)\*\* ", re.M)
EVIDENCE = re.compile(r"\n\*(\w+): [^\n]+\.\*\s*\Z")
CONFIDENCE = re.compile(r"^\| \*(\w+)\* \|", re.M)
RULES, RULES_OF_SPEECH = RULE.findall(GIGACHATS), RULE.findall(SALUTESPEECHS)
DOCUMENTS = pytest.mark.parametrize("document", [GIGACHATS, SALUTESPEECHS], ids=CONTRACTS)

TREES = ("gpt2giga", "gpt2giga_sandbox", "tests")
SOURCES = (".py", ".js", ".css", ".html", ".sh", ".json")
# By itself, not as a part of a path or a name.
NAME = re.compile(r"(?<![\w./-])contracts?\b(?![/-]|\.\w)", re.I)
OF_SPEECH = re.compile(rf"\bSaluteSpeech ({NUMBER}(?:, {NUMBER})*)")
CITATION = re.compile(rf"[Cc]ontract {NUMBER}(?:, {NUMBER})*(?!,?(?: and| or| to)? \d|[.,–-]\d|(?:,| and| or)$)")


def remarks(file: Path) -> Iterator[tuple[int, str]]:
    """Lines of comments and docstrings, with their numbers; all lines of what is not Python."""
    if file.suffix != ".py":
        yield from enumerate(file.read_text().splitlines(), 1)
        return
    with file.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.COMMENT or '"""' in token.string[:4]:
                yield from enumerate(token.string.splitlines(), token.start[0])


def faults(line: str) -> list[str]:
    """What cites no rule: forms that are none, and numbers that no rule has."""
    cited = [citation for name in NAME.finditer(line) if (citation := CITATION.match(line, name.start()))]
    unread = len(NAME.findall(line)) - len(cited)
    of_speech = (number for found in OF_SPEECH.findall(line) for number in found.split(", "))
    return [
        *[line.strip()] * unread,
        *(n for found in cited for n in re.findall(NUMBER, found[0]) if n not in RULES),
        *(number for number in of_speech if number not in RULES_OF_SPEECH),
    ]


@pytest.mark.parametrize("tree", TREES)
def test_citations_resolve(tree: str) -> None:
    files = [file for file in sorted((ROOT / tree).rglob("*")) if file.suffix in SOURCES]
    found = ((file.relative_to(ROOT), number, faults(line)) for file in files for number, line in remarks(file))
    assert [f"{file}:{number}: {fault}" for file, number, wrong in found for fault in wrong] == []


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("(contract 3.1.4).", []),
        ("Contract 3.1.4, 3.3.2, 6.1: it is so, in 2 cases.", []),
        ("docs/gigachat-contract.md, gpt2giga/upstream/contract/v1.py, gpt2giga.upstream.contract.v1", []),
        ("(contract 3.1)", ["3.1"]),  # a chapter
        ("(contract 3.1.4, 3.1.400, 9.99)", ["3.1.400", "9.99"]),
        ("(SaluteSpeech 2.8, 2.9), which SaluteSpeech has", []),
        ("(SaluteSpeech 2.8, 9.9)", ["9.9"]),
    ],
)
def test_numbers_of_a_citation(line: str, unknown: list[str]) -> None:
    assert faults(line) == unknown


@pytest.mark.parametrize(
    "line",
    [
        *("(contract 3)", "(contract, 3.1.4)", "contract §3.1.4", "contract rule 3.1.4", "contracts 3.1.4"),
        *("contract 3.1.4, 5", "contract 3.1.4 and 3.1.5", "contract 3.1.4 to 3.1.6", "contract 3.1.4-6"),
        *("contract 3.1.4,", "rule 3.1.4 of the contract", "CONTRACT 3.1.4", "as the contract says"),
    ],
)
def test_what_is_no_citation(line: str) -> None:
    assert faults(line) == [line]


@DOCUMENTS
def test_rules_are_in_order(document: str) -> None:
    """Each below the chapter that its number names; gaps are allowed, for a number keeps its meaning."""
    numbers = [tuple(map(int, number.split("."))) for number in RULE.findall(document)]
    assert numbers == sorted(set(numbers))
    for chapter, inside in chapters(document):
        assert [number for number in RULE.findall(inside) if number.rpartition(".")[0] != chapter] == []


def chapters(document: str) -> list[tuple[str, str]]:
    """Numbers and texts."""
    _, *parts = CHAPTER.split(document)
    return list(zip(parts[::2], parts[1::2], strict=True))


@DOCUMENTS
def test_every_rule_has_a_source_and_a_confidence(document: str) -> None:
    evidence = {}
    for _, inside in chapters(document):
        _, *parts = RULE.split(inside)
        evidence |= {number: EVIDENCE.search(rule) for number, rule in zip(parts[::2], parts[1::2], strict=True)}
    assert [number for number, found in evidence.items() if not found] == []
    assert list(evidence) == RULE.findall(document)
    assert {found[1] for found in evidence.values() if found} == set(CONFIDENCE.findall(document))


@DOCUMENTS
def test_rules_refer_to_rules(document: str) -> None:
    pairs = re.findall(rf"\brules? ({NUMBER})(?: (?:and|to) ({NUMBER}))?", document)
    assert {number for pair in pairs for number in pair if number} - set(RULE.findall(document)) == set()


def test_the_rules_of_speech_are_used() -> None:
    """So that a pattern that finds nothing does not look like order."""
    texts = [file.read_text() for tree in TREES for file in (ROOT / tree).rglob("*.py")]
    assert sum(len(OF_SPEECH.findall(text)) for text in texts) > 10
