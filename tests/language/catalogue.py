"""The catalogue beside the code: `make messages` brings it up to date, and people translate what is new there.

New messages come in empty, since a guess of gettext's would be taken for a translation; those of no use any more go.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator, Sequence
from inspect import cleandoc
from pathlib import Path

import click
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from gpt2giga.cli import main
from gpt2giga.commands.command_line import METAVAR, VERBS, with_language, with_version
from gpt2giga.config.variables import table
from gpt2giga.dialects.gemini.parameters import TABLE as GEMINI
from gpt2giga.dialects.ollama.parameters import TABLE as OLLAMA
from gpt2giga.dialects.openai.parameters import TABLE as OPENAI
from gpt2giga.language import DOMAIN, FOLDER

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gpt2giga"
PO = FOLDER / "ru" / "LC_MESSAGES" / f"{DOMAIN}.po"
MO = PO.with_suffix(".mo")
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}
WIDTH = 110


def commands() -> dict[str, click.Command]:
    """All of them, as they are defined, by what is typed for each."""
    verbs = [getattr(importlib.import_module(f"gpt2giga.commands.{verb}"), verb) for verb in VERBS]
    found = {command.name or "": command for command in (main, *main.commands.values(), *verbs)}
    for verb in verbs:
        if isinstance(verb, click.Group):
            found |= {f"{verb.name} {name}": inner for name, inner in verb.commands.items()}
    return found


def _of_help(command: click.Command) -> Iterator[str]:
    """What decorators and docstrings say, and the words that stand for values."""
    context = click.Context(command)
    yield cleandoc(command.help or "")
    yield from _words(command.options_metavar or "")
    if isinstance(command, click.Group):
        yield from _words(command.subcommand_metavar or "")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield parameter.help or ""
        if not (isinstance(parameter, click.Option) and parameter.is_flag):
            yield from _words(parameter.make_metavar(context))


def _words(text: str) -> list[str]:
    return [found[0] for found in METAVAR.finditer(text)]


def _messages() -> Iterator[tuple[str, str | Sequence[str]]]:
    """Each with the place that it comes from."""
    for folder, place in ((PACKAGE, "gpt2giga/"), (Path(click.__file__).parent, "click/")):
        for file, _line, message, _comments, _context in extract_from_dir(folder, [("**.py", "python")], KEYWORDS):
            yield f"{place}{file}", message
    for command in [*commands().values(), with_version(with_language(click.Command("")))]:
        module = getattr(command.callback, "__module__", "gpt2giga.commands.command_line")
        for text in _of_help(command):
            yield f"{module.replace('.', '/')}.py", text
    for _variable, _default, doc in table():
        yield "gpt2giga/config/settings.py", doc
    for dialect, parameters in (("openai", OPENAI), ("ollama", OLLAMA), ("gemini", GEMINI)):
        for parameter in parameters.values():
            yield f"gpt2giga/dialects/{dialect}/parameters.py", parameter.how


def extracted() -> Catalog:
    """All messages of the code, without translations."""
    found = Catalog()
    for place, message in _messages():
        if message:
            found.add(message, locations=[(place, 0)])
    return found


def kept() -> Catalog:
    """With the translations."""
    with PO.open("rb") as file:
        return read_po(file, locale="ru", domain=DOMAIN)


def compiled(catalogue: Catalog) -> bytes:
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def forms(message: Message) -> tuple[str, ...]:
    """Of the translation: one, or as many as Russian has."""
    return (message.string,) if isinstance(message.string, str) else message.string or ("",)


def is_translated(message: Message) -> bool:
    return all(forms(message)) and not message.fuzzy


def untranslated(catalogue: Catalog) -> list[str | Sequence[str]]:
    return [message.id for message in catalogue if message.id and not is_translated(message)]


def renew() -> None:
    catalogue, template = kept(), extracted()
    template.creation_date = catalogue.creation_date  # or each run would be a change
    catalogue.update(template, no_fuzzy_matching=True)
    with PO.open("wb") as file:
        write_po(file, catalogue, width=WIDTH, include_lineno=False, ignore_obsolete=True)
    MO.write_bytes(compiled(catalogue))
    if missing := untranslated(catalogue):
        print(f"To be translated in {PO.relative_to(ROOT)}, then `make messages tables`:", *missing, sep="\n  ")


if __name__ == "__main__":
    renew()
