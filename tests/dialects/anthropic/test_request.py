from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt2giga.chat import ChatRequest, JsonFormat, Message, Text, ToolCall, ToolResult
from gpt2giga.dialects.anthropic.request import from_count_request, from_messages_request, MessageDelivery
from gpt2giga.errors import BadRequest

HELLO = [{"role": "user", "content": "Привет!"}]
GREETING = (Message("user", (Text("Привет!"),)),)


def read(ignore_hosted: bool = True, **body: Any) -> tuple[ChatRequest, MessageDelivery]:
    return from_messages_request({"max_tokens": 9, "messages": HELLO, **body}, ignore_hosted=ignore_hosted)


def chat(**body: Any) -> ChatRequest:
    return read(**body)[0]


def test_all_that_is_used() -> None:
    found, delivery = read(
        model="claude-sonnet",
        system="Кратко.",
        temperature=0.5,
        top_p=0.9,
        stop_sequences=["\n"],
        stream=True,
        thinking={"type": "enabled", "budget_tokens": 10000},
        metadata={"user_id": "u1"},
    )
    assert found == ChatRequest(
        model="claude-sonnet",
        messages=(Message("system", (Text("Кратко."),)), *GREETING),
        temperature=0.5,
        top_p=0.9,
        max_tokens=9,
        reasoning_effort="medium",
        stop=("\n",),
        session=found.session,
    )
    assert delivery == MessageDelivery(stream=True, thoughts="shown", ignored=())


@pytest.mark.parametrize(
    "body, effort, thoughts",
    [
        ({}, None, "none"),
        ({"thinking": {"type": "disabled"}}, None, "none"),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, None, "none"),
        ({"output_config": {"effort": "max"}}, "high", "none"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low", "shown"),
        ({"thinking": {"type": "enabled", "budget_tokens": 31999}}, "high", "shown"),
        ({"thinking": {"type": "adaptive"}}, "medium", "shown"),
        ({"thinking": {"type": "adaptive", "display": "updates"}}, "medium", "shown"),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "low"}},
            "low",
            "omitted",
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1024}, "output_config": {"effort": "high"}},
            "high",
            "shown",
        ),
    ],
)
def test_thinking(body: dict[str, Any], effort: str | None, thoughts: str) -> None:
    found, delivery = read(**body)
    assert (found.reasoning_effort, delivery.thoughts) == (effort, thoughts)


@pytest.mark.parametrize(
    "body",
    [
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        {"output_format": {"type": "json_schema", "schema": {"type": "object"}}},
    ],
    ids=["output_config", "output_format"],
)
def test_format(body: dict[str, Any]) -> None:
    assert chat(**body).json_format == JsonFormat({"type": "object"}, strict=True)


def test_system_in_all_places() -> None:
    found = chat(
        system=[
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.331.6a3;"},
            {"type": "text", "text": "Кратко.", "cache_control": {"type": "ephemeral"}},
        ],
        messages=[*HELLO, {"role": "system", "content": [{"type": "text", "text": "Сегодня вторник."}]}],
    )
    assert found.messages == (
        Message("system", (Text("Кратко."),)),
        *GREETING,
        Message("system", (Text("Сегодня вторник."),)),
    )


def test_a_reminder_for_one_turn_is_not_shown_again() -> None:
    reminder = {"role": "system", "content": "Поспеши.", "clear_at": "next_user_message"}
    assert chat(messages=[*HELLO, reminder]).messages == (*GREETING, Message("system", (Text("Поспеши."),)))
    assert chat(messages=[*HELLO, reminder, *HELLO]).messages == GREETING * 2


def test_what_changes_nothing_is_named() -> None:
    body = {
        "top_k": 5,
        "service_tier": "auto",
        "container": {"id": "c"},
        "mcp_servers": [],
        "context_management": {"edits": []},
        "cache_control": {"type": "ephemeral"},
    }
    assert read(**body)[1].ignored == ("top_k", "service_tier", "container", "mcp_servers", "context_management")
    assert read(safeguards=[{"type": "dangerous_tool_use"}])[1].ignored == ("safeguards",)


def test_session_is_the_user_or_the_beginning() -> None:
    later = [*HELLO, {"role": "assistant", "content": "Да?"}, {"role": "user", "content": "Ещё."}]
    assert chat().session == chat(messages=later).session != chat(system="Кратко.").session
    first, second = ({"user_id": name} for name in ("a", "b"))
    assert chat(metadata=first).session == chat(metadata=first, messages=later).session != chat(metadata=second).session


