from __future__ import annotations

import pytest

from gpt2giga.chat import ChatRequest, Image, JsonFormat, Message, Text, Tool, ToolCall, ToolResult
from gpt2giga.dialects.tokens import estimate, to_texts


def test_all_that_gigachat_reads() -> None:
    """Pictures and empty texts are left out."""
    result = ToolResult("c", "f", (Text("ok"), Image("https://a/b.png")))
    messages = (
        Message("user", (Text("Привет!"), Text(""), Image("https://a/b.png"))),
        Message("assistant", (ToolCall("c", "f", {"a": "б"}),)),
        Message("user", (result,)),
    )
    chat = ChatRequest("", messages, (Tool("f", "Погода", {"type": "object"}),), json_format=JsonFormat({"a": 1}))
    assert to_texts(chat) == ["Привет!", 'f {"a":"б"}', "ok", 'f Погода {"type":"object"}', '{"a":1}']


@pytest.mark.parametrize("letters, tokens", [(0, 0), (1, 1), (3, 1), (4, 2)])
def test_an_estimate_is_rounded_up(letters: int, tokens: int) -> None:
    assert estimate(letters) == tokens
