from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import pytest

from gpt2giga.chat import ChatRequest, Done, Event, HostedCall, Message, Text, TextDelta, Tool, ToolCall, ToolChoice
from gpt2giga.errors import UpstreamError
from gpt2giga.upstream.emulation import required_call
from gpt2giga.upstream.emulation.batches import Ask

WORDS: list[Event] = [TextDelta("Ясно."), Done("stop", None)]
CALL: list[Event] = [ToolCall("call1", "b", {}), Done("tool_calls", None)]
FILTERED: list[Event] = [TextDelta("Нет."), Done("content_filter", None)]


def chat(*names: str) -> ChatRequest:
    tools = tuple(Tool(name, f"Инструмент {name}", {}) for name in names)
    return ChatRequest("GigaChat", (Message("user", (Text("?"),)),), tools, ToolChoice("required"), max_tokens=5)


def scripted(*answers: list[Event]) -> tuple[list[ChatRequest], Ask]:
    asked: list[ChatRequest] = []

    def ask(request: ChatRequest) -> Iterator[list[Event]]:
        asked.append(request)
        return iter([[event] for event in answers[len(asked) - 1]])

    return asked, ask


def require_call(chat: ChatRequest, ask: Ask, *, can_require: bool = False) -> list[Event]:
    return list(chain.from_iterable(required_call.require_call(chat, ask, can_require=can_require)))


def test_one_tool_is_forced() -> None:
    asked, ask = scripted(CALL)
    assert require_call(chat("b"), ask) == CALL
    assert [request.tool_choice for request in asked] == [ToolChoice("named", "b")]


def test_what_gigachat_does_by_itself_is_a_call_too() -> None:
    """So one tool of the client's is not forced at once, and the tool that fits is asked for without a search."""
    searched: list[Event] = [HostedCall("t1", "web_search", "running"), *WORDS]
    both = replace(chat("b"), hosted=("web_search",))
    asked, ask = scripted(searched)
    assert require_call(both, ask) == searched
    assert [(request.tool_choice, request.hosted) for request in asked] == [(ToolChoice("auto"), ("web_search",))]
    asked, ask = scripted(WORDS, CALL)
    assert require_call(both, ask) == CALL
    assert asked[1].tool_choice == ToolChoice("named", "b")


def test_the_model_may_choose_by_itself() -> None:
    asked, ask = scripted(CALL)
    assert require_call(chat("a", "b"), ask) == CALL
    assert [request.tool_choice for request in asked] == [ToolChoice("auto")]


def test_a_service_that_can_be_made_to_call_is_asked_once() -> None:
    asked, ask = scripted(CALL)
    assert require_call(chat("a", "b"), ask, can_require=True) == CALL
    assert [request.tool_choice for request in asked] == [ToolChoice("required")]


@pytest.mark.parametrize(
    "choice, forced",
    [
        ('{"name": "b"}', "b"),
        ('```json\n{"name": "b"}\n```', "b"),
        ("Лучше ab, чем a.", "ab"),
        ('{"name": "unknown"}', "a"),
        ("[]", "a"),
        ("", "a"),
    ],
)
def test_words_lead_to_a_choice_and_that_to_a_call(choice: str, forced: str) -> None:
    asked, ask = scripted(WORDS, [TextDelta(choice), Done("stop", None)], CALL)
    assert require_call(chat("a", "b", "ab"), ask) == CALL
    _, question, last = asked
    assert last.tool_choice == ToolChoice("named", forced)
    assert question.tools == () and question.json_format is not None and question.max_tokens is None
    assert last.messages == asked[0].messages and last.max_tokens == 5


def test_a_model_that_will_not_call() -> None:
    _, ask = scripted(WORDS)
    with pytest.raises(UpstreamError) as caught:
        require_call(chat("b"), ask)
    assert caught.value.code == "tool_choice_violated"


def test_what_the_filter_stopped_is_not_asked_for_again() -> None:
    asked, ask = scripted(FILTERED)
    assert require_call(chat("a", "b"), ask) == FILTERED
    assert require_call(chat("b"), scripted(FILTERED)[1]) == FILTERED
    assert len(asked) == 1
