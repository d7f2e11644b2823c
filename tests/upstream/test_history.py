from __future__ import annotations

import time

import orjson
import pytest

from gpt2giga.chat import Image, Message, Text, ToolCall, ToolResult
from gpt2giga.upstream.contract.call_ids import call_id
from gpt2giga.upstream.contract.facts import Facts
from gpt2giga.upstream.contract.history import pair, to_document
from gpt2giga.upstream.contract.tool_names import ToolNames
from gpt2giga.upstream.contract.v1 import V1History

STATE_ID = "77d3fb14-457a-46ba-937e-8d856156d003"


def calls(*known: tuple[str, str]) -> Message:
    return Message("assistant", tuple(ToolCall(id, name, {}) for id, name in known))


def result(call_id: str = "", name: str = "", text: str = "{}") -> Message:
    return Message("user", (ToolResult(call_id, name, (Text(text),)),))


HELLO = Message("user", (Text("Привет!"),))
AB = calls(("a", "f"), ("b", "g"))

PAIRS = {
    "by id": ([AB, result("b"), result("a")], {(0, 0): (2, 0), (0, 1): (1, 0)}),
    "by order": ([AB, result(), result()], {(0, 0): (1, 0), (0, 1): (2, 0)}),
    "by name": ([AB, result(name="g"), result(name="f")], {(0, 0): (2, 0), (0, 1): (1, 0)}),
    "id before order": ([AB, result(), result("a")], {(0, 0): (2, 0), (0, 1): (1, 0)}),
    "unknown ids are none": ([AB, result("x"), result("y")], {(0, 0): (1, 0), (0, 1): (2, 0)}),
    "unknown id, known name": ([AB, result("x", "g")], {(0, 1): (1, 0)}),
    "no such name": ([AB, result(name="h")], {}),
    "an id of another turn": ([calls(("x", "f")), AB, result("x")], {(0, 0): (2, 0)}),
    "an id of another turn, used again": ([calls(("x", "f")), AB, calls(("x", "f")), AB, result("x")], {}),
    "an id of another turn, answered twice": ([calls(("x", "f")), AB, result("x"), result("x")], {}),
    "results of several turns": (
        [calls(("a", "f")), calls(("b", "f")), result("a"), calls(("c", "f")), result("b"), result("c")],
        {(0, 0): (2, 0), (1, 0): (4, 0), (3, 0): (5, 0)},
    ),
    "equal ids by order": ([calls(("a", "f"), ("a", "g")), result("a"), result("a")], {(0, 0): (1, 0), (0, 1): (2, 0)}),
    "more results than calls": ([calls(("a", "f")), result("a"), result("a"), result()], {(0, 0): (1, 0)}),
    "calls without ids": (
        [calls(("", "f"), ("", "g")), result(name="g"), result("x")],
        {(0, 0): (2, 0), (0, 1): (1, 0)},
    ),
    "ids used again": (
        [calls(("a", "f")), result("a"), calls(("a", "f")), result("a")],
        {(0, 0): (1, 0), (2, 0): (3, 0)},
    ),
    "results before their calls": ([result("a"), calls(("a", "f"))], {}),
    "a user between": ([calls(("a", "f")), HELLO, result("a")], {(0, 0): (2, 0)}),
}


@pytest.mark.parametrize("messages, expected", PAIRS.values(), ids=PAIRS)
def test_pair(messages: list[Message], expected: dict[tuple[int, int], tuple[int, int]]) -> None:
    assert pair(messages) == expected


def test_pairing_takes_time_in_proportion() -> None:
    many = [calls(*((f"id{i}", "f") for i in range(20_000))), *(result(f"id{i}") for i in reversed(range(20_000)))]
    started = time.process_time()  # of this process alone: others may be at work
    assert len(pair(many)) == 20_000
    assert time.process_time() - started < 2


DOCUMENTS = [
    ('{"a": 1}', '{"a": 1}'),
    ("{}", "{}"),
    (' {"a": 1}\n', ' {"a": 1}\n'),
    ('"text"', '{"result":"text"}'),
    ("1.50", '{"result":1.50}'),
    ("true", '{"result":true}'),
    ("null", '{"result":null}'),
    (" [1, 2]\n", '{"result":[1, 2]}'),
    ("1" * 40, '{"result":' + "1" * 40 + "}"),
    ("", '{"result":""}'),
    ("  ", '{"result":"  "}'),
    ("plain", '{"result":"plain"}'),
    ("NaN", '{"result":"NaN"}'),
    ("1e999", '{"result":"1e999"}'),
    ('{"a": NaN}', r'{"result":"{\"a\": NaN}"}'),
    ('{"a":1}{"b":2}', r'{"result":"{\"a\":1}{\"b\":2}"}'),
    ("{'a': 1}", """{"result":"{'a': 1}"}"""),
    ('\ufeff{"a":1}', '{"result":"\ufeff{\\"a\\":1}"}'),
    (r'{"a":"\ud800"}', r'{"result":"{\"a\":\"\\ud800\"}"}'),
]


@pytest.mark.parametrize("text, document", DOCUMENTS)
def test_to_document(text: str, document: str) -> None:
    assert to_document(text) == document
    assert isinstance(orjson.loads(document), dict)


@pytest.mark.parametrize("opening, closing", ["[]", ('{"a":', "}")])
@pytest.mark.parametrize("depth", [150, 250, 600, 1020, 5000])
def test_a_result_nested_deeply(opening: str, closing: str, depth: int) -> None:
    text = opening * depth + "1" + closing * depth
    document = orjson.loads(to_document(text))
    assert document == {"result": text} or depth == 150


def test_state_ids_on_demand() -> None:
    messages = [Message("assistant", (ToolCall(call_id(STATE_ID), "f", {}), ToolCall("call_1", "f", {})))]
    for send, expected in ((False, [None, None]), (True, [STATE_ID, None])):
        history = V1History(messages, ToolNames(["f"]), {}, Facts(), send_state_id=send).write()
        assert [said.get("functions_state_id") for said in history if said["role"] == "assistant"] == expected


def test_images_without_a_file_are_mentioned() -> None:
    image = Image("https://example.com/a.png")
    messages = [calls(("a", "f")), Message("user", (ToolResult("a", "", (image,)),))]
    assert "not shown" in V1History(messages, ToolNames(["f"]), {}, Facts()).write()[-1]["content"]
    assert V1History(messages, ToolNames(["f"]), {image: "id"}, Facts()).write()[-1]["attachments"] == ["id"]


@pytest.mark.parametrize("beside", [True, False])
def test_text_beside_a_call(beside: bool) -> None:
    """Where it is refused, the model still learns what it said."""
    said = Message("assistant", (Text("Смотрю."), ToolCall("a", "f", {})))
    written = V1History([HELLO, said, result("a")], ToolNames(["f"]), {}, Facts(text_beside_call=beside)).write()
    user, call, _ = written
    assert call["content"] == ("Смотрю." if beside else "")
    assert user["content"] == ("Привет!" if beside else "Привет!\n\n[You said: Смотрю.]")
