from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt2giga.upstream.contract.tool_names import BUILT_IN, ToolNames

LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

# Names as clients build them, and pieces that make them clash.
NAMES = (
    st.text(max_size=80)
    | st.text("ab_-./ 1Яя", max_size=6)
    | st.sampled_from(sorted(BUILT_IN))
    | st.from_regex(r"[a-z]{0,60}_[0-9a-f]{8}", fullmatch=True)
)


@pytest.mark.parametrize(
    ("name", "mapped"),
    [
        ("get_weather", "get_weather"),
        ("_", "_"),
        ("a" * 64, "a" * 64),
        ("mcp__github__create_issue", "mcp__github__create_issue"),
        ("get-weather", "get_weather_19a275db"),
        ("get.weather", "get_weather_f65d4328"),
        ("dart-mcp-server/read_package_uris", "dart_mcp_server_read_package_uris_f3d9039f"),
        ("2captcha", "tool_2captcha_04bcc61f"),
        ("две слова", "dve_slova_f99bc239"),
        ("Ещё", "Esche_2071fb99"),
        ("café", "cafe_850f7dc4"),
        ("天气", "tool_4d947325"),
        ("", "tool_e3b0c442"),
        ("a" * 65, "a" * 55 + "_635361c4"),
        ("web_search", "web_search_2a719626"),
        ("get_weather_19a275db", "get_weather_19a275db_584f9ac3"),
        ("list_20240101", "list_20240101_5b62924d"),
        ("name\n", "name_f80b1fa8"),
    ],
)
def test_name(name: str, mapped: str) -> None:
    """The hash may not change: another one would empty GigaChat's prompt cache (contract 3.4.11)."""
    names = ToolNames([name])
    assert names.to_gigachat(name) == mapped
    assert names.from_gigachat(mapped) == name


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_built_in_name_is_changed(name: str) -> None:
    assert ToolNames([name]).to_gigachat(name).startswith(f"{name}_")


def test_tool_named_like_another_ones_mapped_name() -> None:
    first = "get-weather"
    second = ToolNames([first]).to_gigachat(first)
    names = ToolNames([first, second, ToolNames().to_gigachat(second)])
    assert names.to_gigachat(first) == second
    assert names.from_gigachat(second) == first
    assert names.from_gigachat(names.to_gigachat(second)) == second


def test_name_does_not_depend_on_its_neighbours() -> None:
    alone = ToolNames(["a-b"]).to_gigachat("a-b")
    assert ToolNames(["a.b", "a_b", "a b", "a-b"]).to_gigachat("a-b") == alone
    assert ToolNames().to_gigachat("a-b") == alone


def test_unknown_name_comes_back_unchanged() -> None:
    assert ToolNames(["a-b"]).from_gigachat("something") == "something"


def test_names_made_to_collide_are_still_told_apart() -> None:
    """Two names of one readable form whose 32 bits of hash meet; with enough tries anybody finds such a pair."""
    pair = ["a-- -.- /-/b", "a-.-.-..- -b"]
    assert {ToolNames().to_gigachat(name) for name in pair} == {"a_b_417e735c"}
    names = ToolNames(pair)
    assert names.to_gigachat(pair[0]) == "a_b_417e735c"
    assert len({names.to_gigachat(name) for name in pair}) == 2
    assert [names.from_gigachat(names.to_gigachat(name)) for name in pair] == pair


@given(st.lists(NAMES, max_size=20))
def test_names_are_legal_unique_and_reversible(given_names: list[str]) -> None:
    names = ToolNames([*given_names, *map(ToolNames().to_gigachat, given_names)])
    every = {*given_names, *map(ToolNames().to_gigachat, given_names)}
    mapped = {name: names.to_gigachat(name) for name in every}
    assert all(LEGAL.fullmatch(name) and name not in BUILT_IN for name in mapped.values())
    assert len(set(mapped.values())) == len(every)
    assert {name: names.from_gigachat(mapped[name]) for name in every} == {name: name for name in every}
    assert mapped == {name: ToolNames().to_gigachat(name) for name in every}
