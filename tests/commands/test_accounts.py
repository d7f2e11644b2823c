"""`gpt2giga accounts`, and a service in this process that takes what it does."""

from __future__ import annotations

import base64
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from gpt2giga.config.parsers import AccountKey
from gpt2giga.upstream.fact_book import fact_book
from gpt2giga.upstream.listener import Listener
from gpt2giga.upstream.pool import own_accounts
from gpt2giga.upstream.pool.pool import Pool
from gpt2giga_sandbox.server import SandboxServer
from tests.commands.running import printed, refused, run, Terminal
from tests.sockets import eventually, HELLO

CHAT = "/v1/chat/completions"


def key(name: str) -> str:
    return base64.b64encode(f"{name}:secret".encode()).decode()


@pytest.fixture
def place(account: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The variables of a service with one account and a database of its own."""
    return account | {"GPT2GIGA_STATE_DIR": str(tmp_path / "state")}


def names(shown: str) -> list[str]:
    return [line.split()[0] for line in shown.splitlines()]


def test_adding_listing_and_removing(place: dict[str, str], sandbox: SandboxServer, tmp_path: Path) -> None:
    """A key is tried, also for its scope, and never shown again; nobody else can read the file."""
    sandbox.state.settings.scope = "GIGACHAT_API_B2B"
    assert printed("accounts", "add", "work", stdin=key("work"), **place) == (
        "The account work is added (GIGACHAT_API_B2B).\n"
    )
    assert printed("accounts", "add", "home", "--no-check", stdin="home:secret:GIGACHAT_API_CORP\n", **place)
    listed = printed("accounts", "list", **place)
    assert names(listed) == ["1", "home", "work"] and "from the settings" in listed and "secret" not in listed
    assert [line.split()[1] for line in listed.splitlines()[1:]] == ["GIGACHAT_API_CORP", "GIGACHAT_API_B2B"]
    assert not any(word in listed for word in (key("work"), key("home"), sandbox.credentials))
    [file] = (tmp_path / "state").iterdir()
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert printed("accounts", "remove", "work", **place) == "The account work is removed.\n"
    assert names(printed("accounts", "list", **place)) == ["1", "home"]


def test_what_is_refused(place: dict[str, str], sandbox: SandboxServer) -> None:
    """In one sentence, and nothing is stored."""
    for name in ("12", "a b", "", "ключ", "a" * 65):
        assert "a name has letters" in refused("accounts", "add", name, stdin=key("work"), **place)
    assert "this is not the Authorization Key" in refused("accounts", "add", "work", stdin="nonsense", **place)
    assert "scope" in refused("accounts", "add", "work", "--scope", "PERS", stdin=key("work"), **place)
    assert "GIGACHAT_CREDENTIALS has this key" in refused("accounts", "add", "work", stdin=sandbox.credentials, **place)
    sandbox.state.settings.revoked = ("work",)
    assert "credentials doesn't match db data" in refused("accounts", "add", "work", stdin=key("work"), **place)
    assert names(printed("accounts", "list", **place)) == ["1"]
    assert "there is no account work" in refused("accounts", "remove", "work", **place)
    assert "stands in the settings" in refused("accounts", "remove", "1", **place)
    printed("accounts", "add", "work", "--no-check", stdin=key("work"), **place)
    assert "remove it first" in refused("accounts", "add", "work", "--no-check", stdin=key("other"), **place)
    twice = refused("accounts", "add", "again", "--no-check", stdin="work:secret", **place)
    assert "the account work has this key already" in twice
    unknown = refused("accounts", "add", "new", "--no-check", stdin="new:secret:GIGACHAT_API_PRO", **place)
    assert "a scope after the colon that is one of" in unknown and "secret" not in unknown


def test_in_a_terminal_the_key_is_asked_for_and_not_shown(place: dict[str, str]) -> None:
    with Terminal("accounts", "add", "work", **place) as terminal:
        terminal.type("(not shown):", key("work"))
        assert terminal.end() == 0
    assert "The account work is added" in terminal.screen and key("work") not in terminal.screen


def test_a_running_service_takes_them_at_once(
    app_with: Callable[..., Flask],
    place: dict[str, str],
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From one account to a pool and back; what has no tokens left in the settings is helped by what was added."""
    monkeypatch.setattr(own_accounts, "LOOK_SECONDS", 0.05)
    app = app_with(GPT2GIGA_STATE_DIR=place["GPT2GIGA_STATE_DIR"])
    accounts = app.extensions["accounts"]

    def chat() -> int:
        return app.test_client().post(CHAT, json={"messages": HELLO}, buffered=True).status_code

    assert chat() == 200
    single = accounts.own
    sandbox.state.settings.dry = ("sandbox",)
    assert chat() == 402
    printed("accounts", "add", "work", "--no-check", stdin=key("work"), **place)
    assert eventually(lambda: isinstance(accounts.own, Pool)) and chat() == 200
    assert sandbox.state.requests("/chat/completions")[-1]["account"] == "work"
    assert accounts.own.accounts["1"] is single, "with its token and its line"
    printed("accounts", "remove", "work", **place)
    assert eventually(lambda: accounts.own is single) and chat() == 402
    told = capsys.readouterr().err
    assert "Accounts added: work" in told and "Accounts removed: work" in told and key("work") not in told


def test_a_replaced_key_counts_at_once(
    app_with: Callable[..., Flask], place: dict[str, str], sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its account was set aside for a rejected one."""
    monkeypatch.setattr(own_accounts, "LOOK_SECONDS", 0.05)
    printed("accounts", "add", "work", "--no-check", stdin=key("old"), **place)
    app = app_with(GPT2GIGA_STATE_DIR=place["GPT2GIGA_STATE_DIR"])
    accounts, client = app.extensions["accounts"], app.test_client()
    assert eventually(lambda: isinstance(accounts.own, Pool))
    sandbox.state.settings.revoked = ("old",)
    for number in range(20):
        headers = {"X-Session-ID": f"talk-{number}"}
        assert client.post(CHAT, json={"messages": HELLO}, headers=headers, buffered=True).status_code == 200
    assert accounts.own.aside.until("work", "")
    printed("accounts", "remove", "work", **place)
    printed("accounts", "add", "work", stdin=key("new"), **place)
    assert eventually(lambda: isinstance(accounts.own, Pool) and not accounts.own.aside.until("work", ""))
    for number in range(20):
        headers = {"X-Session-ID": f"talk-{number}"}
        client.post(CHAT, json={"messages": HELLO}, headers=headers, buffered=True)
    assert {request["account"] for request in sandbox.state.requests("/chat/completions")} == {"sandbox", "new"}


def test_accounts_of_the_store_alone(
    app_with: Callable[..., Flask], place: dict[str, str], sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key in the settings: the commands and the service do with what was added; without any the client is told."""
    monkeypatch.setattr(own_accounts, "LOOK_SECONDS", 0.05)
    place = place | {"GIGACHAT_CREDENTIALS": ""}
    assert "no GigaChat account" in refused("chat", "Привет", **place)
    printed("accounts", "add", "work", stdin=key("work"), **place)
    assert printed("chat", "Привет", **place)
    app = app_with(GIGACHAT_CREDENTIALS="", GPT2GIGA_STATE_DIR=place["GPT2GIGA_STATE_DIR"])
    client = app.test_client()
    assert client.post(CHAT, json={"messages": HELLO}, buffered=True).status_code == 200
    assert {request["account"] for request in sandbox.state.requests("/chat/completions")} == {"work"}
    printed("accounts", "remove", "work", **place)
    assert eventually(lambda: client.post(CHAT, json={"messages": HELLO}, buffered=True).status_code == 503)
    assert "accounts add NAME" in client.post(CHAT, json={"messages": HELLO}).get_json()["error"]["message"]


def test_a_store_that_is_away_changes_nothing(
    app_with: Callable[..., Flask], place: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(own_accounts, "LOOK_SECONDS", 0.05)
    printed("accounts", "add", "work", "--no-check", stdin=key("work"), **place)
    app = app_with(GPT2GIGA_STATE_DIR=place["GPT2GIGA_STATE_DIR"])
    accounts = app.extensions["accounts"]
    assert eventually(lambda: isinstance(accounts.own, Pool))
    (tmp_path / "state").rename(tmp_path / "elsewhere")
    (tmp_path / "state").write_text("no folder")
    app.extensions["accounts"].own_accounts.refresh()
    assert [*accounts.own.accounts] == ["1", "work"]


def test_a_key_under_two_names_is_one_account(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    """Two who add it at once find nothing there."""
    settings = app_with().extensions["accounts"]._settings
    stored = [AccountKey(name, key(name[:4]), "") for name in ("home", "work", "work2")]
    own = own_accounts.OwnAccounts(settings, fact_book(settings), Listener(), lambda: tuple(stored))
    own.refresh()
    assert [name for name, _ in own.packages()] == ["1", "home", "work"]


def found(shown: str) -> dict[tuple[str, str], str]:
    """The mark of each line, by the name of the check and the first word of what it found."""
    lines = [line.split(maxsplit=2) for line in shown.splitlines() if len(line.split(maxsplit=2)) == 3]
    return {(name, said.split()[0].rstrip(":")): mark for mark, name, said in lines}


def test_doctor_checks_each(place: dict[str, str], sandbox: SandboxServer) -> None:
    """And names the one that fails, whose key stays unseen."""
    sandbox.state.settings.oauth_per_second = None  # three runs within a second are nobody's
    printed("accounts", "add", "work", "--no-check", stdin=key("work"), **place)
    several = place | {"GIGACHAT_CREDENTIALS": f"{sandbox.credentials},{key('second')}"}
    done = run("doctor", "--no-service", **several)
    assert done.returncode == 0 and [who for name, who in found(done.stdout) if name == "account"] == ["2", "work"]
    assert "3 accounts; what follows is about 1" in done.stdout
    sandbox.state.settings.revoked, sandbox.state.settings.dry = ("sandbox",), ("work",)
    done = run("doctor", "--no-service", **several)
    marks = found(done.stdout)
    assert done.returncode == 2 and marks[("account", "work")] == "FAIL"
    assert (marks["oauth", "1"], marks["oauth", "2"]) == ("FAIL", "ok"), "the key of one stops the check of no other"
    assert "; what follows is about 2" in done.stdout
    assert {mark for (name, _), mark in marks.items() if name in ("models", "chat", "stream", "embedding")} == {"ok"}
    sandbox.state.settings.revoked = ("sandbox", "second", "work")
    done = run("doctor", "--no-service", **several)
    marks = found(done.stdout)
    assert [mark for (name, _), mark in marks.items() if name == "oauth"] == ["FAIL"] * 3
    assert "not tried, since oauth failed" in done.stdout and ("account", "2") not in marks
    assert not any(secret in done.stdout for secret in (key("work"), key("second"), sandbox.credentials))
