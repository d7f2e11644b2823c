"""`gpt2giga doctor --learn` as a process: what it asks for, what it tells, and its exit code."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from gpt2giga_sandbox.character import TOLERANT
from gpt2giga_sandbox.server import SandboxServer
from tests.commands.running import printed, refused, run, Terminal

LEARN = ("doctor", "--learn")


@pytest.fixture
def small_account(account: dict[str, str], tmp_path: Path, sandbox: SandboxServer) -> dict[str, str]:
    sandbox.state.settings.max_streams, sandbox.state.settings.frame_delay = 1, 0.05
    state = str(tmp_path / "state")
    return {
        **account,
        "GIGACHAT_MODEL": "GigaChat-3-Pro",
        "GPT2GIGA_EMBEDDINGS": "Embeddings",
        "GPT2GIGA_STATE_DIR": state,
    }


def asked(sandbox: SandboxServer) -> int:
    return len(sandbox.state.requests("/completions")) + len(sandbox.state.requests("/embeddings"))


def test_what_is_learned_is_told_kept_and_not_asked_again(
    small_account: dict[str, str], sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.state.settings.character = TOLERANT
    report = tmp_path / "report.md"
    done = run(*LEARN, "--yes", "--report", str(report), **small_account)
    assert done.returncode == 0, done
    assert "up to 44 questions with this account, for 33,100 tokens at most (GigaChat-3-Pro, Embeddings)" in done.stderr
    assert "Let the service be idle" in done.stderr
    for words in (
        "ok   GigaChat-3-Pro  how a streamed call comes: 2\n",
        "  takes temperature 0          yes  (default: no)\n",
        "  frames of a streamed call    2  (default: not known)\n",
        "From now on:\n",
        "GigaChat-3-Pro: several calls in one answer\n",
        "GigaChat-3-Pro: GigaChat's web search for clients that ask for it\n",
        "GigaChat-3-Pro: schemas of tools go up as they were written\n",
        "GigaChat-3-Pro: temperature 0 goes up as it is\n",
        "Embeddings: 200 texts in one request for embeddings instead of 90\n",
        f"{report} holds what was asked",
    ):
        assert words in done.stdout
    assert "Still unknown" not in done.stdout and "\nThe account\n  requests at a time" in done.stdout
    assert report.read_text().startswith("# What GigaChat answered\n") and "## Asked" in report.read_text()
    (file,) = (tmp_path / "state" / "facts").glob("*.json")
    facts = json.loads(file.read_text())
    assert set(facts) == {"GigaChat-3-Pro", "*", "Embeddings"} and facts["*"]["slots"]["value"] == 1
    assert {fact["source"] for entry in facts.values() for fact in entry.values()} == {"measured"}

    before = asked(sandbox)
    done = run(*LEARN, **small_account)  # without --yes, for there is nothing to pay for
    assert done.returncode == 0 and "--again asks anew" in done.stderr and "Nothing changes" in done.stdout
    assert asked(sandbox) == before and done.stdout.count("(measured before)") == 12
    assert "ok   facts       14 measured, the last on 20" in printed("doctor", "--no-service", **small_account)


def test_json_for_scripts(small_account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 402})
    done = run(*LEARN, "--yes", "--json", **small_account)
    learned = json.loads(done.stdout)
    assert (done.returncode, learned["ok"]) == (2, False)
    statuses = {question["status"] for question in learned["questions"] if question["about"] == "GigaChat-3-Pro"}
    assert statuses == {"skipped"} and "402: Payment Required" in learned["questions"][0]["why"]
    assert learned["facts"]["Embeddings"]["window"]["value"] == 514
    assert learned["changes"] == [
        {"about": "Embeddings", "change": "200 texts in one request for embeddings instead of 90"}
    ]


def test_what_ends_it_is_told_once(small_account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.settings.credentials = "b3RoZXI6b3RoZXI="
    done = run(*LEARN, "--yes", **small_account)
    assert done.returncode == 2 and done.stdout.count("make a new Authorization Key") == 1
    assert "-    GigaChat-3-Pro  how a streamed call comes: not asked\n" in done.stdout
    assert "Nothing changes, for nothing was learned." in done.stdout
    assert "; Embeddings (texts of one request for embeddings, tokens of one text to embed). The next" in done.stdout


def test_the_user_agrees_first(small_account: dict[str, str], sandbox: SandboxServer) -> None:
    done = run(*LEARN, **small_account)
    assert (done.returncode, done.stdout) == (2, "") and "say --yes" in done.stderr
    with Terminal(*LEARN, **small_account) as terminal:
        terminal.type("Ask?", "n")
        assert terminal.end() == 1
    assert asked(sandbox) == 0
    with Terminal(*LEARN, "--models", "Embeddings-2", **small_account) as terminal:
        terminal.type("Ask?", "y")
        assert terminal.end() == 0
        assert "texts of one request for embeddings ...\x1b" in terminal.screen.replace("\r", "")
        assert "for 9,000 tokens at most (Embeddings-2)" in terminal.screen
    assert "Embeddings-2" in terminal.screen and asked(sandbox) == 3


def test_the_models_that_are_named_or_all(small_account: dict[str, str], sandbox: SandboxServer) -> None:
    named = run(*LEARN, "--models", "gigachat-2, GigaChat-3-Pro", **small_account).stderr
    assert "up to 64 questions" in named and "(GigaChat-2, GigaChat-3-Pro)" in named
    everything = run(*LEARN, "--models", "all", "--window", **small_account).stderr
    assert "GigaChat-3-Lightning" in everything and "Embeddings)" in everything and "GigaFilter" not in everything
    assert "The closest one is GigaChat-3-Pro" in refused(*LEARN, "--models", "GigaChat-3-Prof", **small_account)
    assert "there is no name in ', '" in refused(*LEARN, "--models", ", ", **small_account)
    assert asked(sandbox) == 0


def test_what_does_not_go_together(small_account: dict[str, str], tmp_path: Path) -> None:
    assert "--window goes with --learn" in refused("doctor", "--window", **small_account)
    assert "--no-service does not go with --learn" in refused(*LEARN, "--no-service", **small_account)
    missing = str(tmp_path / "nowhere" / "report.md")
    assert "No such file or directory" in refused(*LEARN, "--report", missing, **small_account)
    clients = {**small_account, "GIGACHAT_CREDENTIALS": "", "GPT2GIGA_PASS_TOKEN": "True"}
    assert "the accounts are the clients'" in refused(*LEARN, "--yes", **clients)


def test_settings_that_overrule_it_are_named(small_account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.settings.character = TOLERANT
    old = {**small_account, "GPT2GIGA_GIGACHAT_API_MODE": "v1", "GPT2GIGA_TOOL_SCHEMAS": "converted"}
    told = printed(*LEARN, "--yes", **old)
    for setting in ("GPT2GIGA_GIGACHAT_API_MODE", "GPT2GIGA_TOOL_SCHEMAS"):
        assert f"GigaChat-3-Pro can do more than {setting} allows" in told
    assert "v2" not in told.partition("From now on")[2]


def test_what_cannot_be_kept_is_said(small_account: dict[str, str]) -> None:
    nowhere = {**small_account, "GPT2GIGA_STATE_DIR": "/dev/null/state"}
    done = run(*LEARN, "--yes", "--models", "Embeddings", **nowhere)
    assert done.returncode == 2 and "could be kept for the service: see GPT2GIGA_STATE_DIR" in done.stderr
    assert "From now on" not in done.stdout


def test_another_account_is_asked_with_where_the_first_is_rejected(
    small_account: dict[str, str], sandbox: SandboxServer
) -> None:
    """What is learned holds for all of them."""
    other = base64.b64encode(b"second:secret").decode()
    several = {**small_account, "GIGACHAT_CREDENTIALS": f"{sandbox.credentials},{other}"}
    sandbox.state.settings.revoked = ("sandbox",)
    done = run(*LEARN, "--yes", "--models", "Embeddings", **several)
    assert done.returncode == 0, done
    assert "GigaChat rejects the key of the account 1: 2 is asked with." in done.stderr
    assert {request["account"] for request in sandbox.state.requests("/embeddings")} == {"second"}
    sandbox.state.settings.revoked = ("sandbox", "second")
    told = refused(*LEARN, "--yes", "--models", "Embeddings", "--again", **several)
    assert "revoked" in told and "is asked with" not in told and other not in told
