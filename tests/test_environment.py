from __future__ import annotations

import os
from pathlib import Path

import pytest

from gpt2giga.environment import load_settings
from gpt2giga.environment import read_variables
from gpt2giga.settings import SettingsError

KEY = "GIGACHAT_CREDENTIALS=Z2lnYTpjaGF0\n"


def write(text: str) -> None:
    Path(".env").write_text(text)


def test_real_variables_win_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write(KEY + "GPT2GIGA_PORT=8001\nGPT2GIGA_HOST=127.0.0.2\n")
    monkeypatch.setenv("GPT2GIGA_PORT", "8002")
    monkeypatch.setenv("GPT2GIGA_HOST", "")
    settings = load_settings()
    assert (settings.port, settings.host) == (8002, "127.0.0.2")
    assert load_settings(overrides={"GPT2GIGA_PORT": "8003"}).port == 8003


def test_below_systemd_the_file_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd keeps the comment in the value, and does not read the file again on reload."""
    write(KEY + "GPT2GIGA_PORT=8001 # порт\n")
    monkeypatch.setenv("GPT2GIGA_PORT", "8001 # порт")
    with pytest.raises(SettingsError):
        load_settings()
    monkeypatch.setenv("SYSTEMD_EXEC_PID", str(os.getpid()))
    assert load_settings().port == 8001


def test_values_are_literal() -> None:
    """As systemd reads them: a password with ${} in it stays whole."""
    write(KEY + 'export GIGACHAT_PASSWORD="a${HOME}b#c"\r\nGIGACHAT_USER=имя # кто\n')
    variables = read_variables()
    assert (variables["GIGACHAT_PASSWORD"], variables["GIGACHAT_USER"]) == ("a${HOME}b#c", "имя")


def test_other_variables_of_the_file_reach_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.setenv("NO_PROXY", "localhost")
    write(KEY + "HTTPS_PROXY=http://127.0.0.1:3128\nNO_PROXY=*\nGPT2GIGA_PORT=1\n")
    read_variables()
    assert (os.environ["HTTPS_PROXY"], os.environ["NO_PROXY"]) == ("http://127.0.0.1:3128", "localhost")
    assert "GPT2GIGA_PORT" not in os.environ, "a reload must be able to change it"
    monkeypatch.delenv("HTTPS_PROXY")
