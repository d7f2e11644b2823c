"""What the documents' sentences name is there, and the Russian documents say the same as the English ones."""

from __future__ import annotations

import re
import shlex
import subprocess

import click
import pytest

from gpt2giga.cli import main
from gpt2giga.config.parsers import SCOPES
from gpt2giga.config.variables import VARIABLES
from tests.docs.blocks import (
    Block,
    blocks,
    commands,
    CONTRACTS,
    CONTRACTS_IN_RUSSIAN,
    DOCUMENTS,
    in_code,
    PAIRS,
    prose,
    ROOT,
    text,
)

LONGEST_BLOCK = 28
LONGEST_README = 150
ZEDS_OWN = "GIGACHAT_API_KEY"


def test_every_page_has_a_russian_twin() -> None:
    russian = {f"docs/{path.name}" for path in ROOT.glob("docs/*.ru.md")}
    assert russian | {"README.ru.md"} == {twin for _, twin in PAIRS} | {*CONTRACTS_IN_RUSSIAN}


@pytest.mark.parametrize("document", ["README.md", "README.ru.md"])
def test_readme_is_short(document: str) -> None:
    """What takes longer has a page of its own."""
    assert len(text(document).splitlines()) <= LONGEST_README


def without_comments(block: Block) -> object:
    if block.language == "bash":
        return block.text
    return re.sub(r"(^|  )#.*|(?<=GIGACHAT_CREDENTIALS=).*", "", block.text, flags=re.M)


@pytest.mark.parametrize(("english", "russian"), PAIRS)
def test_both_languages_have_the_same_blocks(english: str, russian: str) -> None:
    first, second = blocks(english), blocks(russian)
    assert [block.language for block in first] == [block.language for block in second]
    for left, right in zip(first, second, strict=True):
        assert without_comments(left) == without_comments(right)


@pytest.mark.parametrize(("readme", "russian"), [("README.md", False), ("README.ru.md", True)])
def test_readme_leads_to_every_page(readme: str, russian: bool) -> None:
    pages = [pair[russian] for pair in [*PAIRS, *zip(CONTRACTS, CONTRACTS_IN_RUSSIAN, strict=True)]]
    assert [page for page in pages if page != readme and f"({page})" not in text(readme)] == []


def outline(document: str) -> list[str]:
    """Headings without their words, rows and points of lists."""
    return re.findall(r"^(#+ (?:\d\.)?|\||- )", prose(document), re.M)


@pytest.mark.parametrize(("english", "russian"), PAIRS)
def test_both_languages_have_the_same_parts(english: str, russian: str) -> None:
    assert outline(english) == outline(russian)
    assert sorted(set(in_code(english)) - set(in_code(russian))) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_variables(document: str) -> None:
    named = set(re.findall(r"\b(?:GPT2GIGA|GIGACHAT|SALUTESPEECH)_\w+", text(document)))
    assert named <= {*VARIABLES, *SCOPES, ZEDS_OWN}


WAYS = 9


@pytest.mark.parametrize("document", ["docs/deployment.md", "docs/deployment.ru.md"])
def test_every_way_of_deploying_names_the_key(document: str) -> None:
    """Or else somebody sets up a service that lets nobody in, or everybody."""
    ways = re.split("^## ", text(document), flags=re.M)[1 : WAYS + 1]
    assert len(ways) == WAYS and [way for way in ways if "GPT2GIGA_API_KEY" not in way] == []


@pytest.mark.parametrize("file", [".env.example", *sorted(ROOT.glob("deploy/nginx/gpt2giga*")), "compose.yaml"])
def test_files_to_start_from_name_the_key(file: str) -> None:
    assert "GPT2GIGA_API_KEY" in (ROOT / file).read_text()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_and_links(document: str) -> None:
    folder = (ROOT / document).parent
    for link, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", prose(document)):
        target = (folder / link) if link else ROOT / document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), anchor
    named = set(re.findall(r"(?<![\w/.])(?:deploy|tests)/[\w./-]+\w", text(document)))
    assert [file for file in named if not (ROOT / file).exists()] == []
    folders_of_code = {name for name in in_code(document) if re.fullmatch(r"[\w/]+(/|\.py)", name)}
    places = (ROOT, *(ROOT / "gpt2giga" / room for room in ("", "upstream", "dialects", "web")))
    assert [name for name in folders_of_code if not any((place / name).exists() for place in places)] == []


def anchors(markdown: str) -> set[str]:
    """As GitHub makes them."""
    headings = re.findall(r"^#+ (.*)", markdown, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_in_sentences(document: str) -> None:
    for said in in_code(document):
        for words in commands(said) if re.match(r"(sudo .*)?(gpt2giga|make) ", said) else ():
            assert words[0] in ("gpt2giga", "make")
            check_make(words[1]) if words[0] == "make" else check_verb(*words[1:])


def check_make(target: str) -> None:
    subprocess.run(["make", "--silent", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def check_verb(*arguments: str) -> None:
    """Raises UsageError for verbs and options that do not exist."""
    context = click.Context(main)
    flags = [word for word in arguments if word.startswith("--")]
    takes_value = {option for found in main.params if not getattr(found, "is_flag", True) for option in found.opts}
    values = {after for before, after in zip(arguments, arguments[1:], strict=False) if before in takes_value}
    verbs = [word for word in arguments if not word.startswith("--") and word not in values]
    known = {option for parameter in main.params for option in parameter.opts} | {"--help"}
    if verbs and verbs[0] != "VERB":
        command = main.get_command(context, verbs[0])
        assert command, f"no verb {verbs[0]}"
        if isinstance(command, click.Group) and verbs[1:]:
            command = command.get_command(context, verbs[1])
            assert command, f"no verb {verbs[1]}"
        known |= {option for parameter in command.params for option in parameter.opts}
    assert {flag for flag in flags if flag not in known} == set()


def test_shell_words() -> None:
    """The parser itself: what is a command, and what is not."""
    script = "sudo -u www-data a 'b c' && d \\\n  e  # f && g\n# h\n\nexport I=1; j | k"
    found = ["a 'b c'", "d e", "export I=1", "j", "k"]
    assert [shlex.join(words) for words in commands(script)] == found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_blocks_are_short(document: str) -> None:
    assert max((len(block.text.splitlines()) for block in blocks(document)), default=0) <= LONGEST_BLOCK
