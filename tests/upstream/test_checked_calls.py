"""Answers with several calls: each is checked, and asked for once more, by itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pytest

from gpt2giga.chat import ChatRequest, Done, Event, Message, Text, TextDelta, Tool, ToolCall, ToolChoice, Usage
from gpt2giga.errors import UpstreamError
from gpt2giga.upstream.emulation.checked_calls import check_calls, MOST_REPAIRS

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
TOOLS = (Tool("a", "", SCHEMA), Tool("b", "", SCHEMA))
CHAT = ChatRequest("GigaChat", (Message("user", (Text("?"),)),), TOOLS)
ONE = Usage(1, 1)
END = Done("tool_calls", ONE)


class Told:
    """How each repair went."""

    def __init__(self) -> None:
        self.repairs: list[bool] = []

    def on_call_repaired(self, *, done: bool) -> None:
        self.repairs.append(done)

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


def right(call_id: str, name: str) -> ToolCall:
    return ToolCall(call_id, name, {"n": 1})


def wrong(call_id: str, name: str) -> ToolCall:
    return ToolCall(call_id, name, {})


def checked(batches: list[list[Event]], *seconds: list[Event] | Exception) -> tuple[list[Event], list[ChatRequest]]:
    """What is passed on, and what else GigaChat was asked; an answer is read to its end before the next request."""
    asked: list[ChatRequest] = []
    open_answers = 0

    def ask(chat: ChatRequest) -> Iterator[list[Event]]:
        nonlocal open_answers
        asked.append(chat)
        assert open_answers == 0, "an account may have one request at a time"
        open_answers += 1
        answer = seconds[len(asked) - 2] if len(asked) > 1 else None
        if isinstance(answer, Exception):
            open_answers -= 1
            raise answer
        yield from batches if answer is None else [[event] for event in answer]
        open_answers -= 1

    found = list(chain.from_iterable(check_calls(CHAT, ask, TOOLS, None)))
    return found, asked[1:]


TEXT, MORE = TextDelta("Раз."), TextDelta("Два.")
ORDERS: dict[str, list[list[Event]]] = {
    "one batch": [[TEXT, right("1", "a"), wrong("2", "b"), MORE, right("3", "a"), END]],
    "a batch each": [[TEXT], [right("1", "a")], [wrong("2", "b")], [MORE], [right("3", "a")], [END]],
    "two batches": [[TEXT, right("1", "a"), wrong("2", "b")], [MORE, right("3", "a"), END]],
}


@pytest.mark.parametrize("batches", ORDERS.values(), ids=ORDERS)
def test_the_second_of_three(batches: list[list[Event]]) -> None:
    """In its place, under its own id; the others are left alone, and the usage is that of all requests."""
    second: list[Event] = [TextDelta("Простите."), right("9", "b"), END]
    found, asked = checked(batches, second)
    assert found == [TEXT, right("1", "a"), right("2", "b"), MORE, right("3", "a"), Done("tool_calls", Usage(2, 2))]
    [again] = asked
    assert (again.tool_choice, again.several_calls) == (ToolChoice("named", "b"), False)
    assert again.messages[-2].parts == (wrong("2", "b"),), "only the call that was wrong"


@pytest.mark.parametrize("together", [True, False])
def test_two_of_three(together: bool) -> None:
    events: list[Event] = [wrong("1", "a"), right("2", "a"), wrong("3", "b"), END]
    batches = [events] if together else [[event] for event in events]
    found, asked = checked(batches, [right("8", "a"), END], [right("9", "b"), END])
    assert found == [right("1", "a"), right("2", "a"), right("3", "b"), Done("tool_calls", Usage(3, 3))]
    assert [chat.tool_choice.name for chat in asked] == ["a", "b"]


def test_one_that_cannot_be_repaired_takes_no_other_with_it() -> None:
    events: list[Event] = [wrong("1", "a"), wrong("2", "b"), END]
    found, _ = checked([events], UpstreamError("No."), [right("9", "b"), END])
    assert found == [wrong("1", "a"), right("2", "b"), Done("tool_calls", Usage(2, 2))]


def test_a_flood_of_wrong_ones_is_passed_on() -> None:
    calls = [wrong(str(number), "a") for number in range(MOST_REPAIRS + 2)]
    found, asked = checked([[*calls, END]], *([right("x", "a"), END] for _ in range(MOST_REPAIRS)))
    assert len(asked) == MOST_REPAIRS
    assert found[:-1] == [*(right(call.id, "a") for call in calls[:MOST_REPAIRS]), *calls[MOST_REPAIRS:]]


def test_each_repair_is_counted() -> None:
    told = Told()
    answers: list[list[Event]] = [[wrong("1", "a"), wrong("2", "b"), END], [right("8", "a"), END], [TEXT, END]]
    left = iter(answers)
    list(check_calls(CHAT, lambda _: iter([next(left)]), TOOLS, told))  # type: ignore[arg-type]
    assert told.repairs == [True, False]


def test_right_ones_are_passed_on_as_they_come() -> None:
    batches: list[list[Event]] = [[TEXT, right("1", "a")], [], [right("2", "b"), END]]
    assert list(check_calls(CHAT, lambda _: iter(batches), TOOLS, None)) == batches
