"""What is learned of GigaChat's models: kept, shared by the workers, and never in the way."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gpt2giga.upstream import fact_book
from gpt2giga.upstream.contract.facts import ANY_MODEL, Fact, Facts
from gpt2giga.upstream.fact_book import FactBook

MODEL = "GigaChat-2-Max"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fact_book, "LOOK_AGAIN", 0.0)


def test_what_one_worker_learns_another_one_knows(tmp_path: Path) -> None:
    one, other = FactBook(tmp_path, "api.giga.chat"), FactBook(tmp_path, "api.giga.chat")
    assert other.of(MODEL).window == 261120
    one.learn(MODEL, "met", window=200000)
    one.learn(MODEL, "measured", schema_keywords=frozenset({"unions", "const"}), v2=True, hosted=frozenset())
    other.learn(MODEL, "measured", result_role="tool")
    for book in (one, other, FactBook(tmp_path, "api.giga.chat")):
        facts = book.of(MODEL)
        assert (facts.window, facts.v2, facts.result_role) == (200000, True, "tool")
        assert facts.schema_keywords == {"unions", "const"} and facts.hosted == frozenset()
        assert book.known(MODEL)["window"].source == "met" and book.known(MODEL)["v2"].source == "measured"
        assert book.of("GigaChat-2") == FactBook(None, "").of("GigaChat-2")


def test_hosts_are_kept_apart(tmp_path: Path) -> None:
    FactBook(tmp_path, "api.giga.chat").learn(MODEL, "met", window=200000)
    assert FactBook(tmp_path, "gigachat.devices.sberbank.ru").of(MODEL).window == 261120


def test_the_newest_counts_whatever_it_comes_from(tmp_path: Path) -> None:
    book = FactBook(tmp_path, "host")
    book.learn(MODEL, "measured", temperature_zero=True)
    assert book.of(MODEL).temperature_zero
    book.learn(MODEL, "met", temperature_zero=False)
    assert not book.of(MODEL).temperature_zero


def test_what_holds_for_all_models(tmp_path: Path) -> None:
    book = FactBook(tmp_path, "host")
    book.learn(ANY_MODEL, "measured", slots=3)
    book.learn(MODEL, "met", window=1000)
    assert book.of(MODEL).slots == book.of("GigaChat-2").slots == 3
    assert set(book.known(MODEL)) == {"slots", "window"} and set(book.known("GigaChat-2")) == {"slots"}


def test_clients_of_other_accounts_teach_nothing(tmp_path: Path) -> None:
    book = FactBook(tmp_path, "host", learns=False)
    book.learn(MODEL, "met", window=1000)
    assert book.of(MODEL).window == 261120
    book.learn(MODEL, "measured", window=1000)
    assert book.of(MODEL).window == 1000


def test_forgotten(tmp_path: Path) -> None:
    book, other = FactBook(tmp_path, "host"), FactBook(tmp_path, "host")
    book.learn(MODEL, "met", window=1000)
    assert other.of(MODEL).window == 1000
    (tmp_path / "host.json").unlink()
    assert book.of(MODEL).window == other.of(MODEL).window == 261120


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"GigaChat-2-Max": []}',
        '{"GigaChat-2-Max": {"window": 5}}',
        '{"GigaChat-2-Max": {"window": {"value": "5", "source": "met", "when": 1}}}',
        '{"GigaChat-2-Max": {"window": {"value": -5, "source": "met", "when": 1}}}',
        '{"GigaChat-2-Max": {"window": {"value": true, "source": "met", "when": 1}}}',
        '{"GigaChat-2-Max": {"window": {"value": 5, "source": "hearsay", "when": 1}}}',
        '{"GigaChat-2-Max": {"window": {"value": 5, "source": "met"}}}',
        '{"GigaChat-2-Max": {"colour": {"value": 5, "source": "met", "when": 1}}}',
        '{"GigaChat-2-Max": {"result_role": {"value": "user", "source": "met", "when": 1}}}',
        '{"GigaChat-2-Max": {"hosted": {"value": "web_search", "source": "met", "when": 1}}}',
    ],
)
def test_a_file_that_is_not_understood(tmp_path: Path, content: str) -> None:
    (tmp_path / "host.json").write_text(content)
    book = FactBook(tmp_path, "host")
    assert book.of(MODEL) == FactBook(None, "").of(MODEL)
    book.learn(MODEL, "met", window=1000)
    assert FactBook(tmp_path, "host").of(MODEL).window == 1000


def test_what_of_a_file_is_understood(tmp_path: Path) -> None:
    fact = {"value": ["unions", "colours"], "source": "measured", "when": 1}
    (tmp_path / "host.json").write_text(json.dumps({MODEL: {"schema_keywords": fact, "x": 1}}))
    assert FactBook(tmp_path, "host").known(MODEL) == {"schema_keywords": Fact(frozenset({"unions"}), "measured", 1.0)}


def test_a_folder_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    book = FactBook(tmp_path / "file", "host")
    book.learn(MODEL, "met", window=1000)
    assert book.of(MODEL).window == 1000 and "GPT2GIGA_STATE_DIR" in caplog.text


def test_only_its_owner_may_read(tmp_path: Path) -> None:
    FactBook(tmp_path / "facts", "host:443/../x").learn(MODEL, "met", window=1000)
    assert sorted(os.listdir(tmp_path / "facts")) == ["host_443_.._x.json", "lock"]
    assert (tmp_path / "facts").stat().st_mode & 0o77 == 0


def test_made_up_models_do_not_fill_it(tmp_path: Path) -> None:
    book = FactBook(tmp_path, "host")
    for number in range(fact_book.MOST_MODELS + 5):
        assert book.of(f"made-up-{number}").window
        book.learn(f"made-up-{number}", "met", window=1000)
    assert len(json.loads((tmp_path / "host.json").read_bytes())) == fact_book.MOST_MODELS


@pytest.mark.parametrize(
    "mode, learned, expected",
    [
        ("auto", {}, (False, False, [])),
        ("auto", {"v2": True, "any_call": True, "hosted": frozenset({"web_search"})}, (True, True, ["web_search"])),
        ("auto", {"v2": False, "any_call": True, "hosted": frozenset({"web_search"})}, (False, False, [])),
        ("v1", {"v2": True, "any_call": True, "hosted": frozenset({"web_search"})}, (False, False, [])),
        ("v2", {}, (True, True, ["url_content_extraction", "web_search"])),
        ("v2", {"v2": False, "any_call": False, "hosted": frozenset()}, (True, False, [])),
    ],
)
def test_the_setting_stands_above_what_is_known(
    tmp_path: Path, mode: str, learned: dict[str, Any], expected: tuple[bool, bool, list[str]]
) -> None:
    book = FactBook(tmp_path, "host", api_mode=mode)
    book.learn(MODEL, "measured", **learned)
    facts = book.of(MODEL)
    assert (facts.v2, facts.any_call, sorted(facts.hosted)) == expected


def test_schemas_are_converted_when_somebody_wants_it(tmp_path: Path) -> None:
    book = FactBook(tmp_path, "host", tool_schemas="converted")
    book.learn(MODEL, "measured", schema_keywords=frozenset({"unions"}))
    assert book.of(MODEL).schema_keywords == Facts().schema_keywords == frozenset()


def test_what_is_told_of_a_model(tmp_path: Path) -> None:
    book = FactBook(tmp_path, "host")
    assert book.learn(MODEL, "measured", hosted=frozenset({"web_search"}), v2=True)
    assert book.learn(ANY_MODEL, "measured", slots=2)
    told = {fact["name"]: fact for fact in book.told(MODEL)}
    assert (told["hosted"]["value"], told["hosted"]["source"]) == (["web_search"], "measured")
    assert told["slots"]["value"] == 2 and told["slots"]["when"] > 0
    assert told["images"] == {"name": "images", "value": True, "source": "default", "when": 0.0}
    (fixed,) = [fact for fact in FactBook(tmp_path, "host", api_mode="v1").told(MODEL) if fact["name"] == "v2"]
    assert (fixed["value"], fixed["source"]) == (False, "default")
    assert {(model, name) for model, name, _ in book.all()} == {(MODEL, "hosted"), (MODEL, "v2"), (ANY_MODEL, "slots")}


def test_what_is_not_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (None, tmp_path / "file"):
        assert not FactBook(folder, "host").learn(MODEL, "measured", v2=True)