def test_counting_needs_no_max_tokens() -> None:
    assert from_count_request({"messages": HELLO}, ignore_hosted=True).messages == GREETING


def user(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [*blocks]}]}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"messages": [*HELLO, {"role": "assistant", "content": [*blocks]}]}


DEEP = orjson.loads("[" * 500 + "]" * 500)
BLOCK = "messages[0].content[0]"
SAID = "messages[1].content[0]"
TOOL = {"name": "f", "input_schema": {"type": "object"}}
BAD = [
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "Привет"}, "messages"),
    ({"messages": {"role": "user"}}, "messages"),
    ({"messages": ["Привет"]}, "messages[0]"),
    ({"messages": [{"content": "a"}]}, "messages[0].role"),
    ({"messages": [{"role": "robot", "content": "a"}]}, "messages[0].role"),
    ({"messages": [{"role": ["user"], "content": "a"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": {"type": "text"}}]}, "messages[0].content"),
    (user("a"), BLOCK),
    (user({"text": "a"}), f"{BLOCK}.type"),
    (user({"type": ["text"]}), f"{BLOCK}.type"),
    (user({"type": "smell"}), f"{BLOCK}.type"),
    (user({"type": "text"}), f"{BLOCK}.text"),
    (user({"type": "text", "text": 1}), f"{BLOCK}.text"),
    (user({"type": "tool_use", "id": "1", "name": "f", "input": {}}), f"{BLOCK}.type"),
    (user({"type": "image"}), f"{BLOCK}.source"),
    (user({"type": "image", "source": {"type": "gif"}}), f"{BLOCK}.source.type"),
    (user({"type": "image", "source": {"type": ["url"]}}), f"{BLOCK}.source.type"),
    (user({"type": "image", "source": {"type": "url"}}), f"{BLOCK}.source.url"),
    (user({"type": "image", "source": {"type": "file", "file_id": 1}}), f"{BLOCK}.source.file_id"),
    (user({"type": "image", "source": {"type": "base64", "data": "aa"}}), f"{BLOCK}.source.media_type"),
    (user({"type": "image", "source": {"type": "base64", "media_type": "image/png"}}), f"{BLOCK}.source.data"),
    (user({"type": "document", "source": "a"}), f"{BLOCK}.source"),
    (user({"type": "document", "source": {"type": "smell"}}), f"{BLOCK}.source.type"),
    (user({"type": "document", "source": {"type": "text"}}), f"{BLOCK}.source.data"),
    (user({"type": "document", "source": {"type": "content", "content": 1}}), f"{BLOCK}.source.content"),
    (user({"type": "document", "title": 1, "source": {"type": "text", "data": "a"}}), f"{BLOCK}.title"),
    (user({"type": "document", "context": [], "source": {"type": "text", "data": "a"}}), f"{BLOCK}.context"),
    (user({"type": "search_result", "source": "s", "content": []}), f"{BLOCK}.title"),
    ({"system": 1}, "system"),
    ({"system": DEEP}, "system"),
    ({"tools": [{**TOOL, "input_schema": {"a": DEEP}}]}, "tools"),
    ({"system": ["a"]}, "system[0]"),
    ({"system": [{"type": "image"}]}, "system[0].type"),
    ({"model": 1}, "model"),
    ({"max_tokens": None}, "max_tokens"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": "9"}, "max_tokens"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"temperature": 1.1}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"top_p": True}, "top_p"),
    ({"stream": "yes"}, "stream"),
    ({"stop_sequences": {}}, "stop_sequences"),
    ({"stop_sequences": [5]}, "stop_sequences"),
    ({"thinking": True}, "thinking"),
    ({"thinking": {"type": "hard"}}, "thinking.type"),
    ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
    ({"thinking": {"type": "enabled", "budget_tokens": "many"}}, "thinking.budget_tokens"),
    ({"thinking": {"type": "adaptive", "display": []}}, "thinking.display"),
    ({"output_config": "high"}, "output_config"),
    ({"output_config": {"effort": []}}, "output_config.effort"),
    ({"output_config": {"format": {"type": "json_object"}}}, "output_config.format.type"),
    ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    ({"output_format": 1}, "output_format"),
    ({"metadata": "u1"}, "metadata"),
    ({"metadata": {"user_id": 1}}, "metadata.user_id"),
    ({"top_k": "a"}, "top_k"),
    ({"service_tier": 1}, "service_tier"),
    ({"container": 1}, "container"),
    ({"mcp_servers": {}}, "mcp_servers"),
    ({"context_management": []}, "context_management"),
    ({"safeguards": {}}, "safeguards"),
    ({"tools": {}}, "tools"),
    ({"tools": ["f"]}, "tools[0]"),
    ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
    ({"tools": [{"name": "f", "input_schema": []}]}, "tools[0].input_schema"),
    ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
    ({"tools": [{**TOOL, "description": 1}]}, "tools[0].description"),
    ({"tools": [{**TOOL, "type": "function"}]}, "tools[0].type"),
    ({"tools": [{**TOOL, "type": ["custom"]}]}, "tools[0].type"),
    ({"tools": [{**TOOL, "defer_loading": "yes"}]}, "tools[0].defer_loading"),
    ({"tools": [TOOL, {**TOOL, "description": "b"}]}, "tools[1].name"),
    ({"tools": [TOOL], "tool_choice": "any"}, "tool_choice"),
    ({"tools": [TOOL], "tool_choice": {"type": "required"}}, "tool_choice.type"),
    ({"tools": [TOOL], "tool_choice": {"type": ["any"]}}, "tool_choice.type"),
    ({"tools": [TOOL], "tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "tool_choice"),
    (
        {"tools": [TOOL], "tool_choice": {"type": "auto", "disable_parallel_tool_use": 1}},
        "tool_choice.disable_parallel_tool_use",
    ),
    ({"tool_choice": {"type": "any"}}, "tool_choice"),
]

# What the model or a tool wrote. An agent sends it again with every step, and nobody could mend it.
RESENT = [
    user({"type": "tool_result"}),
    user({"type": "tool_result", "tool_use_id": 1}),
    user({"type": "tool_result", "tool_use_id": "1", "content": 5}),
    user({"type": "tool_result", "tool_use_id": "1", "content": [5]}),
    user({"type": "tool_result", "tool_use_id": "1", "is_error": "yes"}),
    user({"type": "tool_result", "tool_use_id": "1", "content": [{"type": "tool_reference"}]}),
    assistant({"type": "tool_use", "name": "f", "input": {}}),
    assistant({"type": "tool_use", "id": "1", "input": {}}),
    assistant({"type": "tool_use", "id": "1", "name": "f"}),
    assistant({"type": "tool_use", "id": "1", "name": "f", "input": "{}"}),
    assistant({"type": "tool_result", "tool_use_id": "1"}),
    assistant({"type": "compaction", "content": 1}),
]


@pytest.mark.parametrize("body, param", BAD, ids=[f"{param}-{i}" for i, (_, param) in enumerate(BAD)])
def test_what_makes_no_sense_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(**body)
    assert caught.value.param == param
    assert param in caught.value.message


@pytest.mark.parametrize("body", RESENT)
def test_what_is_resent_is_never_refused(body: dict[str, Any]) -> None:
    """Also when it comes after all that the user said."""
    read(**body)


def test_calls_and_results_in_the_words_of_another_api() -> None:
    calls = [{"type": "tool_use", "id": str(n), "name": "f", "input": given} for n, given in enumerate(INPUTS)]
    result = {"role": "tool", "tool_call_id": "0", "content": "ok"}
    chat, _ = read(messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": calls}, result])
    found = [part.arguments for part in chat.messages[1].parts if isinstance(part, ToolCall)]
    assert found == [{"a": 1}, {}, {"value": [1]}]
    assert chat.messages[2] == Message("user", (ToolResult("0", "", (Text("ok"),)),))


INPUTS = ['{"a": 1}', None, [1]]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(
    ["text", "image", "document", "tool_use", "tool_result", "tool_addition", "compaction", "smell"]
)
BLOCKS = st.fixed_dictionaries(
    {"type": KINDS | JSON},
    optional=dict.fromkeys(["text", "source", "content", "id", "name", "tool_use_id", "tool"], JSON),
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system"]), "content": st.lists(BLOCKS | JSON, max_size=3) | JSON}
)
NAMES = ["system", "tools", "tool_choice", "thinking", "output_config", "metadata", "stop_sequences", "stream", "top_k"]


@given(st.lists(MESSAGES | JSON, max_size=3), st.dictionaries(st.sampled_from(NAMES), JSON))
def test_no_body_raises_anything_but_bad_request(messages: list[Any], rest: dict[str, Any]) -> None:
    try:
        read(messages=messages, **rest)
    except BadRequest as error:
        assert error.param
