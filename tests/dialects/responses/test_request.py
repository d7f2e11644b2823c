from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2giga.chat import ChatRequest, File, Image, JsonFormat, Message, Text, ToolCall, ToolResult
from gpt2giga.dialects.responses.input_items import to_stored_items
from gpt2giga.dialects.responses.parameters import TABLE
from gpt2giga.dialects.responses.request import from_responses_request, Past, ResponseDelivery
from gpt2giga.dialects.responses.response import ResponseHead, to_echo, to_object
from gpt2giga.errors import BadRequest, NotFound
from tests.dialects.responses.bad_requests import BAD, CALL, HELLO, OUTPUT, RESENT


def read(
    body: dict[str, Any], past: Past | None = None, *, ignore_hosted: bool = True
) -> tuple[ChatRequest, ResponseDelivery]:
    return from_responses_request(body, past or Past(), ignore_hosted=ignore_hosted)


def messages(*items: Any, **body: Any) -> tuple[Message, ...]:
    return read({"input": list(items), **body})[0].messages


@pytest.mark.parametrize("body, param", BAD, ids=[f"{param}-{i}" for i, (_, param) in enumerate(BAD)])
def test_what_makes_no_sense_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises((BadRequest, NotFound)) as caught:
        read(body)
    assert caught.value.param == param


@pytest.mark.parametrize("item", RESENT)
def test_what_is_resent_is_never_refused(item: Any) -> None:
    """Also when it comes after all that the user said."""
    assert messages(HELLO, item)[0] == Message("user", (Text("Привет!"),))


def test_arguments_of_any_kind() -> None:
    assert messages(HELLO, {**CALL, "arguments": [1]})[1].parts == (ToolCall("c1", "f", {"value": [1]}),)


WORDS = st.sampled_from(["type", "role", "content", "name", "id", "call_id", "output", "tools", "format", "effort"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["", "a", "function"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
KINDS = st.sampled_from(["message", "function_call", "function_call_output", "reasoning", "item_reference", "custom"])


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(TABLE)), JUNK), st.lists(st.fixed_dictionaries({"type": KINDS}) | JUNK))
def test_whatever_comes_it_is_read_or_refused(body: dict[str, Any], items: list[Any]) -> None:
    """And what is read can be shown and kept."""
    try:
        chat, delivery = read({**body, "input": items})
    except (BadRequest, NotFound):
        return
    to_object(ResponseHead(chat.model, to_echo(body), delivery.toolbox), "in_progress")
    to_stored_items(delivery.input, "0" * 32)


def test_roles_and_forms_of_messages() -> None:
    assert messages(
        {"role": "developer", "content": "Кратко."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Раз"}]},
        {"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Два"}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "Нет"}]},
        instructions="По-русски.",
    ) == (
        Message("system", (Text("По-русски."),)),
        Message("system", (Text("Кратко."),)),
        Message("user", (Text("Раз"),)),
        Message("assistant", (Text("Два"),)),
        Message("assistant", (Text("Нет"),)),
    )


def test_files() -> None:
    [message] = messages(
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
                {"type": "input_image", "file_id": "file-1"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "AA=="},
                {"type": "input_file", "file_url": "https://example.org/a.pdf"},
                {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
            ],
        }
    )
    assert message.parts == (
        Image("data:image/png;base64,AA=="),
        File("", "", "file-1"),
        File("data:;base64,AA==", "a.pdf"),
        File("https://example.org/a.pdf"),
        File("data:audio/mp3;base64,AA==", "audio.mp3"),
    )


def test_calls_of_one_turn_whatever_stands_between_them() -> None:
    found = messages(
        HELLO,
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"role": "assistant", "content": "Сейчас."},
        CALL,
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "x"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "+1"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "done"}]},
        OUTPUT,
        {**CALL, "call_id": "c3", "namespace": "n", "arguments": '{"a": 1}'},
    )
    assert found[1:] == (
        Message("assistant", (Text("Сейчас."),)),
        Message("assistant", (ToolCall("c1", "f", {}),)),
        Message("assistant", (ToolCall("c2", "patch", {"input": "+1"}),)),
        Message("user", (ToolResult("c2", "", (Text("done"),)),)),
        Message("user", (ToolResult("c1", "", (Text("ok"),)),)),
        Message("assistant", (ToolCall("c3", "n__f", {"a": 1}),)),
    )


def test_the_past_comes_before_the_input_and_its_items_can_be_referred_to() -> None:
    past = Past(({"type": "message", "role": "user", "content": "Раз"},), {"msg_2": {"role": "user", "content": "Два"}})
    body = {"input": [{"id": "msg_2"}, {"type": "item_reference", "id": "rs_9"}, HELLO]}
    chat, delivery = read(body, past)
    assert [message.parts[0] for message in chat.messages] == [Text("Раз"), Text("Два"), Text("Привет!")]
    assert delivery.input == (past.known["msg_2"], HELLO), "references are kept as what they stand for"


@pytest.mark.parametrize(
    "wanted, read_as",
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, JsonFormat()),
        ({"type": "json_schema", "name": "n", "schema": {"type": "object"}}, JsonFormat({"type": "object"}, False)),
        ({"type": "json_schema", "schema": {}, "strict": True}, JsonFormat({}, True)),
    ],
)
def test_text_format(wanted: Any, read_as: JsonFormat | None) -> None:
    assert read({"input": "a", "text": {"format": wanted}})[0].json_format == read_as


@pytest.mark.parametrize("effort, sent", [("minimal", "low"), ("medium", "medium"), ("xhigh", "high"), (None, None)])
def test_reasoning_effort(effort: str | None, sent: str | None) -> None:
    assert read({"input": "a", "reasoning": {"effort": effort, "summary": "auto"}})[0].reasoning_effort == sent


def test_what_is_ignored_is_named() -> None:
    _, delivery = read(
        {
            "input": [HELLO, {"type": "web_search_call", "id": "ws_1"}, {"type": "mcp_call", "id": "mcp_1"}],
            "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
            "tools": [{"type": "web_search"}, {"type": "mcp"}, {"type": "web_search"}],
            "tool_choice": "required",
            "text": {"verbosity": "low"},
            "truncation": "auto",
            "service_tier": "auto",
            "client_metadata": {"a": 1},
        }
    )
    assert delivery.ignored == (
        "truncation",
        "include.message.output_text.logprobs",
        "tools.web_search",
        "tools.mcp",
        "tool_choice",
        "input.mcp_call",
        "text.verbosity",
    )


def test_hosted_tools_can_be_refused() -> None:
    with pytest.raises(BadRequest, match="'web_search'.*GPT2GIGA_IGNORE_HOSTED_TOOLS") as caught:
        read({"input": "a", "tools": [{"type": "web_search"}]}, ignore_hosted=False)
    assert caught.value.param == "tools[0].type"


def test_session() -> None:
    def session(**body: Any) -> str:
        return read({"input": [HELLO], **body})[0].session

    later = read({"input": "А?"}, Past((HELLO, {"role": "assistant", "content": "Да."})))[0].session
    assert session() == later != session(input="Пока!")
    assert session(prompt_cache_key="a") == session(user="a", input="Пока!") == session(safety_identifier="a")
    assert session(prompt_cache_key="a", user="b") == session(prompt_cache_key="a")


@pytest.mark.parametrize("body, kept", [({}, True), ({"store": None}, True), ({"store": False}, False)])
def test_kept_unless_told_otherwise(body: dict[str, Any], kept: bool) -> None:
    assert read({"input": "a", **body})[1].store is kept
