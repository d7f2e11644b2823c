"""What is left of GigaChat's packages: read beside all requests, remembered, told and warned of."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gpt2giga.telemetry.package_table import Known, known, remember
from gpt2giga.telemetry.packages import PackageWatch
from gpt2giga.upstream.contract.packages import Package, package_of
from gpt2giga_sandbox.server import SandboxServer
from tests.sockets import eventually, HELLO
from tests.store.test_usage import open_database, OpenDatabase  # noqa: F401  # a fixture

NAMES = ("GigaChat", "GigaChat-Pro", "GigaChat-Max", "GigaChat-Ultra", "embeddings")
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "precached_prompt_tokens": 50}


@pytest.mark.parametrize(
    "model, package",
    [
        ("GigaChat-2-Max", "GigaChat-Max"),
        ("GigaChat-2", "GigaChat"),
        ("GigaChat", "GigaChat"),
        ("gigachat-pro", "GigaChat-Pro"),
        ("GigaChat-2-Pro:2.0.29.01", "GigaChat-Pro"),
        ("GigaChat-3-Ultra-preview", "GigaChat-Ultra"),
        ("GigaChat-3.5-Ultra", "GigaChat-Ultra"),
        ("EmbeddingsGigaR", "embeddings"),
        ("GigaEmbeddings-3B-2025-09", "embeddings"),
        ("GigaChat-3-Lightning", ""),
        ("gpt-4o", ""),
    ],
)
def test_which_package_pays(model: str, package: str) -> None:
    assert package_of(model, NAMES) == package


def test_a_package_of_the_models_own_name_comes_first() -> None:
    assert package_of("GigaChat-2-Max", ["GigaChat-Max", "GigaChat-2-Max"]) == "GigaChat-2-Max"
    assert package_of("EmbeddingsGigaR", ["embeddings", "EmbeddingsGigaR"]) == "EmbeddingsGigaR"


def ask(client: FlaskClient, model: str, status: int = 200) -> None:
    with client.post("/v1/chat/completions", json={"model": model, "messages": HELLO}) as answer:
        assert answer.status_code == status


def told(client: FlaskClient) -> dict[str, Any]:
    """What the page is told, as soon as GigaChat has answered."""
    found: list[dict[str, Any]] = []

    def has_come() -> bool:
        found.append(client.get("/ui/packages").get_json())
        return not found[-1]["is_asking"]

    assert eventually(has_come)
    return found[-1]


def asked(sandbox: SandboxServer) -> int:
    return len(sandbox.state.requests("/balance"))


def test_the_page_is_told(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    """By which day it is used up, at the pace of the last seven days; unknown packages are told as they are."""
    sandbox.state.settings.packages = {"GigaChat-Max": 1140, "Что-то": 5, "GigaChat": 0}
    app = app_with()
    client = app.test_client()
    sandbox.state.script({"usage": USAGE})
    ask(client, "GigaChat-2-Max")
    app.extensions["usage"].flush()
    [account] = told(client)["accounts"]
    assert (account["account"], account["pays_as_it_goes"]) == ("1", False)
    # 120 tokens in seven days: 1020 will do for 59 and a half.
    day = (date.today() + timedelta(days=59)).isoformat()
    assert account["packages"] == [
        {"model": "GigaChat", "left": 0, "whole": 0, "used_up": None},
        {"model": "GigaChat-Max", "left": 1020, "whole": 1020, "used_up": day},
        {"model": "Что-то", "left": 5, "whole": 5, "used_up": None},
    ]
    assert asked(sandbox) == 1
    told(client)
    assert asked(sandbox) == 1, "ten minutes have not passed"


def test_who_pays_as_he_goes_is_told_so(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    client = app_with(GIGACHAT_SCOPE="GIGACHAT_API_CORP").test_client()
    assert told(client)["accounts"] == [{"account": "1", "pays_as_it_goes": True, "packages": []}]
    assert asked(sandbox) == 1


def test_accounts_of_clients_are_theirs(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    client = app_with(GPT2GIGA_PASS_TOKEN="True").test_client()
    answer = client.get("/ui/packages", headers={"Authorization": "Bearer giga-cred-name:secret"})
    assert answer.get_json() == {"accounts": [], "is_asking": False} and asked(sandbox) == 0


def test_it_is_read_beside_the_requests(
    app_with: Callable[..., Flask], sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without anybody who looks, soon after the first request; and what GigaChat takes for it keeps nobody waiting."""
    monkeypatch.setattr("gpt2giga.telemetry.usage.FLUSH_SECONDS", 0.05)
    sandbox.state.script({"route": "balance", "delay": 1})
    client = app_with().test_client()
    ask(client, "GigaChat-2-Max")
    assert eventually(lambda: asked(sandbox) == 1)
    for _ in range(2):
        ask(client, "GigaChat-2-Max")
    assert client.get("/ui/packages").get_json() == {"accounts": [], "is_asking": True}
    assert len(sandbox.state.chats()) == 3


