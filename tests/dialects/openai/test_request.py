from __future__ import annotations

from typing import Any

import pytest

from gpt2giga.dialects.openai.request import from_chat_request
from gpt2giga.errors import BadRequest

HELLO = [{"role": "user", "content": "Привет!"}]

BAD = [
    ({}, "messages"),
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "Привет"}, "messages"),
    ({"messages": {"role": "user"}}, "messages"),
    ({"messages": ["Привет"]}, "messages[0]"),
    ({"messages": [*HELLO, {"content": "a"}]}, "messages[1].role"),
    ({"messages": [{"role": "robot", "content": "a"}]}, "messages[0].role"),
    ({"messages": [{"role": ["user"], "content": "a"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": {"type": "text"}}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": ["a"]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": [{"text": "a"}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": [{"type": "smell"}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
    ({"messages": HELLO, "model": 1}, "model"),
    ({"messages": HELLO, "temperature": "hot"}, "temperature"),
    ({"messages": HELLO, "temperature": 2.5}, "temperature"),
    ({"messages": HELLO, "temperature": -0.1}, "temperature"),
    ({"messages": HELLO, "temperature": True}, "temperature"),
    ({"messages": HELLO, "top_p": 1.1}, "top_p"),
    ({"messages": HELLO, "max_tokens": 0}, "max_tokens"),
    ({"messages": HELLO, "max_tokens": 1.5}, "max_tokens"),
    ({"messages": HELLO, "max_completion_tokens": 2**31}, "max_completion_tokens"),
    ({"messages": HELLO, "reasoning_effort": "extreme"}, "reasoning_effort"),
    ({"messages": HELLO, "reasoning_effort": 1}, "reasoning_effort"),
    ({"messages": HELLO, "stream": "yes"}, "stream"),
    ({"messages": HELLO, "stream_options": []}, "stream_options"),
    ({"messages": HELLO, "stream_options": {"include_usage": 1}}, "include_usage"),
]


@pytest.mark.parametrize("body, param", BAD, ids=[f"{param}-{i}" for i, (_, param) in enumerate(BAD)])
def test_what_makes_no_sense_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        from_chat_request(body)
    assert caught.value.param == param
    assert param in caught.value.message
