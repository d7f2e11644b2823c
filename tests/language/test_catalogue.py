"""The Russian catalogue says all that the command does, with the same values in it, and is compiled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message

from gpt2giga.language import _, ngettext, speaking
from tests.language.catalogue import compiled, extracted, forms, kept, MO, PO, untranslated

# Of `%` too, which one message of click's has.
PERCENT = re.compile(r"%\(\w+\)[a-z]")
COMMANDS = re.compile(r"client id:client secret|pip install \w+|timedatectl [\w -]+|gpt2giga [a-z]+")
LATIN = re.compile(r"[A-Za-z]{3,} [a-z]{3,} [a-z]{2,}")


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    return kept()


def messages(catalogue: Catalog) -> Iterator[Message]:
    yield from (message for message in catalogue if message.id)


def values(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in Formatter().parse(text) if name} | set(PERCENT.findall(text))


def test_it_has_every_message_of_the_code_and_no_other(catalogue: Catalog) -> None:
    found = {message.id for message in messages(extracted())}
    assert {message.id for message in messages(catalogue)} == found, "run: make messages"
    assert not catalogue.obsolete


def test_every_message_is_translated(catalogue: Catalog) -> None:
    assert untranslated(catalogue) == [], f"translate in {PO}, then run: make messages tables"


def test_translations_hold_the_same_values(catalogue: Catalog) -> None:
    """Of a plural, those of either English form: click gives both."""
    for message in messages(catalogue):
        english = [values(text) for text in ((message.id,) if isinstance(message.id, str) else message.id)]
        for form in forms(message):
            assert values(form) in english, form


def test_translations_are_russian(catalogue: Catalog) -> None:
    """Names and words that scripts match may stay."""
    for message in messages(catalogue):
        for form in forms(message):
            assert not LATIN.search(COMMANDS.sub("", form)), form
            assert not re.search(r"\b(ты|твой|твоя|твоё|твои)\b", form, re.IGNORECASE), form


def test_what_is_compiled_is_what_is_written(catalogue: Catalog) -> None:
    assert MO.read_bytes() == compiled(catalogue), "run: make messages"


@pytest.mark.parametrize(
    ("count", "told"),
    [(1, "1 модель"), (2, "2 модели"), (5, "5 моделей"), (11, "11 моделей"), (21, "21 модель"), (114, "114 моделей")],
)
def test_three_plurals(count: int, told: str) -> None:
    singular = "{path} is written: gigachat/{model} answers, {count} model is listed."
    plural = "{path} is written: gigachat/{model} answers, {count} models are listed."
    with speaking("ru"):
        assert ngettext(singular, plural, count, path="f", model="m").endswith(f"в списке {told}.")
    assert ngettext(singular, plural, count, path="f", model="m").split()[-4] == str(count)


def test_without_a_choice_all_is_english() -> None:
    """As in the service, whatever the locale of its processes."""
    assert _("no explanation") == "no explanation"
