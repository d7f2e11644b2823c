"""Who has used how much, in a file here; tests/deploy/test_postgresql.py runs the same tests on a server."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from flask import Request

from gpt2giga.chat import Usage
from gpt2giga.config.limits import LimitSettings
from gpt2giga.config.settings import TranslationSettings
from gpt2giga.store.database import Database
from gpt2giga.store.sqlite import SQLiteFile
from gpt2giga.telemetry.known_models import KnownModels
from gpt2giga.telemetry.usage import UsageCounter
from gpt2giga.telemetry.usage_report import failures, Span, usage
from gpt2giga.web.exchange import Exchange, Outcome
from tests.dialects.responses.test_store import open_database, OpenDatabase  # noqa: F401  # a fixture

DAY = 86400
# Noon in Moscow, which is ahead of UTC by three hours.
NOON, MOSCOW = 20_000 * DAY + 9 * 3600, 180


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [float(NOON)]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


@pytest.fixture
def counter(open_database: OpenDatabase) -> UsageCounter:  # noqa: F811
    return counter_of(open_database())


def counter_of(database: Database | None) -> UsageCounter:
    return UsageCounter(database, KnownModels("GigaChat-2-Max", TranslationSettings()))


def over(
    key: str = "ann", model: str = "GigaChat-2-Max", usage: Usage | None = None, *, status: int = 200, cause: str = ""
) -> Exchange:
    """A request that has ended."""
    path = "/v1/chat/completions"
    outcome = Outcome.REFUSED if status >= 400 else Outcome.WHOLE
    made = Exchange("id", "POST", path, Request({}), LimitSettings(), path, key_name=key)
    made.model, made.usage, made.status, made.cause, made.outcome = model, usage, status, cause, outcome
    return made


def of_today(counter: UsageCounter, *by: str, key: str | None = None, days: int = 1) -> list[dict[str, object]]:
    counter.flush()
    assert counter.database
    rows = usage(counter.database, Span(days, MOSCOW), by, key)
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_what_is_used_is_told_by_whatever_is_asked(counter: UsageCounter, clock: list[float]) -> None:
    counter.add(over(usage=Usage(10, 5, 2)))
    counter.add(over(usage=Usage(1, 1)))
    counter.add(over("bob", "made-up", usage=Usage(100, 50)))
    clock[0] += DAY
    counter.add(over("bob", status=402, cause="insufficient_quota"))
    nothing = {"requests": 0, "errors": 0, "prompt": 0, "completion": 0, "cached": 0}
    assert of_today(counter) == [{**nothing, "requests": 1, "errors": 1}]
    by_key = of_today(counter, "key", days=2)
    assert {"key": "ann", **nothing, "requests": 2, "prompt": 11, "completion": 6, "cached": 2} in by_key
    assert {"key": "bob", **nothing, "requests": 2, "errors": 1, "prompt": 100, "completion": 50} in by_key
    assert {row["model"] for row in of_today(counter, "model", days=2)} == {"GigaChat-2-Max", "other"}
    assert [row["day"] for row in of_today(counter, "day", days=2)] == [20_000, 20_001]
    assert {row["key"] for row in of_today(counter, "key", days=2, key="ann")} == {"ann"}
    assert counter.database
    told = failures(counter.database, Span(2, MOSCOW), ("cause", "key"))
    assert told == [{"cause": "insufficient_quota", "key": "bob", "errors": 1}]


def test_what_is_counted_is_who_answers(counter: UsageCounter, clock: list[float]) -> None:
    """The last who took over, by a name that GigaChat knows; whatever was asked for."""
    for asked, answering in (("gpt-4o", ["GigaChat-2-Max"]), ("GigaChat-2-Max", ["GigaChat-2-Max", "GigaChat-2"])):
        exchange = over(model=asked)
        for account, model in enumerate(answering, 1):
            exchange.answered_by(str(account), model)
        counter.add(exchange)
    made_up = over()
    made_up.answered_by("1", "made-up")
    counter.add(made_up)
    assert {(row["account"], row["model"]) for row in of_today(counter, "account", "model")} == {
        ("1", "GigaChat-2-Max"),
        ("2", "GigaChat-2"),
        ("1", "other"),
    }


def test_aliases_are_counted_as_what_answers_them() -> None:
    aliases = (("GPT-4o", "GigaChat-2-Pro"),)
    for translation, answering in (
        (TranslationSettings(model_aliases=aliases), {"GigaChat-2-Pro", "GigaChat-2"}),
        (TranslationSettings(model_aliases=aliases, pass_model=False), {"GigaChat-2-Max"}),
    ):
        known = KnownModels("GigaChat-2-Max", translation)
        assert {known.answering(asked) for asked in ("gpt-4o", "GPT-4o", "GigaChat-2-Lite")} == answering
        assert known.answering("") == ""


def test_a_model_counts_under_one_name() -> None:
    """However a client or the settings write it."""
    aliases = (("llama3:latest", "gigachat-2-pro"), ("gpt-4o", "GigaChat-2-Max:latest"))
    known = KnownModels("GigaChat-2-Max", TranslationSettings(model_aliases=aliases))
    for told in ("GigaChat-2-Pro", "GigaChat-2-Max:1.2.26"):
        known.on_model_known(told)
    for written in ("llama3", "LLAMA3:latest", "library/llama3", "llama3:LATEST", "meta/llama3:8b"):
        assert (known.name(written), known.answering(written)) == ("llama3", "GigaChat-2-Pro")
    for written in ("gigachat-2-max", "GigaChat-2-Max:latest", "openai/GIGACHAT-2-MAX", "GigaChat-2-Max:1.2.26"):
        assert known.name(written) == known.answering(written) == "GigaChat-2-Max"
    assert known.answering("GPT-4o") == "GigaChat-2-Max"
    assert {known.name(name) for name in ("made-up", "llama3-8b")} == {"other"}


@pytest.mark.parametrize("alias", [(), (("gpt-4o", "gigachat-2-max:1.2.26"),)])
def test_releases_count_under_their_model(alias: tuple[tuple[str, str], ...]) -> None:
    """Also those that the settings name. What looks so elsewhere is another model."""
    known = KnownModels("gigachat-2-max:1.2.26", TranslationSettings(model_aliases=alias))
    for told in ("GigaChat-2-Max:1.2.26", "qwen3:8b", "qwen3:32b"):
        known.on_model_known(told)
    assert {
        known.name(f"{name}{release}") for name in ("GigaChat-2-Max", "gigachat-2-max") for release in ("", ":9")
    } == {"GigaChat-2-Max"}
    assert [known.name(name) for name in ("qwen3:8b", "qwen3:32b")] == ["qwen3:8b", "qwen3:32b"]
    assert not alias or known.answering("gpt-4o") == "GigaChat-2-Max"


def test_a_day_begins_when_it_does_for_the_reader(counter: UsageCounter, clock: list[float]) -> None:
    """Half past two in the night in Moscow is still yesterday in London."""
    clock[0] = NOON - 9.5 * 3600
    counter.add(over())
    counter.flush()
    assert counter.database
    assert [row["day"] for row in usage(counter.database, Span(7, MOSCOW), ("day",))] == [20_000]
    assert [row["day"] for row in usage(counter.database, Span(7, 0), ("day",))] == [19_999]
    clock[0] += DAY
    [nothing] = of_today(counter)
    assert set(nothing.values()) == {0}


def test_several_processes_add_to_the_same(open_database: OpenDatabase, clock: list[float]) -> None:  # noqa: F811
    counters = [counter_of(open_database()) for _ in range(3)]

    def work(counter: UsageCounter) -> None:
        for _ in range(20):
            counter.add(over(usage=Usage(2, 1)))
            counter.flush()

    threads = [threading.Thread(target=work, args=(counter,)) for counter in counters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for counter in counters:  # what found the database locked waits for the next time
        while counter._waiting:
            counter.flush()
    [row] = of_today(counters[0])
    assert (row["requests"], row["prompt"], row["completion"]) == (60, 120, 60)


def test_old_hours_make_room(counter: UsageCounter, clock: list[float]) -> None:
    counter.add(over())
    counter.flush()
    clock[0] += 401 * DAY
    counter.add(over())
    [row] = of_today(counter, days=1000)
    assert row["requests"] == 1


def test_what_cannot_be_written_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blocked = tmp_path / "state"
    blocked.write_text("")
    counter = counter_of(Database(SQLiteFile(blocked / "kept.sqlite3")))
    for _ in range(3):
        counter.add(over(status=500, cause="internal_error"))
        counter.flush()
    assert caplog.text.count("counted in memory only") == 1
    blocked.unlink()
    counter.add(over())
    [row] = of_today(counter)
    assert (row["requests"], row["errors"]) == (4, 3)


def test_what_waits_is_bounded(tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("gpt2giga.telemetry.usage.MOST_WAITING", 10)
    counter = counter_of(Database(SQLiteFile(tmp_path / "file" / "kept.sqlite3")))
    for number in range(50):
        clock[0] += 3600
        counter.add(over(status=500, cause=f"cause-{number}"))
        counter.flush()
    assert len(counter._waiting) == len(counter._failures) == 10


COUNTED = [
    (over(), 1, 0),
    (over(status=404), 1, 1),
    (over(status=200, cause="upstream_cut"), 1, 1),  # a stream that broke
    (over(status=200, cause="client_gone"), 1, 0),
]
COUNTED[2][0].outcome, COUNTED[3][0].outcome = Outcome.CUT, Outcome.CLIENT_GONE


@pytest.mark.parametrize("closed, requests, errors", COUNTED)
def test_what_is_an_error(counter: UsageCounter, closed: Exchange, requests: int, errors: int) -> None:
    counter.add(closed)
    [row] = of_today(counter)
    assert (row["requests"], row["errors"]) == (requests, errors)


def test_what_asks_for_no_work_is_not_counted(counter: UsageCounter) -> None:
    looked = over()
    looked.method = "GET"
    counter.add(looked)
    assert of_today(counter, "key") == []
    counter_of(None).add(over())
