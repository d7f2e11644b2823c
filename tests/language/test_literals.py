"""Whatever the command tells people goes through the catalogue: found in the source, so that nobody can forget it.

Help texts need no mark: the catalogue takes them from the commands themselves.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.language.catalogue import kept, PACKAGE

# Who speaks to people. What the service alone says, to clients, stays English.
SPOKEN = (
    "cli.py",
    "commands",
    "config",
    "serving/address.py",
    "upstream/asking.py",
    "upstream/contract/models.py",
    "upstream/files/attachments.py",
    "upstream/files/media.py",
    "upstream/learning",
    "upstream/transport/access_token.py",
    "upstream/transport/certificate.py",
    "upstream/transport/diagnosis.py",
    "upstream/transport/failures.py",
    "upstream/transport/overflow.py",
    "upstream/transport/proxy.py",
    "upstream/transport/tls.py",
)
FILES = sorted(
    file
    for name in SPOKEN
    for file in ([PACKAGE / name] if name.endswith(".py") else (PACKAGE / name).rglob("*.py"))
    if file.name != "learn_report.py"  # for whoever keeps the service, or Sber
)
MARKS = ("_", "N_", "ngettext")
# Their texts end on the screen, be they of one word.
SHOWN = re.compile(
    r"(click\.)?(echo|secho|confirm|prompt|UsageError)$"
    r"|Failure$|SettingsError$|CheckFailed$|Doubtful$|WrongShape$|Unclear$|Stopped$|ModelEnded$|UnusableToken$"
    r"|(Bad|Not|Upstream|Rate|Quota|Permission|Context)[A-Z]\w+$|KeyRejected$|_refusal$"
)
# Not for people, or in the catalogue by another way: the log; what the report calls its questions; patterns; settings
# and help, which the catalogue takes from their tables.
SILENT = re.compile(r"log\.\w+$|Request$|re\.compile$|setting$|click\.(option|argument|command|version_option)$")
TWO_WORDS, WORD = re.compile(r"[A-Za-z]{2,},? [A-Za-z]{2,}"), re.compile(r"[A-Za-z]{2,}")
BETWEEN = re.compile(r"[^\w]* [a-z]{2,} [^\w]*")  # a word alone between two values
# In the places that show something: names, which every language has as they are.
NAMES = re.compile(
    r"gpt2giga|GigaChat|curl|GIGACHAT|HTTP|https?://|--?[a-z-]+|[A-Z_0-9]{4,}|connect\b|messages|gigachat"
)
ALLOWED = {
    "HEAD / HTTP/1.1": "a request",
    "npm install": "a command",
    "pip install": "a command",
    "# === ": "a file that people read, Russian in any case, as Sber's guides are",
    "No API key": "how the service's answer begins",
    "tool call": "of JSON; the screen has its translation",
    "all keywords of schemas": "of the report",
    "a plain schema": "of the report",
    "schema with ": "of the report",
    "a call with": "of the report",
}


class Texts(ast.NodeVisitor):
    """The texts of a file that are in no mark, each with whether it is shown for certain."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str, bool]] = []
        self.marked: list[ast.expr] = []
        self._shown = [False]

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func)
        if name in MARKS:
            self.marked += node.args[: 2 if name == "ngettext" else 1]
            for value in [*node.args[2:], *(keyword.value for keyword in node.keywords)]:
                self.visit(value)
        elif not SILENT.match(name):
            self._shown.append(bool(SHOWN.match(name)) or (self._shown[-1] and name.endswith((".join", "str"))))
            for part in (node.func, *node.args[name == "Topic" :]):  # whose name JSON has
                self.visit(part)
            self._shown[-1] = False  # an option of the function, a code
            for keyword in node.keywords:
                self.visit(keyword.value)
            self._shown.pop()

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                self.visit(value.value)
            elif isinstance(value, ast.Constant):
                self.found.append((node.lineno, value.value, self._shown[-1] or bool(BETWEEN.fullmatch(value.value))))

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.found.append((node.lineno, node.value, self._shown[-1]))

    def visit_Expr(self, node: ast.Expr) -> None:
        if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):  # a docstring
            self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        """What is looked for in a text is not shown."""

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)


def texts(file: Path) -> Texts:
    visitor = Texts()
    visitor.visit(ast.parse(file.read_text()))
    return visitor


def unmarked(file: Path) -> Iterator[str]:
    for line, text, is_shown in texts(file).found:
        words = WORD if is_shown else TWO_WORDS
        if words.search(NAMES.sub("", text) if is_shown else text) and not any(name in text for name in ALLOWED):
            yield f"{file.relative_to(PACKAGE)}:{line}: {text}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_texts_for_people_are_marked(file: Path) -> None:
    assert [*unmarked(file)] == []


def test_what_is_marked_is_in_the_catalogue() -> None:
    """Babel sees no mark inside an f-string, and none can be in one that is put together."""
    known = {text for message in kept() for text in (message.id if isinstance(message.id, tuple) else (message.id,))}
    for file in PACKAGE.rglob("*.py"):
        for text in texts(file).marked:
            assert not isinstance(text, ast.JoinedStr), f"{file.name}:{text.lineno}"
            if isinstance(text, ast.Constant):
                assert text.value in known, f"{file.name}:{text.lineno}: run make messages"


def test_every_exception_is_used() -> None:
    found = [text for file in FILES for _line, text, _shown in texts(file).found]
    assert [name for name in ALLOWED if not any(name in text for text in found)] == []
