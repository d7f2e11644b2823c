"""Stop sequences: the same cut however the text comes in pieces, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2giga.chat import Citation, Done, Event, HostedCall, Picture, ReasoningDelta, TextDelta, ToolCall, Usage
from gpt2giga.upstream.emulation import stop

END = Done("stop", Usage(1, 2))
CALL = ToolCall("1", "weather", {})


def cut(events: Iterable[Event], stops: tuple[str, ...], *, close: bool, size: int = 1) -> Iterator[Event]:
    """The events in batches of `size`, and as a client adds them up."""
    source = iter(events)
    batches = iter(lambda: [*islice(source, size)], [])
    return chain.from_iterable(stop.cut(batches, stops, close=close))


def words(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def before_first(text: str, stops: tuple[str, ...]) -> str:
    return text[: min((text.find(stop) for stop in stops if stop in text), default=len(text))]


SHORT = st.text("ab\n", min_size=1, max_size=4)


@settings(deadline=None)
@given(
    pieces=st.lists(SHORT, max_size=8),
    stops=st.lists(SHORT, max_size=4).map(tuple),
    close=st.booleans(),
    size=st.integers(1, 9),
)
def test_any_pieces_any_stops(pieces: list[str], stops: tuple[str, ...], close: bool, size: int) -> None:
    found = list(cut(iter([*map(TextDelta, pieces), END]), stops, close=close, size=size))
    assert words(found) == before_first("".join(pieces), stops)
    assert isinstance(found[-1], Done) and found[-1].finish == "stop"
    assert all(event.text for event in found if isinstance(event, TextDelta))


@pytest.mark.parametrize(
    "pieces, stops, left",
    [
        (["Раз. Дв", "а. Три."], ("Два",), "Раз. "),
        (["EN", "D и дальше"], ("END",), ""),
        (["a", "b", "x"], ("abc", "b"), "a"),
        (["a", "b"], ("abc", "b"), "a"),
        (["abab", "ac"], ("abac",), "ab"),
        (["нет ни одного, EN"], ("END",), "нет ни одного, EN"),
    ],
)
def test_the_earliest_counts(pieces: list[str], stops: tuple[str, ...], left: str) -> None:
    assert words(list(cut(iter([*map(TextDelta, pieces), END]), stops, close=True))) == left


def test_text_is_passed_on_as_soon_as_no_stop_can_begin_in_it() -> None:
    events = cut(iter([TextDelta("один E"), TextDelta("NT"), END]), ("END",), close=True)
    assert [next(events), next(events)] == [TextDelta("один "), TextDelta("ENT")]


def test_what_was_held_comes_before_a_call() -> None:
    found = list(cut(iter([TextDelta("EN"), CALL, Done("tool_calls", None)]), ("END",), close=True))
    assert found == [TextDelta("EN"), CALL, Done("tool_calls", None)]


def test_a_stop_before_a_call_ends_the_answer() -> None:
    events: list[Event] = [TextDelta("да END"), CALL, Done("tool_calls", Usage(1))]
    assert list(cut(iter(events), ("END",), close=False)) == [TextDelta("да "), Done("stop", Usage(1), "END")]


def test_a_shorter_stop_in_what_was_held_ends_the_answer() -> None:
    events: list[Event] = [TextDelta("ab"), CALL, Done("tool_calls", Usage(1))]
    assert list(cut(iter(events), ("abc", "b"), close=False)) == [TextDelta("a"), Done("stop", Usage(1), "b")]


def test_thoughts_are_no_text() -> None:
    events: list[Event] = [ReasoningDelta("END"), TextDelta("да"), END]
    assert list(cut(iter(events), ("END",), close=True)) == events


@pytest.mark.parametrize("close", [True, False])
def test_the_rest_is_read_for_its_usage_only_when_it_costs_nothing(close: bool) -> None:
    read: list[Event] = []

    def events() -> Iterator[Event]:
        for event in (TextDelta("END"), TextDelta("rest"), END):
            read.append(event)
            yield event

    assert list(cut(events(), ("END",), close=close)) == [Done("stop", None if close else END.usage, "END")]
    assert len(read) == (1 if close else 3)


FIRST, SECOND = Citation("https://example.com/1", "Раз", 0, 3), Citation("https://example.com/2", "Два", 4, 7)


@pytest.mark.parametrize("size", [1, 9])
@pytest.mark.parametrize(
    "events, stops, left",
    [
        ([TextDelta("abc"), FIRST, TextDelta("d")], ("x",), [TextDelta("abc"), FIRST, TextDelta("d"), END]),
        ([TextDelta("abc"), FIRST, TextDelta("d")], ("cx",), [TextDelta("ab"), TextDelta("cd"), FIRST, END]),
        ([TextDelta("abc"), FIRST], ("cx",), [TextDelta("ab"), TextDelta("c"), FIRST, END]),
        ([TextDelta("abc"), FIRST, TextDelta("x")], ("cx",), [TextDelta("ab"), Done("stop", None, "cx")]),
        (
            [TextDelta("abc efgh"), FIRST, SECOND, TextDelta("x")],
            ("ghx",),
            [TextDelta("abc ef"), FIRST, Done("stop", None, "ghx")],
        ),
    ],
)
def test_sources_come_behind_their_text(
    events: list[Event], stops: tuple[str, ...], left: list[Event], size: int
) -> None:
    assert list(cut([*events, END], stops, close=True, size=size)) == left


@pytest.mark.parametrize("close, size", [(False, 1), (False, 9), (True, 9)])
def test_sources_of_what_is_kept_may_come_behind_the_cut(close: bool, size: int) -> None:
    """A whole answer is one text, and so is a frame that holds the stop sequence and a source before it."""
    events = [TextDelta("abc efgh"), FIRST, SECOND, END]
    done = Done("stop", None if close else END.usage, "gh")
    assert list(cut(events, ("gh",), close=close, size=size)) == [TextDelta("abc ef"), FIRST, done]


@pytest.mark.parametrize("event", [HostedCall("t1", "web_search", "running"), Picture("1", "image/jpeg", b"a"), CALL])
def test_what_is_no_text_ends_it(event: Event) -> None:
    """The letters held back come before it, where they were written."""
    found = list(cut([TextDelta("abE"), event, TextDelta("ND")], ("END",), close=True))
    assert found == [TextDelta("ab"), TextDelta("E"), event, TextDelta("ND")]
