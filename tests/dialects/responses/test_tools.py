from __future__ import annotations

from typing import Any

import pytest

from gpt2giga.chat import Text, ToolCall, ToolChoice, ToolResult
from gpt2giga.dialects.responses.request import from_responses_request, Past
from gpt2giga.dialects.responses.tool_choice import from_choice
from gpt2giga.dialects.responses.tools import ClientTool, from_tools
from gpt2giga.dialects.tools import to_custom_input
from gpt2giga.errors import BadRequest

F = {"type": "function", "name": "f", "description": "Does f.", "parameters": {"type": "object", "properties": {}}}
C = {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "a"'}}
N = {"type": "namespace", "name": "n", "description": "", "tools": [F, {**C, "name": "d"}]}
W = {"type": "web_search"}


def toolbox(*tools: Any) -> Any:
    return from_tools({"tools": list(tools)}, ignore_hosted=True)


def test_names_are_flat_and_lead_back() -> None:
    box = toolbox(F, C, N, W)
    assert [tool.name for tool in box.tools] == ["f", "c", "n__f", "n__d"]
    assert [box.client_tool(tool.name) for tool in box.tools] == [
        ClientTool("function", "f"),
        ClientTool("custom", "c"),
        ClientTool("function", "f", "n"),
        ClientTool("custom", "d", "n"),
    ]
    assert [*box.hosted.left_out] == ["web_search"]
    assert box.client_tool("g") == ClientTool("function", "g"), "a name that nobody offered"


OTHERS: list[dict[str, Any]] = [
    {"type": "function", "function": {name: value for name, value in F.items() if name != "type"}},
    {"type": "custom", "custom": {"name": "c", "format": {"type": "grammar", "grammar": C["format"]}}},
    {"name": "g", "input_schema": F["parameters"]},
    {"type": "custom", "name": "h", "input_schema": F["parameters"]},
]


@pytest.mark.parametrize("brought", [False, True])
def test_tools_in_the_forms_of_other_apis(brought: bool) -> None:
    """Cursor's, which has a list for all addresses, by the name of the model."""
    item = {"type": "tool_search_output", "call_id": "s", "tools": OTHERS}
    body: dict[str, Any] = {"input": [*([item] if brought else []), {"role": "user", "content": "a"}]}
    body |= {} if brought else {"tools": OTHERS}
    chat, delivery = from_responses_request(body, Past(), ignore_hosted=False)
    assert [delivery.toolbox.client_tool(tool.name) for tool in chat.tools] == [
        ClientTool("function", "f"),
        ClientTool("custom", "c"),
        ClientTool("function", "g"),
        ClientTool("function", "h"),
    ]
    f, c, g, h = chat.tools
    assert f.description == "Does f." and f.parameters == g.parameters == h.parameters == F["parameters"]
    assert c.parameters["properties"]["input"]["description"].endswith('lark grammar:\nstart: "a"')


def test_flat_names_never_meet() -> None:
    """A function may be called what a namespace and its function make together."""
    box = toolbox({**F, "name": "n__f"}, N)
    assert [tool.name for tool in box.tools] == ["n__f", "n__f_", "n__d"]
    assert box.flat_name("n", "f") == "n__f_" and box.flat_name("", "n__f") == "n__f"
    assert box.flat_name("old", "f") == "old__f", "what only the history remembers"


BROKEN = [
    {"type": "function"},
    {**F, "name": "h", "parameters": 5},
    {**N, "tools": [{"name": "x"}, F, None]},
    {**N, "name": None},
    None,
    F,
]
ANSWERED = {"role": "assistant", "content": "b"}


@pytest.mark.parametrize("kind", ["tool_search_output", "additional_tools"])
@pytest.mark.parametrize("are_past", [False, True])
def test_broken_tools_that_old_items_bring_are_left_out(kind: str, are_past: bool) -> None:
    """The client sends them again with every turn, or the store does."""
    old = [{"type": kind, "call_id": "s", "tools": BROKEN}, {"type": kind, "call_id": "s", "tools": 5}]
    given = [{"role": "user", "content": "a"}] if are_past else [*old, ANSWERED, {"role": "user", "content": "a"}]
    past = Past(items=tuple(old) if are_past else ())
    chat, _ = from_responses_request({"input": given}, past, ignore_hosted=False)
    assert [tool.name for tool in chat.tools] == ["n__f", "f"]


def test_broken_tools_of_a_search_in_the_newest_turn() -> None:
    found = {"type": "tool_search_output", "call_id": "s", "tools": BROKEN}
    chat, _ = from_responses_request({"input": [{"role": "user", "content": "a"}, found]}, Past(), ignore_hosted=False)
    assert [tool.name for tool in chat.tools] == ["n__f", "f"]


BROUGHT = [
    {"type": "additional_tools", "role": "developer", "tools": [F, N]},
    {"type": "tool_search_output", "call_id": "s", "tools": [W, {}, {**F, "name": "g"}, {**N, "tools": [C]}]},
    {"type": "tool_search_output", "call_id": "t", "tools": [{**F, "name": "g", "description": "Newer."}]},
]


@pytest.mark.parametrize("past", [0, 1, 3])
def test_tools_that_items_bring(past: int) -> None:
    """Codex offers its own in an item to models of its catalog, and resends what its searches have found."""
    before = Past(items=tuple(BROUGHT[:past]))
    body = {"tools": [C], "input": [*BROUGHT[past:], {"role": "user", "content": "a"}], "tool_choice": "required"}
    chat, delivery = from_responses_request(body, before, ignore_hosted=False)
    assert [tool.name for tool in chat.tools] == ["c", "f", "n__f", "n__d", "g", "n__c"]
    assert [tool.description for tool in chat.tools if tool.name == "g"] == ["Newer."]
    assert delivery.toolbox.client_tool("n__c") == ClientTool("custom", "c", "n")
    assert (chat.tool_choice.mode, delivery.ignored) == ("required", ())


SEARCH = {"type": "tool_search", "execution": "client", "parameters": {"type": "object", "properties": {}}}


def test_a_search_for_tools_by_the_client() -> None:
    """Codex's: a function for GigaChat. Searches that OpenAI ran, have no call id, and leave only what they found."""
    call = {"type": "tool_search_call", "call_id": "s", "execution": "client", "arguments": {"query": "q"}}
    own = [{**call, "call_id": None}, {"type": "tool_search_output", "call_id": None, "tools": [F]}]
    body = {"tools": [SEARCH], "input": [{"role": "user", "content": "a"}, *own, call, *BROUGHT[1:2]]}
    chat, _ = from_responses_request(body, Past(), ignore_hosted=False)
    assert [tool.name for tool in chat.tools] == ["tool_search", "f", "g", "n__c"]
    _, called, answered = chat.messages
    assert called.parts == (ToolCall("s", "tool_search", {"query": "q"}),)
    assert answered.parts == (ToolResult("s", "", (Text("Found, and to be called from now on: g, n"),)),)
    assert [*toolbox({**SEARCH, "execution": "server"}).hosted.left_out] == ["tool_search"]


BAD = [
    ([{"type": "function"}], "input[0].tools[0].name"),
    ([F, W], "input[0].tools[1].type"),
    ([F, 5], "input[0].tools[1]"),
    ("f", "input[0].tools"),
]


@pytest.mark.parametrize("tools, param", BAD, ids=[param for _, param in BAD])
def test_additional_tools_that_make_no_sense(tools: Any, param: str) -> None:
    body = {"input": [{"type": "additional_tools", "tools": tools}, {"role": "user", "content": "a"}]}
    with pytest.raises(BadRequest) as caught:
        from_responses_request(body, Past(), ignore_hosted=False)
    assert caught.value.param == param


def test_a_call_that_comes_back_without_its_namespace() -> None:
    """Some clients drop it; the model would see a call of a tool that it does not have."""
    assert toolbox(C, N).flat_name("", "f") == "n__f"
    assert toolbox(N, {**N, "name": "m"}).flat_name("", "f") == "f", "two of them: nobody can tell"
    assert toolbox(F, N).flat_name("", "f") == "f"


def test_a_custom_tool_takes_one_string_and_tells_its_grammar() -> None:
    [tool] = toolbox(C).tools
    assert tool.parameters["required"] == ["input"]
    words = tool.parameters["properties"]["input"]["description"]
    assert words.endswith('It must follow this lark grammar:\nstart: "a"')


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"input": "+1"}, "+1"),
        ({"input": "+1", "note": "x"}, "+1"),
        ({"patch": "+1"}, "+1"),
        ({}, "{}"),
        ({"input": 1}, '{"input":1}'),
        ({"a": "x", "b": "y"}, '{"a":"x","b":"y"}'),
    ],
)
def test_input_of_a_custom_tool(arguments: dict[str, Any], text: str) -> None:
    assert to_custom_input(arguments) == text


