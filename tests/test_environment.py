from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gpt2giga.config.settings import SettingsError
from gpt2giga.serving.current_settings import CurrentSettings, load_settings

KEY = "GIGACHAT_CREDENTIALS=Z2lnYTpjaGF0\n"


def write(text: str) -> None:
    Path(".env").write_text(text)


def test_real_variables_win_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write(KEY + "GPT2GIGA_PORT=8001\nGPT2GIGA_HOST=127.0.0.2\n")
    monkeypatch.setenv("GPT2GIGA_PORT", "8002")
    monkeypatch.setenv("GPT2GIGA_HOST", "")
    server = load_settings().server
    assert (server.port, server.host) == (8002, "127.0.0.2")
    assert load_settings(overrides={"GPT2GIGA_PORT": "8003"}).server.port == 8003


def test_below_systemd_the_file_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd keeps the comment in the value, and does not read the file again on reload."""
    write(KEY + "GPT2GIGA_PORT=8001 # порт\n")
    monkeypatch.setenv("GPT2GIGA_PORT", "8001 # порт")
    with pytest.raises(SettingsError):
        load_settings()
    monkeypatch.setenv("SYSTEMD_EXEC_PID", str(os.getpid()))
    assert load_settings().server.port == 8001


def test_values_are_literal() -> None:
    """As systemd reads them: a password with ${} in it stays whole."""
    write(KEY + 'export GIGACHAT_PASSWORD="a${HOME}b#c"\r\nGIGACHAT_USER=имя # кто\n')
    account = load_settings().account
    assert (account.password, account.user) == ("a${HOME}b#c", "имя")


def test_other_variables_of_the_file_reach_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.setenv("NO_PROXY", "localhost")
    write(KEY + "HTTPS_PROXY=http://127.0.0.1:3128\nNO_PROXY=*\nGPT2GIGA_PORT=1\n")
    load_settings()
    assert (os.environ["HTTPS_PROXY"], os.environ["NO_PROXY"]) == ("http://127.0.0.1:3128", "localhost")
    assert "GPT2GIGA_PORT" not in os.environ, "a reload must be able to change it"


def test_an_empty_variable_counts_as_none_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """gunicorn looks for itself too."""
    write(KEY)
    for variable in ("WEB_CONCURRENCY", "GIGACHAT_MAX_CONNECTIONS", "GPT2GIGA_API_KEY"):
        monkeypatch.setenv(variable, " ")
    assert load_settings().server.workers == 1
    assert not {"WEB_CONCURRENCY", "GIGACHAT_MAX_CONNECTIONS", "GPT2GIGA_API_KEY"} & os.environ.keys()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_encodings(encoding: str) -> None:
    """The last is what Windows PowerShell's `>` writes."""
    Path(".env").write_bytes(f"# Ключ из кабинета\n{KEY}GIGACHAT_USER=имя\n".encode(encoding))
    assert load_settings().account.user == "имя"


def test_a_file_that_is_no_text() -> None:
    Path(".env").write_bytes(b"\0\1\2=\0\n" + KEY.encode() + bytes(range(256)))
    assert load_settings().account.credentials == "Z2lnYTpjaGF0"


def test_lines_that_are_no_settings_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """By their number only: what stands there may be a key."""
    write(f"GPT2GIGA_API_KEY: secret\n{KEY}GPT2GIGA_API_KEY\n")
    current = CurrentSettings()
    for _ in range(2):
        current.renew()
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("WARNING ")[2] for line in lines if "WARNING" in line] == [
        ".env: line 1 is not NAME=value",
        ".env: line 3 is not NAME=value",
    ]


def told_by_a_reload(capsys: pytest.CaptureFixture[str], before: str, after: str) -> str:
    write(KEY + before)
    current = CurrentSettings()
    write(KEY + after)
    capsys.readouterr()
    current.renew()
    return capsys.readouterr().err.partition(" ")[2]


def test_a_reload_says_what_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """Of secrets only that they have."""
    before = "GPT2GIGA_API_KEY=marker-old\nGPT2GIGA_HEARTBEAT=5\nGPT2GIGA_REDIS_URL=redis://:marker@a/0\n"
    after = "GPT2GIGA_API_KEY=name:marker-new\nGPT2GIGA_MODEL_ALIASES=a=b,c=d\nGPT2GIGA_LOG_FORMAT=plain\n"
    told = told_by_a_reload(capsys, before, after)
    assert told == (
        "INFO Reloaded: GPT2GIGA_API_KEY, GPT2GIGA_REDIS_URL, GPT2GIGA_HEARTBEAT 5 -> 20, "
        "GPT2GIGA_MODEL_ALIASES (none) -> a=b,c=d\n"
    )
    assert told_by_a_reload(capsys, before, before) == "INFO Reloaded: no setting has changed\n"
    assert told_by_a_reload(capsys, "", "GPT2GIGA_LOG_FORMAT=json\nGPT2GIGA_PORT=x\n").startswith("ERROR The former")
    told = told_by_a_reload(capsys, "", "GPT2GIGA_LOG_FORMAT=json\n")
    assert told == 'GPT2GIGA_LOG_FORMAT plain -> json"}\n', "the line has the new form already"


def test_another_host_with_the_same_port_needs_a_restart(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = f"GPT2GIGA_PORT={ours.getsockname()[1]}\n"
        told = told_by_a_reload(capsys, port, f"{port}GPT2GIGA_HOST=0.0.0.0\nGPT2GIGA_API_KEY=k\n")
    assert "ERROR The former settings stay: cannot listen on 0.0.0.0:" in told and "needs a restart" in told


def test_a_key_that_nearly_has_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    write(f"{KEY}GPT2GIGA_API_KEY=alice:12345678,bob:1234567,c d:12345678,whole\n")
    load_settings()
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("key 2 has no name, for what follows its colon is shorter than 8 characters")


def test_what_looks_wrong_is_told_with_the_mistake() -> None:
    write("GIGACHAT_CREDENTIAL=Z2lnYTpjaGF0\nGIGACHAT_SCOPE: GIGACHAT_API_PERS\n")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "line 2 is not NAME=value; GIGACHAT_CREDENTIAL is not a setting; did you mean" in str(caught.value)


def test_where_responses_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the setting says, else systemd, else the user's own folder for such things."""
    write(KEY)
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_STATE_HOME", "STATE_DIRECTORY"):
        monkeypatch.delenv(variable, raising=False)
    assert load_settings().store.state_dir == str(tmp_path / ".local/state/gpt2giga")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert load_settings().store.state_dir == str(tmp_path / ".local/state/gpt2giga")
    sandbox = load_settings(None, {"GPT2GIGA_SANDBOX": "http://127.0.0.1:1"})
    assert sandbox.store.state_dir == str(tmp_path / ".local/state/gpt2giga-sandbox"), "its usage is nobody's"
    monkeypatch.setenv("XDG_STATE_HOME", "/var/xdg")
    assert load_settings().store.state_dir == "/var/xdg/gpt2giga"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/gpt2giga")
    assert load_settings().store.state_dir == "/var/lib/gpt2giga"
    assert load_settings(overrides={"GPT2GIGA_STATE_DIR": "/srv/kept"}).store.state_dir == "/srv/kept"
