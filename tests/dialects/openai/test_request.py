from __future__ import annotations

from typing import Any

import pytest

from gpt2giga.chat import Message, Text, ToolCall
from gpt2giga.dialects.openai.request import from_chat_request
from gpt2giga.errors import BadRequest

HELLO = [{"role": "user", "content": "Привет!"}]
F = {"name": "f"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
IMAGE_URL = "messages[0].content[0].image_url.url"


def called(*calls: Any) -> dict[str, Any]:
    return {"messages": [*HELLO, {"role": "assistant", "tool_calls": [*calls]}]}


def tools(*functions: Any) -> dict[str, Any]:
    return {"messages": HELLO, "tools": [{"type": "function", "function": function} for function in functions]}


def allowed(**allowed_tools: Any) -> dict[str, Any]:
    return {**tools(F), "tool_choice": {"type": "allowed_tools", "allowed_tools": allowed_tools}}


def deep(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"a": value}
    return value


CALLED = called({"id": "a", "function": F})["messages"]
RESULT = {"role": "tool", "tool_call_id": "a", "content": "b"}

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
    ({"messages": HELLO, "reasoning_effort": 1}, "reasoning_effort"),
    ({"messages": HELLO, "stop": 0}, "stop"),
    ({"messages": HELLO, "stop": {}}, "stop"),
    ({"messages": HELLO, "stop": [""] * 1001}, "stop"),
    ({"messages": HELLO, "max_tokens": -2}, "max_tokens"),
    ({"messages": HELLO, "max_tokens": -1.5}, "max_tokens"),
    ({"messages": HELLO, "stream": "yes"}, "stream"),
    ({"messages": HELLO, "stream_options": []}, "stream_options"),
    ({"messages": HELLO, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    # content
    ({"messages": [{"role": "user", "content": "a", "name": 1}]}, "messages[0].name"),
    ({"messages": [{"role": "user", "content": [{"type": ["text"], "text": "a"}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, IMAGE_URL),
    ({"messages": [{"role": "system", "content": [IMAGE]}]}, "messages[0].content[0].type"),
    # calls and results
    # tools
    ({"messages": HELLO, "tools": {}}, "tools"),
    ({"messages": HELLO, "tools": "f"}, "tools"),
    ({"messages": HELLO, "tools": ["f"]}, "tools[0]"),
    ({"messages": HELLO, "tools": [{"type": 5}]}, "tools[0].type"),
    ({"messages": HELLO, "tools": [{"type": "function"}]}, "tools[0].function"),
    ({"messages": HELLO, "tools": [{"type": "custom"}]}, "tools[0].custom"),
    ({"messages": HELLO, "tools": [{"type": "custom", "custom": {}}]}, "tools[0].custom.name"),
    ({"messages": HELLO, "tools": [{"type": "custom", "name": "f", "format": 5}]}, "tools[0].format"),
    ({"messages": HELLO, "tools": [{"name": 5}]}, "tools[0].name"),
    ({"messages": HELLO, "tools": [{"name": "f", "input_schema": "{}"}]}, "tools[0].input_schema"),
    (tools({"name": "f", "few_shot_examples": {}}), "tools[0].function.few_shot_examples"),
    (tools({"name": "f", "return_parameters": []}), "tools[0].function.return_parameters"),
    (tools({}), "tools[0].function.name"),
    (tools({"name": ""}), "tools[0].function.name"),
    (tools({"name": 1}), "tools[0].function.name"),
    (tools(F, {"name": "g", "description": 1}), "tools[1].function.description"),
    (tools({"name": "f", "parameters": "{}"}), "tools[0].function.parameters"),
    (tools(F, {"name": "f", "description": "another"}), "tools[1]"),
    (tools({"name": "f", "parameters": deep(400)}), "tools"),
    ({"messages": HELLO, "functions": {}}, "functions"),
    ({"messages": HELLO, "functions": [{}]}, "functions[0].name"),
    ({**tools(F), "functions": 0}, "functions"),
    # tool_choice
    ({**tools(F), "tool_choice": 1}, "tool_choice"),
    ({**tools(F), "tool_choice": "any"}, "tool_choice"),
    ({**tools(F), "tool_choice": []}, "tool_choice"),
    ({**tools(F), "tool_choice": {}}, "tool_choice.function"),
    ({**tools(F), "tool_choice": {"type": 5}}, "tool_choice.type"),
    ({**tools(F), "tool_choice": {"type": "web_search"}}, "tool_choice.type"),
    ({**tools(F), "tool_choice": {"type": "custom", "name": "g"}}, "tool_choice"),
    ({**tools(F), "tool_choice": {"type": "tool", "name": "g"}}, "tool_choice"),
    ({"messages": HELLO, "tool_choice": {"type": "any"}}, "tool_choice"),
    ({**tools(F), "tool_choice": {"type": "allowed_tools", "mode": "all"}}, "tool_choice.mode"),
    ({**tools(F), "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}}, "tool_choice.tools"),
    # GigaChat's own
    ({"messages": HELLO, "repetition_penalty": "a"}, "repetition_penalty"),
    ({"messages": HELLO, "profanity_check": "no"}, "profanity_check"),
    ({"messages": HELLO, "update_interval": -1}, "update_interval"),
    ({"messages": HELLO, "flags": "a"}, "flags"),
    ({"messages": HELLO, "flags": [1]}, "flags"),
    ({"messages": HELLO, "function_ranker": True}, "function_ranker"),
    ({"messages": HELLO, "extra_body": []}, "extra_body"),
    ({"messages": HELLO, "extra_body": {"unnormalized_history": 1}}, "unnormalized_history"),
    ({"messages": HELLO, "system": 5}, "system"),
    ({**tools(F), "tool_choice": {"function": {"name": []}}}, "tool_choice.function.name"),
    ({**tools(F), "tool_choice": {"function": {"name": "g"}}}, "tool_choice"),
    ({"messages": HELLO, "tool_choice": {"function": {"name": "g"}}}, "tool_choice"),
    ({"messages": HELLO, "tool_choice": "required"}, "tool_choice"),
    ({"messages": HELLO, "functions": [F], "function_call": {"name": "g"}}, "function_call"),
    ({**tools(F), "tool_choice": {"type": "allowed_tools"}}, "tool_choice.allowed_tools"),
    (allowed(mode="none", tools=[{"function": F}]), "tool_choice.allowed_tools.mode"),
    (allowed(mode=[], tools=[{"function": F}]), "tool_choice.allowed_tools.mode"),
    (allowed(mode="auto", tools={}), "tool_choice.allowed_tools.tools"),
    (allowed(mode="auto", tools=[]), "tool_choice.allowed_tools.tools"),
    (allowed(mode="auto", tools=["f"]), "tool_choice.allowed_tools.tools[0]"),
    (allowed(mode="auto", tools=[{}]), "tool_choice.allowed_tools.tools[0].function"),
    (allowed(mode="auto", tools=[{"function": {"name": "g"}}]), "tool_choice"),
    ({**tools(F), "parallel_tool_calls": "no"}, "parallel_tool_calls"),
    # nesting
    ({"messages": HELLO, "metadata": deep(300)}, "metadata"),
    ({"messages": [{"role": "user", "content": "a", "extra": deep(300)}]}, "messages"),
]

# What the model or a tool wrote. An agent sends it again with every step, and nobody could mend it.
RESENT = [
    {"messages": [*HELLO, {"role": "assistant", "refusal": 1}]},
    {"messages": [*HELLO, {"role": "assistant", "tool_calls": {}}]},
    called("f"),
    called({}),
    called({"function": "f"}),
    called({"type": "custom", "custom": {}}),
    called({"type": "custom", "custom": {"name": "f", "input": {}}}),
    called({"type": "custom", "custom": "f"}),
    called({"function": {}}),
    called({"function": {"name": 1}}),
    called({"id": 1, "function": F}),
    called({"function": {"name": "f", "arguments": []}}),
    called({"function": F}, {"function": {"name": "f", "arguments": 1}}),
    {"messages": [*HELLO, {"role": "assistant", "function_call": "f"}]},
    {"messages": [*HELLO, {"role": "assistant", "function_call": {}}]},
    {"messages": [*HELLO, {"role": "tool", "content": "a"}]},
    {"messages": [*HELLO, {"role": "tool", "tool_call_id": 1, "content": "a"}]},
    {"messages": [*HELLO, {"role": "function", "name": 1, "content": "a"}]},
    {"messages": [*HELLO, {"role": "tool", "tool_call_id": "a", "content": {}}]},
    {"messages": [*HELLO, {"role": "tool", "tool_call_id": "a", "content": ["a"]}]},
    {"messages": [*CALLED, RESULT, {"role": "tool", "content": "a"}]},
]


@pytest.mark.parametrize("body, param", BAD, ids=[f"{param}-{i}" for i, (_, param) in enumerate(BAD)])
def test_what_makes_no_sense_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        from_chat_request(body, ignore_hosted=False)
    assert caught.value.param == param
    assert param in caught.value.message


@pytest.mark.parametrize("body", RESENT)
def test_what_is_resent_is_never_refused(body: dict[str, Any]) -> None:
    """Also when it comes after all that the user said."""
    chat, _ = from_chat_request(body, ignore_hosted=False)
    assert chat.messages[0] == Message("user", (Text("Привет!"),))


NAMELESS = [
    {},
    {"function": None},
    {"function": {"name": None}},
    {"function": {"arguments": "{}"}},
    {"type": "custom", "custom": {"name": ""}},
    None,
]


@pytest.mark.parametrize("call", NAMELESS)
def test_a_broken_call_takes_nothing_with_it(call: Any) -> None:
    calls = [call, {"id": "b", "function": {"name": "g", "arguments": [1]}}]
    said = {"role": "assistant", "content": "Сейчас.", "tool_calls": calls, "function_call": {"name": ""}}
    chat, _ = from_chat_request({"messages": [*HELLO, said]}, ignore_hosted=False)
    assert chat.messages[1].parts == (Text("Сейчас."), ToolCall("b", "g", {"value": [1]}))


ODD = [
    {"messages": [{"role": "tool", "tool_call_id": "x", "content": "a"}, *CALLED, {"role": "tool", "content": "a"}]},
    {"messages": HELLO, "tools": [], "tool_choice": "auto"},
    {"messages": HELLO, "tools": None, "tool_choice": None, "functions": None, "function_call": None},
    {"messages": HELLO, "tool_choice": "none", "parallel_tool_calls": None},
    {**tools(F, F), "tool_choice": {"type": "function", "function": F}},
    {**tools({"name": "f", "parameters": True, "strict": True, "description": None})},
    {**tools({"name": "f", "parameters": deep(150)})},
    called({"type": "custom", "custom": {"name": "f", "input": ""}}),
    {"messages": HELLO, "tools": [{"type": "function", "name": "f"}], "tool_choice": {"type": "function", "name": "f"}},
    {"messages": HELLO, "tools": [{"type": "custom", "custom": F}], "tool_choice": {"type": "custom", "custom": F}},
    {"messages": HELLO, "tools": [{"input_schema": {}, **F}], "tool_choice": {"type": "tool", "name": "f"}},
    {"messages": HELLO, "tools": [{"type": "custom", "input_schema": {}, **F}], "tool_choice": {"type": "any"}},
    {**tools(F), "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", **F}]}},
    {"messages": HELLO, "max_tokens": 5.0, "n": 1.0, "seed": 3.0, "stop": ["", "a"], "max_completion_tokens": -1},
    {"messages": [*CALLED, {"role": "function", "content": "a"}]},
    {"messages": [*CALLED, {"role": "assistant", "tool_calls": None, "function_call": None, "audio": {"id": "a"}}]},
]


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_what_is_odd_but_clear_is_taken(body: dict[str, Any]) -> None:
    from_chat_request(body, ignore_hosted=False)
