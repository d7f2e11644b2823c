"""`gpt2giga init`."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpt2giga.config.sources import read_variables
from gpt2giga.config.variables import parse
from tests.commands.running import printed, refused, Terminal

KEY = "MDE5YTpzZWNyZXQ="


@pytest.fixture
def env(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_by_flags(env: Path) -> None:
    said = printed("init", "--credentials", KEY, "--scope", "b2b", "--api-key", "sk-1,sk-2", "--port", "8765")
    assert "gpt2giga doctor" in said and KEY not in said
    settings = parse(read_variables(env)[0])
    assert (settings.account.credentials, settings.account.scope, settings.server.port) == (
        KEY,
        "GIGACHAT_API_B2B",
        8765,
    )
    assert settings.server.api_key == ("sk-1", "sk-2")
    assert env.stat().st_mode & 0o777 == 0o600
    assert "# Тип аккаунта" in env.read_text(encoding="utf-8")


def test_key_from_a_pipe(env: Path) -> None:
    """`base64` of the shell breaks long lines."""
    printed("init", "--credentials", "-", stdin=f"{KEY[:8]}\n{KEY[8:]}\n")
    settings = parse(read_variables(env)[0])
    assert (settings.account.credentials, settings.account.scope, settings.server.api_key) == (
        KEY,
        "GIGACHAT_API_PERS",
        (),
    )


def test_a_file_is_not_overwritten(env: Path) -> None:
    env.write_text("GPT2GIGA_PORT=1\n")
    assert "--force" in refused("init", "--credentials", KEY)
    assert env.read_text() == "GPT2GIGA_PORT=1\n"
    printed("init", "--credentials", KEY, "--force")
    assert KEY in env.read_text() and env.stat().st_mode & 0o777 == 0o600


def test_another_file(tmp_path: Path) -> None:
    printed("--env-file", "other.env", "init", "--credentials", KEY)
    assert [path.name for path in tmp_path.iterdir()] == ["other.env"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--credentials", "secret-but-wrong"), "Authorization Key"),
        (("--credentials", KEY, "--scope", "FREE"), "GIGACHAT_API_CORP"),
        (("--credentials", KEY, "--api-key", "two words"), "--api-key"),
        (("--credentials", KEY, "--api-key", "money$"), "--api-key"),
        ((), "--credentials"),
    ],
)
def test_what_is_wrong(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    sentence = refused("init", *arguments)
    assert words in sentence and "secret-but-wrong" not in sentence
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_is_not_there() -> None:
    assert "cannot be written" in refused("--env-file", "nowhere/.env", "init", "--credentials", KEY)


def test_it_asks(env: Path) -> None:
    with Terminal("init") as terminal:
        terminal.type("(not shown):", "nonsense")
        terminal.type("(not shown):", KEY)
        terminal.type("[GIGACHAT_API_PERS]:", "people")
        terminal.type("[GIGACHAT_API_PERS]:", "CORP")
        assert terminal.end() == 0
    assert KEY not in terminal.screen and "nonsense" not in terminal.screen
    assert "this is not the Authorization Key" in terminal.screen
    assert parse(read_variables(env)[0]).account.scope == "GIGACHAT_API_CORP"


def test_enter_takes_the_usual_scope(env: Path) -> None:
    with Terminal("init") as terminal:
        terminal.type("(not shown):", KEY)
        terminal.type("[GIGACHAT_API_PERS]:", "")
        assert terminal.end() == 0
    assert parse(read_variables(env)[0]).account.scope == "GIGACHAT_API_PERS"
