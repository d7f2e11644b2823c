"""The language of what the command tells people: English, or Russian by the catalogue in gpt2giga/locale.

Only the command chooses one, and gives it up before it serves: what the service answers and logs is matched by clients
and operators, so it stays English.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

DOMAIN = "gpt2giga"
FOLDER = Path(__file__).parent / "locale"
ENGLISH = "en"
LANGUAGES = (ENGLISH, "ru")
WINDOWS_NAMES = {"russian": "ru"}
UNTRANSLATED = "messages"  # gettext's own name for no catalogue

_catalogue = gettext.NullTranslations()


def choose(language: str) -> None:
    """One of LANGUAGES."""
    global _catalogue
    is_translated = language != ENGLISH
    _catalogue = gettext.translation(DOMAIN, FOLDER, [language]) if is_translated else gettext.NullTranslations()
    # For click, which asks gettext by itself.
    gettext.bindtextdomain(DOMAIN, str(FOLDER))
    gettext.textdomain(DOMAIN if is_translated else UNTRANSLATED)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """For what is written to be read elsewhere."""
    before = chosen()
    choose(language)
    try:
        yield
    finally:
        choose(before)


def language_of(environ: Mapping[str, str], system: str = "") -> str:
    """As GNU gettext reads it: LANGUAGE lists what is wanted, but for a locale that is named C.

    system: the locale where no variable names one, as on Windows.
    """
    named = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environ.get(name))), "")
    is_plain = named.partition(".")[0] in ("C", "POSIX")
    wanted = named if is_plain else environ.get("LANGUAGE") or named or system
    names = (name.replace(".", "_").partition("_")[0].lower() for name in wanted.split(":"))
    return next((found for name in names if (found := WINDOWS_NAMES.get(name, name)) in LANGUAGES), ENGLISH)


def chosen() -> str:
    """One of LANGUAGES."""
    return _catalogue.info().get("language", ENGLISH)


def _(message: str, **values: object) -> str:
    found = _catalogue.gettext(message)
    return found.format(**values) if values else found


def ngettext(singular: str, plural: str, number: int, **values: object) -> str:
    """`number` is {count} in the message."""
    return _catalogue.ngettext(singular, plural, number).format(count=number, **values)


def number(value: int) -> str:
    """With its thousands apart."""
    return f"{value:,}".replace(",", _(","))


def N_(message: str) -> str:
    """Marks what is translated later, when it is shown: what a module holds is there before the language is known."""
    return message


# What the system says of a failed call, in words that people meet.
REASONS = (
    N_("Address already in use"),
    N_("Cannot assign requested address"),
    N_("Connection refused"),
    N_("Connection reset by peer"),
    N_("Connection timed out"),
    N_("File exists"),
    N_("Is a directory"),
    N_("Name or service not known"),
    N_("Network is unreachable"),
    N_("No address associated with hostname"),
    N_("No route to host"),
    N_("No space left on device"),
    N_("No such file or directory"),
    N_("Not a directory"),
    N_("Operation not permitted"),
    N_("Permission denied"),
    N_("Read-only file system"),
    N_("Temporary failure in name resolution"),
    N_("timed out"),
)


def reason(error: OSError) -> str:
    return _(error.strerror or str(error))
