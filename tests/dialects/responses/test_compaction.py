"""Summaries that take the place of what was said: made, kept by the client, read again."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import pytest

from gpt2giga.chat import (
    ChatRequest,
    Done,
    Event,
    Message,
    ReasoningDelta,
    Text,
    TextDelta,
    ToolCall,
    ToolResult,
    Usage,
)
from gpt2giga.dialects.responses.compaction import (
    compacted,
    CompactionOutput,
    INTRODUCTION,
    KINDS,
    LONGEST,
    MARK,
    pack,
    unpack,
)
from gpt2giga.dialects.responses.request import from_input_at_chat
from gpt2giga.dialects.responses.response import ResponseHead, to_compacted, to_echo
from gpt2giga.dialects.responses.stream import ResponseStream
from gpt2giga.dialects.responses.summary import newest_of_user, to_summary_chat
from gpt2giga.dialects.responses.tools import from_tools
from gpt2giga.errors import BadRequest, Filtered, PromiseBroken
from tests.dialects.responses.bad_requests import CALL, HELLO, OUTPUT
from tests.dialects.responses.test_request import read

SAID = {"role": "assistant", "content": "Привет."}
RULES = {"role": "developer", "content": "По-русски."}


def compaction(summary: str = "Было так.", kind: str = "compaction") -> dict[str, Any]:
    return {"type": kind, "encrypted_content": pack(summary)}


@pytest.mark.parametrize("summary", ["Было так.", "🦊" * 1000, "x" * LONGEST, ""])
def test_what_was_packed_is_read_again(summary: str) -> None:
    assert unpack(pack(summary)) == summary


def test_a_summary_that_is_too_long_is_cut() -> None:
    assert unpack(pack("ж" * LONGEST)) == "ж" * (LONGEST // 2)


def bomb(size: int) -> str:
    return MARK + base64.b64encode(zlib.compress(b"x" * size)).decode()


@pytest.mark.parametrize(
    "content",
    [
        None,
        7,
        "gAAAAAB-of-openai",
        MARK,
        MARK + "?",
        MARK + "AAAA",
        pack("Было так.")[:-8],
        bomb(100 * 1024 * 1024),
        MARK + "A" * 10_000_000,
    ],
    ids=["none", "number", "foreign", "empty", "letters", "no zlib", "cut", "bomb", "long"],
)
def test_what_cannot_be_read_is_left_out_and_named(content: Any) -> None:
    assert unpack(content) == ""
    chat, delivery = read({"input": [{"type": "compaction", "encrypted_content": content}, HELLO]})
    assert [message for message in chat.messages if message.parts] == [Message("user", (Text("Привет!"),))]
    is_marked = isinstance(content, str) and content.startswith(MARK)
    assert delivery.ignored == (() if is_marked else ("input.compaction",))


@pytest.mark.parametrize("kind", KINDS)
def test_it_takes_the_place_of_what_was_said(kind: str) -> None:
    older = compaction("Совсем давно.")
    chat, delivery = read({"input": [RULES, older, HELLO, SAID, CALL, OUTPUT, compaction(kind=kind), HELLO]})
    assert chat.messages == (
        Message("system", (Text("По-русски."),)),
        Message("user", (Text("Привет!"),)),
        Message("user", (Text(f"{INTRODUCTION}\n\nБыло так."),)),
        Message("user", (Text("Привет!"),)),
    )
    assert delivery.ignored == () and delivery.compaction == ""


def test_the_newest_that_can_be_read_counts() -> None:
    foreign = {"type": "compaction", "encrypted_content": "gAAAAAB"}
    summary = {"type": "message", "role": "user", "content": f"{INTRODUCTION}\n\nб"}
    assert compacted([SAID, compaction("а"), SAID, compaction("б"), foreign]) == [summary, foreign]
    assert compacted([SAID, foreign]) == [SAID, foreign]


def test_many_of_them_cost_no_more_than_some() -> None:
    """Each of these is small, and would become a quarter of a megabyte."""
    many = [compaction("x" * LONGEST)] * 5000
    chat, _ = read({"input": [*many, HELLO]})
    assert len(chat.messages) == 2
    cut = {"type": "compaction", "encrypted_content": bomb(10 * LONGEST)}
    assert compacted([compaction(), *[cut] * 5000])[0] == compaction(), "nobody looks so far back"


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        ({"type": "compaction_trigger"}, "compaction"),
        ({"type": "context_compaction"}, "context_compaction"),
        ({"type": "context_compaction", "encrypted_content": pack("а")}, ""),
    ],
)
def test_how_it_is_asked_for(last: dict[str, Any], kind: str) -> None:
    _, delivery = read({"input": [HELLO, last]})
    assert delivery.compaction == kind and delivery.input == ((HELLO,) if kind else (HELLO, last))
    _, delivery = read({"input": [last, HELLO]})
    assert delivery.compaction == ""


def test_not_at_chat() -> None:
    with pytest.raises(BadRequest):
        from_input_at_chat({"input": [HELLO, {"type": "compaction_trigger"}]}, ignore_hosted=True)


def asked(*messages: Message, letters: int = 100_000) -> str:
    chat = ChatRequest("GigaChat", messages, tools=(), session="s")
    system, user = to_summary_chat(chat, letters).messages
    assert system.role == "system"
    [part] = user.parts
    assert isinstance(part, Text)
    return part.text


def user(text: str) -> Message:
    return Message("user", (Text(text),))


def result(text: str) -> Message:
    return Message("user", (ToolResult("1", "f", (Text(text),)),))


def test_what_gigachat_is_asked() -> None:
    call = Message("assistant", (Text("Смотрю."), ToolCall("1", "f", {"город": "Омск"})))
    text = asked(Message("system", (Text("Правила."),)), user("Погода?"), call, result("дождь"))
    assert text.startswith(
        "<conversation>\nUSER: Погода?\n\nASSISTANT: Смотрю.\n\n"
        'ASSISTANT CALLS f: {"город":"Омск"}\n\nRESULT: дождь\n</conversation>'
    )


def test_results_are_cut_before_words() -> None:
    words = [user(f"слово {number} " + "а" * 900) for number in range(20)]
    results = [result("начало " + "б" * 50_000 + " конец") for _ in range(20)]
    text = asked(*(message for pair in zip(words, results, strict=True) for message in pair), letters=45_000)
    assert len(text) < 46_000
    assert all(f"слово {number} " in text for number in range(20))
    assert text.count("RESULT: начало") == 20 and text.count("конец\n") == 20 and "letters left out" in text


def test_at_last_the_oldest_go_but_the_task_stays() -> None:
    text = asked(user("Задача."), *(user(f"шаг {number}: " + "а" * 1000) for number in range(100)), letters=10_000)
    assert len(text) < 11_000 and "Задача." in text and "шаг 99:" in text and "шаг 50:" not in text
    assert "older entries are left out" in text


def test_nothing_to_compact() -> None:
    with pytest.raises(BadRequest) as caught:
        asked(Message("system", (Text("Правила."),)))
    assert caught.value.param == "input"


def head(kind: str = "compaction") -> ResponseHead:
    return ResponseHead("GigaChat", to_echo({}), from_tools({}, ignore_hosted=True), kind)


WHOLE: list[Event] = [ReasoningDelta("Думаю"), TextDelta(" Было "), TextDelta("так.\n"), Done("length", Usage(10, 5))]


@pytest.mark.parametrize("kind", ["compaction", "context_compaction"])
def test_exactly_one_item_comes_of_it(kind: str) -> None:
    """As Codex wants it, also when the summary was cut at its end."""
    stream = ResponseStream(head(kind), lambda _: None)
    found = [item for event in WHOLE for item in stream.feed([event], 0)]
    assert [item["type"].removeprefix("response.") for item in found] == [
        "created",
        "in_progress",
        "output_item.added",
        "output_item.done",
        "completed",
    ]
    [item] = found[-1]["response"]["output"]
    assert item == found[-2]["item"] and item["type"] == kind and unpack(item["encrypted_content"]) == "Было так."
    assert found[-1]["response"]["usage"]["total_tokens"] == 15


def test_the_whole_answer() -> None:
    answer = to_compacted([WHOLE], head(), [HELLO])
    assert answer["object"] == "response.compaction" and answer["output"][0] == HELLO
    assert unpack(answer["output"][1]["encrypted_content"]) == "Было так."


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ([TextDelta("Не буду."), Done("content_filter", None)], Filtered),
        ([TextDelta("Не буду."), Done("stop", None, was_filtered=True)], Filtered),
        ([Done("stop", None)], PromiseBroken),
        ([TextDelta(" \n"), Done("stop", None)], PromiseBroken),
    ],
)
def test_what_is_no_summary_takes_nobodys_place(events: list[Event], kind: type[Exception]) -> None:
    output = CompactionOutput("compaction", "key")
    with pytest.raises(kind):
        for event in events:
            output.add(event)
    assert output.whole() == []


def test_the_newest_of_the_users_messages_stay() -> None:
    said = [{"role": "user", "content": f"{number} " + "а" * 100} for number in range(10)]
    assert newest_of_user([SAID, *said, SAID], 1000) == said[-4:]
    assert newest_of_user([SAID], 1000) == []
