from __future__ import annotations

from typing import Any

import pytest

from gpt2giga.chat import Tool, ToolChoice
from gpt2giga.dialects.anthropic.tools import from_tools, MessageTools
from gpt2giga.errors import BadRequest

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"name": "weather", "description": "Погода", "input_schema": SCHEMA}
LATER = {**TOOL, "name": "later", "defer_loading": True}
WEATHER = Tool("weather", "Погода", SCHEMA)
FOUND = {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "tool_reference", "tool_name": "later"}]}
HOSTED = [
    "web_search_20250305",
    "web_fetch_20250910",
    "bash_20250124",
    "text_editor_20250728",
    "computer_20250124",
    "code_execution_20250825",
    "memory_20250818",
    "tool_search_tool_regex_20251119",
    "mcp_toolset",
]


def read(tools: Any, choice: Any = None, blocks: Any = (), ignore_hosted: bool = True) -> MessageTools:
    messages = [{"role": "user", "content": [*blocks]}]
    return from_tools({"tools": tools, "tool_choice": choice, "messages": messages}, ignore_hosted=ignore_hosted)


def names(*arguments: Any, **options: Any) -> list[str]:
    return [tool.name for tool in read(*arguments, **options).tools]


@pytest.mark.parametrize(
    "choice, expected",
    [
        (None, ToolChoice("auto")),
        ({"type": "auto", "disable_parallel_tool_use": False}, ToolChoice("auto")),
        ({"type": "any"}, ToolChoice("required")),
        ({"type": "tool", "name": "weather"}, ToolChoice("named", "weather")),
        ({"type": "none"}, ToolChoice("none")),
    ],
)
def test_choice(choice: Any, expected: ToolChoice) -> None:
    assert read([TOOL], choice) == MessageTools((WEATHER,), expected)


@pytest.mark.parametrize("kind", ["auto", "any"])
def test_one_call_an_answer(kind: str) -> None:
    assert read([TOOL], {"type": kind}).several_calls
    assert not read([TOOL], {"type": kind, "disable_parallel_tool_use": True}).several_calls


def test_type_custom_is_the_same_as_none() -> None:
    assert read([{**TOOL, "type": "custom"}]).tools == (WEATHER,)


@pytest.mark.parametrize("kind", HOSTED)
def test_anthropics_own_tools(kind: str) -> None:
    hosted = {"type": kind, "name": kind.rpartition("_")[0]}
    assert read([hosted, TOOL, hosted]) == MessageTools((WEATHER,), ToolChoice(), ignored=(kind,))
    with pytest.raises(BadRequest, match=kind) as caught:
        read([hosted, TOOL], ignore_hosted=False)
    assert caught.value.param == "tools[0]"


def test_a_choice_of_a_tool_that_was_left_out_is_refused() -> None:
    with pytest.raises(BadRequest, match="'web_search', which runs at Anthropic"):
        read([{"type": "web_search_20250305", "name": "web_search"}], {"type": "tool", "name": "web_search"})


def test_a_deferred_tool_is_offered_once_it_was_found() -> None:
    """Claude Code declares a placeholder that must never be called, and tools that its ToolSearch has loaded."""
    assert names([TOOL, LATER]) == ["weather"]
    assert names([TOOL, LATER], blocks=[FOUND]) == ["weather", "later"]


def test_only_references_name_tools() -> None:
    other = {"type": "text", "text": "a", "tool_name": ["later"]}
    assert names([TOOL, LATER], blocks=[{**FOUND, "content": [other]}]) == ["weather"]


def test_nothing_is_deferred_when_the_search_is_left_out() -> None:
    search = {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}
    assert names([search, TOOL, LATER]) == ["weather", "later"]


def test_tools_come_and_go_in_the_conversation() -> None:
    change = {"tool": {"type": "tool_reference", "name": "later"}}
    added, removed = ({**change, "type": kind} for kind in ("tool_addition", "tool_removal"))
    assert names([TOOL, LATER], blocks=[added]) == ["weather", "later"]
    assert names([TOOL, LATER], blocks=[FOUND, removed]) == ["weather"]
    defined = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {**TOOL, "name": "inline"}}}
    assert names([TOOL], blocks=[defined]) == ["weather", "inline"]
    with pytest.raises(BadRequest) as caught:
        read([TOOL], blocks=[{"type": "tool_addition", "tool": {"type": "tool_definition"}}])
    assert caught.value.param == "messages[0].content[0].tool.definition"


def test_a_tool_that_stands_twice_is_taken_once() -> None:
    assert names([TOOL, TOOL]) == ["weather"]