def test_nobody_is_asked_who_does_not_answer(
    app_with: Callable[..., Flask], sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that reach nobody are no reason to ask; those that are refused for want of tokens are."""
    monkeypatch.setattr("gpt2giga.telemetry.usage.FLUSH_SECONDS", 0.05)
    app = app_with(GPT2GIGA_MAX_RETRIES="0")
    client, usage = app.test_client(), app.extensions["usage"]
    sandbox.state.script({"status": 500}, {"status": 402})
    ask(client, "GigaChat-2-Max", 502)
    assert eventually(lambda: not usage._waiting) and eventually(lambda: not usage._is_watched)
    assert asked(sandbox) == 0
    ask(client, "GigaChat-2-Max", 402)
    assert eventually(lambda: asked(sandbox) == 1)


def test_after_a_402_it_is_read_again(
    app_with: Callable[..., Flask], sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But once a minute at most, for ten minutes."""
    app = app_with(GPT2GIGA_MAX_RETRIES="0")
    client, watch = app.test_client(), app.extensions["packages"]
    now = [float(int(time.monotonic()))]  # whole: 599 and 1 more are to be 600
    monkeypatch.setattr("gpt2giga.upstream.packages.time.monotonic", lambda: now[0])
    counts = []
    for passed, status in ((0, 200), (599, 200), (0, 402), (0, 402), (59, 200), (1, 200), (599, 200), (1, 200)):
        now[0] += passed
        if status == 402:
            sandbox.state.script({"status": 402})
        ask(client, "GigaChat-2-Max", status)
        watch.read()
        counts.append(asked(sandbox))
    # The second look comes with the 402, the next a minute later; then again every ten minutes.
    assert counts == [1, 1, 2, 2, 2, 3, 3, 4]


def test_a_balance_that_cannot_be_read_stops_nothing(
    app_with: Callable[..., Flask], sandbox: SandboxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.state.script({"route": "balance", "status": 500}, {"route": "balance", "answer": {"balance": "a lot"}})
    app = app_with(GPT2GIGA_MAX_RETRIES="0")
    client = app.test_client()
    assert told(client) == {"accounts": [], "is_asking": False}
    app.extensions["packages"]._accounts()[0][1]._read_at = None
    assert told(client) == {"accounts": [], "is_asking": False}
    assert capsys.readouterr().err.count("GigaChat does not tell what is left") == 2
    ask(client, "GigaChat-2-Max")


def test_somebody_is_warned_once_a_day(
    app_with: Callable[..., Flask], sandbox: SandboxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever process finds out, and also after a restart."""
    for left in (1_000_000, 99_999, 50_000):
        sandbox.state.settings.packages = {"GigaChat-Max": left, "GigaChat": 100}
        for _ in range(2):
            app_with().extensions["packages"].read()
    warnings = [line for line in capsys.readouterr().err.splitlines() if "GigaChat's package" in line]
    assert len(warnings) == 1
    assert "WARNING GigaChat's package GigaChat-Max has 99,999 of 1,000,000 tokens left (9 %)" in warnings[0]


MIDNIGHT = 20_000 * 86400.0


def left(amount: int) -> list[Package]:
    return [Package("GigaChat", amount)]


def test_what_the_whole_is(open_database: OpenDatabase) -> None:  # noqa: F811
    """The most that was seen since tokens were bought. Answers that come late count for nothing."""
    database = open_database()
    seen = []
    for second, amount in enumerate((1000, 400, 405, 90, 80, 900, 800, 1500)):
        [row] = remember(database, "a", left(amount), MIDNIGHT + second)
        seen.append((row.left, row.whole, row.is_news))
    assert seen == [
        (1000, 1000, False),
        (400, 1000, False),
        (405, 1000, False),
        (90, 1000, True),
        (80, 1000, False),
        (900, 900, False),
        (800, 900, False),
        (1500, 1500, False),
    ]
    [row] = remember(database, "a", left(3), MIDNIGHT + 2)
    assert (row.left, row.seen) == (1500, MIDNIGHT + 7)
    [row] = remember(database, "a", left(100), MIDNIGHT + 86400)
    assert row.is_news, "on the next day once more"


def test_accounts_and_packages_that_are_gone(open_database: OpenDatabase) -> None:  # noqa: F811
    database = open_database()
    remember(database, "a", [Package("GigaChat", 10), Package("old", 1)], MIDNIGHT)
    remember(database, "b", left(20), MIDNIGHT)
    remember(database, "a", left(9), MIDNIGHT + 1)
    assert known(database, ["a", "b", "c"]) == {
        "a": [Known("GigaChat", 9, 10, MIDNIGHT + 1)],
        "b": [Known("GigaChat", 20, 20, MIDNIGHT)],
    }
    remember(database, "a", [], MIDNIGHT + 2)
    assert [*known(database, ["a"])] == []
    remember(database, "a", left(1), MIDNIGHT + 401 * 86400)
    assert [*known(database, ["a", "b"])] == ["a"]


def test_growth_is_told(sandbox: SandboxServer, app_with: Callable[..., Flask]) -> None:
    """Also where nothing can be kept."""
    [(name, packages)] = app_with().extensions["accounts"].packages()
    grown: list[str] = []
    watch = PackageWatch(lambda: [(name, packages)], None, on_growth=grown.append)
    for amount, times in ((10, 0), (5, 0), (7, 1), (7, 1), (0, 1), (100, 2)):
        sandbox.state.settings.packages = {"GigaChat": amount}
        packages._read_at = None
        watch.read()
        assert len(grown) == times
    assert watch.states()[0].told()["packages"] == [{"model": "GigaChat", "left": 100, "whole": 100, "used_up": None}]
    sandbox.state.settings.packages = {"GigaChat": 100, "GigaChat-Max": 1}
    packages._read_at = None
    watch.read()
    assert len(grown) == 3, "one that was not there is bought too"


@pytest.mark.parametrize("number", [1, 2], ids=["one account", "a pool"])
def test_what_was_bought_is_used_at_once(app_with: Callable[..., Flask], sandbox: SandboxServer, number: int) -> None:
    """Neither the pool nor the fallback waits until its ten minutes are over."""
    keys = ",".join(f"{name}:secret" for name in ("first", "second")[:number])
    app = app_with(GIGACHAT_CREDENTIALS=keys, GPT2GIGA_FALLBACK="GigaChat-2-Max>GigaChat-2", GPT2GIGA_MAX_RETRIES="0")
    client, watch = app.test_client(), app.extensions["packages"]

    def answering() -> set[str]:
        bodies = [{"model": "GigaChat-2-Max", "messages": HELLO, "user": f"{place}"} for place in range(12)]
        return {
            client.post("/v1/chat/completions", json=body, buffered=True).headers["X-Gpt2giga-Model"] for body in bodies
        }

    def read() -> None:
        for _, packages in app.extensions["accounts"].packages():
            packages._read_at = None
        watch.read()

    sandbox.state.settings.packages = {"GigaChat": 1_000_000}
    read()
    assert answering() == {"GigaChat-2"}
    sandbox.state.settings.packages = {"GigaChat": 900_000, "GigaChat-Max": 1_000_000}
    assert answering() == {"GigaChat-2"}
    asked = len(sandbox.state.requests("/chat/completions"))
    read()
    assert answering() == {"GigaChat-2-Max"}
    found = {request["account"] for request in sandbox.state.requests("/chat/completions")[asked:]}
    assert len(found) == number == len(sandbox.state.refusals())


def test_the_newest_of_all_processes_is_told(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    sandbox.state.settings.packages = {"GigaChat-Max": 1000}
    one, other = app_with(), app_with()
    assert told(one.test_client())["accounts"][0]["packages"][0]["left"] == 1000
    sandbox.state.settings.packages = {"GigaChat-Max": 300}
    told(other.test_client())
    assert told(one.test_client())["accounts"][0]["packages"][0]["left"] == 300


def test_metrics(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    sandbox.state.settings.packages = {"GigaChat-Max": 1000}
    client = app_with(GPT2GIGA_METRICS="True").test_client()
    lines = [f'gpt2giga_package_tokens_{name}{{account="1",model="GigaChat-Max"}} 1000.0' for name in ("left", "whole")]
    assert eventually(lambda: all(line in client.get("/metrics").text for line in lines))
