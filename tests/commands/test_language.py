"""The command in Russian: by the locale, by --lang, and never where it was not asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gpt2giga.cli import main
from gpt2giga.language import choose, chosen, ENGLISH, language_of
from gpt2giga_sandbox.server import SandboxServer
from tests.commands.running import printed, refused, run, Terminal
from tests.language.catalogue import commands

RUSSIAN = {"LANG": "ru_RU.UTF-8"}
CYRILLIC = re.compile("[А-яЁё]")
NAMES = [*commands()]


@pytest.fixture(autouse=True)
def no_language_is_left() -> Iterator[None]:
    yield
    choose(ENGLISH)


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru"}, "ru"),
        ({"LANG": "ru_RU.KOI8-R@euro"}, "ru"),
        ({"LANG": "rus"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ru_RU.UTF-8"}, "ru"),
        ({"LC_MESSAGES": "ru_RU.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": ""}, "ru"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "ru:en"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LANGUAGE": "en:ru"}, "en"),
        ({"LANG": "ru_RU.UTF-8", "LANGUAGE": "de:ru:en"}, "ru"),
        ({"LANGUAGE": "ru"}, "ru"),
        ({"LANG": "C", "LANGUAGE": "ru"}, "en"),
        ({"LC_ALL": "C.UTF-8", "LANG": "ru_RU.UTF-8", "LANGUAGE": "ru"}, "en"),
        ({"LANG": "POSIX"}, "en"),
        ({"LANG": "xx_YY.UTF-8"}, "en"),
    ],
)
def test_the_locale(environ: dict[str, str], language: str) -> None:
    """Whoever matches what a command says sets LC_ALL=C."""
    assert language_of(environ) == language


def test_the_locale_of_windows() -> None:
    assert language_of({}, "Russian_Russia.1251") == "ru" and language_of({}, "German_Germany.1252") == "en"
    assert language_of({"LANG": "en_US"}, "Russian_Russia.1251") == "en"
    assert language_of({"LANGUAGE": "ru"}, "C") == "ru" and language_of({"LC_ALL": "C", "LANGUAGE": "ru"}, "C") == "en"


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        ((), RUSSIAN),
        (("--lang", "ru"), {}),
        (("--lang=ru",), {"LC_ALL": "C", "LANGUAGE": "en"}),
        (("--lang", "ru"), {"LANG": "xx_YY"}),
    ],
)
def test_russian(words: tuple[str, ...], environ: dict[str, str]) -> None:
    """Ours and click's; wherever --lang stands."""
    shown = printed(*words, "-h", **environ)
    assert shown.startswith("Использование: gpt2giga [ПАРАМЕТРЫ] [КОМАНДА]") and "Показать эту справку" in shown
    assert "Authorization Key из Sber Studio" in shown and "  doctor    Проверить настройки" in shown
    assert refused(*words, "--fly", **environ) == "gpt2giga: Нет параметра '--fly' (см. gpt2giga --help)\n"
    assert "целое число от 1 до 65535" in refused(*words, "--port", "99999", **environ)
    assert "не задан аккаунт GigaChat" in refused(*words, **environ)
    assert "Cline: что ввести в настройках" in printed("connect", *words, **environ)


@pytest.mark.parametrize(
    ("words", "environ"),
    [((), {}), ((), {"LANG": "C", "LANGUAGE": "ru"}), ((), {"LANG": "xx_YY.UTF-8"}), (("--lang", "en"), RUSSIAN)],
)
def test_english(words: tuple[str, ...], environ: dict[str, str]) -> None:
    for done in (
        run(*words, "-h", **environ),
        run(*words, "chat", "-h", **environ),
        run(*words, "--fly", **environ),
        run(*words, "--port", "99999", **environ),
        run(*words, "connect", **environ),
    ):
        assert (done.stdout or done.stderr) and not CYRILLIC.search(done.stdout + done.stderr)


def test_a_language_that_is_none() -> None:
    assert "'--lang'" in refused("--lang", "de") and "'--lang'" in refused("chat", "--lang", "de")


def test_a_log_for_programs_is_english() -> None:
    """Also the failure of a start, which is its last line."""
    line = json.loads(refused("serve", GPT2GIGA_LOG_FORMAT="json", **RUSSIAN))
    assert "no GigaChat account" in line["message"]


def test_the_doctor(account: dict[str, str], sandbox: SandboxServer) -> None:
    """What scripts look at is as it was: marks, exit codes, JSON but for its texts."""
    lines = printed("doctor", "--no-service", **RUSSIAN, **account).splitlines()
    assert [line for line in lines if not line.startswith("ok   ")] == []
    assert {line.index(line[18:].lstrip()) for line in lines} == {len("ok   возможности   ")}, lines
    assert re.search("^ok   ключ .* похож на настоящий, 20 символов$", "\n".join(lines), re.MULTILINE)
    told = json.loads(printed("doctor", "--no-service", "--json", **RUSSIAN, **account))
    assert [step["name"] for step in told["steps"]][:5] == ["settings", "key", "dns", "tls", "clock"]
    sandbox.state.settings = replace(sandbox.state.settings, scope="GIGACHAT_API_CORP")
    done = run("doctor", "--no-service", GIGACHAT_VERIFY_SSL_CERTS="False", **RUSSIAN, **account)
    assert done.returncode == 2 and done.stdout.startswith("warn настройки")
    assert "FAIL oauth" in done.stdout
    assert "не подходит к этому ключу: задайте GIGACHAT_SCOPE=GIGACHAT_API_CORP" in done.stdout
    assert "-    модели, пакеты, диалог, стрим, функция, эмбеддинг" in done.stdout


def test_failures_of_gigachat(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 402})
    assert "пополните в Sber Studio" in refused("chat", "Привет!", **RUSSIAN, **account)
    assert "Ближайшее имя: GigaChat-2-Max." in refused("chat", "--model", "GigaChat-2-Maxi", "?", **RUSSIAN, **account)


def test_a_conversation(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз.", "usage": {"prompt_tokens": 39, "completion_tokens": 12, "total_tokens": 51}})
    with Terminal("chat", **RUSSIAN, **account) as terminal:
        terminal.type("> ", "Считай.")
        terminal.type("> ", "/help")
        terminal.type("> ", "/model")
        terminal.type("> ", "\x04")
        assert terminal.end() == 0
    assert "39 + 12 токенов" in terminal.screen
    assert "GigaChat-2-Pro\r" in terminal.screen and "Embeddings" not in terminal.screen
    assert "/help — список команд" in terminal.screen and "/clear           забыть разговор" in terminal.screen


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("name", NAMES)
def test_help_fits_and_is_aligned(
    name: str, language: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    verb = [] if name == main.name else name.split()
    main(["--lang", language, *verb, "-h"], prog_name="gpt2giga", standalone_mode=False)
    shown = capsys.readouterr().out
    assert chosen() == language and bool(CYRILLIC.search(shown)) == (language == "ru")
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    options = re.split(r"\n\n(?=\S)", shown.split("\n\n", 2)[-1])
    for section in options:
        columns = {len(found[0]) for found in re.finditer(r"^  \S.*?  +(?=\S)|^ {5,}(?=\S)", section, re.MULTILINE)}
        assert len(columns) <= 1 or "GIGACHAT_SCOPE [" in section, section
