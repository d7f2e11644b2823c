"""`gpt2giga init`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gpt2giga.config.sources import read_variables
from gpt2giga.config.variables import parse
from gpt2giga_sandbox.server import SandboxServer
from tests.commands import running
from tests.commands.running import Terminal
from tests.service import free_port

KEY = "MDE5YTpzZWNyZXQ="


NOWHERE = f"http://127.0.0.1:{free_port()}"  # GigaChat cannot be asked
NEXT = "Start the service now? [y/N]:"


@pytest.fixture
def env(tmp_path: Path) -> Path:
    return tmp_path / ".env"


@pytest.fixture
def way(account: dict[str, str]) -> dict[str, str]:
    """To the sandbox, without the key."""
    return {name: account[name] for name in ("GIGACHAT_BASE_URL", "GIGACHAT_AUTH_URL")}


def printed(*arguments: str, stdin: str = "") -> str:
    return running.printed(*arguments, stdin=stdin, GIGACHAT_AUTH_URL=NOWHERE)


def refused(*arguments: str) -> str:
    return running.refused(*arguments, GIGACHAT_AUTH_URL=NOWHERE)


@pytest.mark.parametrize("scope", ["GIGACHAT_API_PERS", "GIGACHAT_API_CORP"])
def test_the_scope_is_found(env: Path, way: dict[str, str], sandbox: SandboxServer, scope: str) -> None:
    sandbox.state.settings = replace(sandbox.state.settings, scope=scope)
    said = running.printed("init", "--credentials", KEY, **way)
    assert f"GigaChat accepts the key ({scope})" in said and parse(read_variables(env)[0]).account.scope == scope
    for command in ("  gpt2giga  ", "  gpt2giga doctor", "  gpt2giga connect"):
        assert command in said


def test_a_wrong_scope_is_put_right(env: Path, way: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.settings = replace(sandbox.state.settings, scope="GIGACHAT_API_B2B")
    said = running.printed("init", "--credentials", KEY, "--scope", "CORP", **way)
    assert "belongs to GIGACHAT_API_B2B, not to GIGACHAT_API_CORP" in said
    assert parse(read_variables(env)[0]).account.scope == "GIGACHAT_API_B2B"


def test_a_key_that_gigachat_refuses(env: Path, way: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.settings = replace(sandbox.state.settings, credentials=sandbox.credentials)
    assert "--no-check" in running.refused("init", "--credentials", KEY, **way) and not env.exists()
    running.printed("init", "--credentials", KEY, "--no-check", **way)
    assert KEY in env.read_text()


def test_without_a_way_to_gigachat(env: Path) -> None:
    done = running.run("init", "--credentials", KEY, GIGACHAT_AUTH_URL=NOWHERE)
    assert done.returncode == 0 and done.stderr.startswith("The key was not tried: ") and env.exists()


def test_by_flags(env: Path) -> None:
    said = printed("init", "--credentials", KEY, "--scope", "b2b", "--api-key", "sk-1,sk-2", "--port", "8765")
    assert "gpt2giga doctor" in said and KEY not in said
    settings = parse(read_variables(env)[0])
    assert (settings.account.credentials, settings.account.scope, settings.server.port) == (
        KEY,
        "GIGACHAT_API_B2B",
        8765,
    )
    assert [key.key for key in settings.server.api_key] == ["sk-1", "sk-2"]
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
    assert "cannot be written" in refused("--env-file", "nowhere/.env", "init", "--no-check", "--credentials", KEY)


def test_it_asks(env: Path, way: dict[str, str]) -> None:
    with Terminal("init", **way) as terminal:
        terminal.type("(not shown):", "nonsense")
        terminal.type("(not shown):", KEY)
        terminal.type(NEXT, "n")
        assert terminal.end() == 0
    assert KEY not in terminal.screen and "nonsense" not in terminal.screen
    assert "this is not the Authorization Key" in terminal.screen
    assert parse(read_variables(env)[0]).account.scope == "GIGACHAT_API_PERS"


def test_it_asks_for_the_scope_where_gigachat_cannot_be_asked(env: Path) -> None:
    with Terminal("init", GIGACHAT_AUTH_URL=NOWHERE) as terminal:
        terminal.type("(not shown):", KEY)
        terminal.type("[GIGACHAT_API_PERS]:", "people")
        terminal.type("[GIGACHAT_API_PERS]:", "CORP")
        terminal.type(NEXT, "")
        assert terminal.end() == 0
    assert parse(read_variables(env)[0]).account.scope == "GIGACHAT_API_CORP"


def test_it_starts_the_service(way: dict[str, str]) -> None:
    with Terminal("init", "--port", str(free_port()), **way) as terminal:
        terminal.type("(not shown):", KEY)
        terminal.type(NEXT, "y")
        terminal.press("listens on http://127.0.0.1:", "\x03")
        terminal.end()