ALL = ["f", "c", "n__f", "n__d"]


@pytest.mark.parametrize(
    "wanted, names, choice, ignored",
    [
        (None, ALL, ToolChoice("auto"), False),
        ("none", ALL, ToolChoice("none"), False),
        ("required", ALL, ToolChoice("required"), False),
        ({"type": "function", "name": "f"}, ALL, ToolChoice("named", "f"), False),
        ({"type": "custom", "name": "c"}, ALL, ToolChoice("named", "c"), False),
        ({"type": "function", "name": "f", "namespace": "n"}, ALL, ToolChoice("named", "n__f"), False),
        ({"type": "custom", "name": "d"}, ALL, ToolChoice("named", "n__d"), False),
        ({"type": "function", "function": {"name": "f"}}, ALL, ToolChoice("named", "f"), False),
        ({"type": "tool", "name": "c"}, ALL, ToolChoice("named", "c"), False),
        ({"type": "any"}, ALL, ToolChoice("required"), False),
        ({"type": "none"}, ALL, ToolChoice("none"), False),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "custom", "custom": C}]}},
            ["c"],
            ToolChoice("auto"),
            False,
        ),
        ({"type": "web_search"}, ALL, ToolChoice("auto"), True),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "c"}, W]},
            ["c"],
            ToolChoice("required"),
            False,
        ),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "namespace", "name": "n"}]},
            ["n__f", "n__d"],
            ToolChoice("auto"),
            False,
        ),
        ({"type": "allowed_tools", "mode": "auto", "tools": [W]}, [], ToolChoice("auto"), False),
    ],
)
def test_tool_choice(wanted: Any, names: list[str], choice: ToolChoice, ignored: bool) -> None:
    found = from_choice({"tool_choice": wanted}, toolbox(F, C, N, W))
    assert [tool.name for tool in found.tools] == names
    assert (found.choice, found.ignored) == (choice, ignored)
