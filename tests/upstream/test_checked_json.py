"""JSON answers of a model that also searches: the search is told of, and asked for, once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pytest

from gpt2giga.chat import (
    ChatRequest,
    Citation,
    Done,
    Event,
    HostedCall,
    JsonFormat,
    Message,
    Picture,
    Text,
    TextDelta,
    ToolChoice,
)
from gpt2giga.upstream.emulation.checked_json import answer_json, Check

FORMAT = JsonFormat({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})
SEARCH = ToolChoice("hosted", "web_search")
CHAT = ChatRequest(
    "GigaChat", (Message("user", (Text("?"),)),), tool_choice=SEARCH, hosted=("web_search",), json_format=FORMAT
)
BEGUN, ENDED = HostedCall("t1", "web_search", "running"), HostedCall("t1", "web_search", "completed")
RIGHT, WRONG = TextDelta('{"a": 1}'), TextDelta("Один.")
REST: list[Event] = [Citation("https://example.com", "Раз", 0, 5), Picture("1", "image/jpeg", b"a"), Done("stop", None)]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "answers",
    [[[BEGUN, ENDED, RIGHT, *REST]], [[BEGUN, ENDED, WRONG, *REST], [RIGHT, *REST]]],
    ids=["right", "asked for once more"],
)
def test_a_search(answers: list[list[Event]], streamed: bool) -> None:
    asked: list[ChatRequest] = []

    def ask(chat: ChatRequest) -> Iterator[list[Event]]:
        asked.append(chat)
        return iter([[event] for event in answers[len(asked) - 1]])

    check = Check(FORMAT, 1000)
    found = list(chain.from_iterable(answer_json(CHAT, check, ask, streamed=streamed, as_function=False)))
    assert [(chat.hosted, chat.tool_choice) for chat in asked] == [(("web_search",), SEARCH)] * len(answers)
    told = [event for event in found if isinstance(event, HostedCall)]
    assert told == ([BEGUN, ENDED] if streamed or len(answers) == 1 else [])
    assert [event for event in found if event not in told] == [RIGHT, Done("stop", None)]
