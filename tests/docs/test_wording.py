"""Words that sound translated, which crept in before: what the reader expects stands beside each."""

from __future__ import annotations

import re

import pytest

from tests.docs.blocks import CONTRACTS, DOCUMENTS, ROOT, text

RUSSIAN = {
    r"заместител\w+ GigaChat": "заглушка (песочница)",
    r"[Тт]очк\w+ входа": "эндпоинт",
    r"^# Команда$": "Командная строка",
    r"^#+ Устройство$": "Архитектура",
    r"\bнит(?:ь|и|ей|ями|ях)\b": "тред",
    r"(?<!стандартный )\b[Пп]оток(?:а|у|ом|е|и|ов|ам|ами|ах)?\b": "стрим",
    r"ход\w* агента": "запрос к агенту с вызовом инструментов",
    r"форм\w+, которая была до чата": "устаревший Completions API",
    r"какие запросы связаны": "Передавать X-Session-ID, чтобы работал кэш промптов",
    r"\b[Оо]пуска\w+": "игнорировать",
    r"\bжив\w+ спис\w+": "актуальный список",
    r"\bкус(?:ок|к)\w*": "чанк",
    r"\bкруг(?:а|ов|и|ам|ами|ах)?\b": "прогон",
    r"мест\w+ аккаунта": "слот",
    r"нет доверия": "сертификат не прошёл проверку",
    r"\bне разобрать\b": "не удалось разобрать ответ",
    r"\b(?:ты|твой|твоя|твоё|твои|твоего|тебе|тебя)\b": "вы, ваш",
}
ENGLISH = {
    r"becomes of": "supported parameters",
    r"\bthe cure\b": "tells you how to fix it",
    r"[Nn]othing has to be done": "no certificate setup needed",
    r"\bits nonsense\b": "an unreadable reply",
    r"[Aa]s they are anyway": "defaults",
    r"makes no sense": "could not be read",
}
# What people read in a terminal or browser, in one language or in both.
SHOWN = [
    *(ROOT / "gpt2giga/ui").glob("words*.js"),
    *(ROOT / "gpt2giga").rglob("*.po"),
    *(ROOT / "gpt2giga/commands/clients").glob("*.txt"),
    *(ROOT / "examples").glob("*.md"),
    ROOT / ".env.example",
]
QUOTED = re.compile(r"«[^»\n]*»")  # what somebody says to the model
READ = [*DOCUMENTS, *CONTRACTS, *(str(path.relative_to(ROOT)) for path in SHOWN)]


@pytest.mark.parametrize("file", READ)
def test_nothing_sounds_translated(file: str) -> None:
    words = {**RUSSIAN, **ENGLISH}
    found = [
        (match[0], words[word]) for word in words for match in re.finditer(word, QUOTED.sub("«»", text(file)), re.M)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("открытые потоки", "потоки"),
        ("опускается", "опускается"),
        ("живой список", "живой список"),
        ("кусков", "кусков"),
    ],
)
def test_words_are_found_in_every_form(line: str, word: str) -> None:
    assert [match[0] for pattern in RUSSIAN for match in re.finditer(pattern, line)] == [word]


def test_other_words_are_left_alone() -> None:
    line = "сетевой поточный живой интернет, круглый, Команда gpt2giga, искусство, нитрат"
    assert [pattern for pattern in RUSSIAN if re.search(pattern, line, re.M)] == []
