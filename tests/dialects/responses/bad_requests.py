"""Requests that make no sense, each with the parameter that the refusal names."""

from __future__ import annotations

from typing import Any

HELLO = {"role": "user", "content": "Привет!"}
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "ok"}


def bad_input(item: Any, param: str) -> tuple[dict[str, Any], str]:
    return {"input": [HELLO, item]}, f"input[1]{param}"


def bad_part(part: Any, param: str) -> tuple[dict[str, Any], str]:
    return {"input": [{"role": "user", "content": [part]}]}, f"input[0].content[0]{param}"


def bad_tool(tool: Any, param: str) -> tuple[dict[str, Any], str]:
    return {"input": "a", "tools": [tool]}, f"tools[0]{param}"


def bad(name: str, value: Any, param: str = "", **more: Any) -> tuple[dict[str, Any], str]:
    return {"input": "a", name: value, **more}, param or name


def namespaced(tool: Any) -> dict[str, Any]:
    return {"type": "namespace", "name": "n", "tools": [tool]}


def allowed(mode: Any, tools: Any) -> dict[str, Any]:
    return {"type": "allowed_tools", "mode": mode, "tools": tools}


def formatted(value: Any) -> dict[str, Any]:
    return {"format": value}


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"a": value}
    return value


BAD = [
    ({}, "input"),
    ({"input": None}, "input"),
    ({"input": []}, "input"),
    ({"input": 1}, "input"),
    ({"input": HELLO}, "input"),
    bad_input("a", ""),
    bad_input(None, ""),
    bad_input({}, ".role"),
    bad_input({"type": 1}, ".type"),
    bad_input({"type": "smell"}, ".type"),
    bad_input({"role": "robot", "content": "a"}, ".role"),
    bad_input({"role": ["user"], "content": "a"}, ".role"),
    bad_input({"role": "user", "content": 1}, ".content"),
    bad_input({"role": "user", "content": {"type": "input_text"}}, ".content"),
    bad_input({"type": "item_reference"}, ".id"),
    bad_input({"id": 1}, ".id"),
    bad_input({"type": "item_reference", "id": "msg_1"}, ".id"),
    bad_part("a", ""),
    bad_part({"text": "a"}, ".type"),
    bad_part({"type": "smell"}, ".type"),
    bad_part({"type": ["input_text"]}, ".type"),
    bad_part({"type": "input_text"}, ".text"),
    bad_part({"type": "input_text", "text": 1}, ".text"),
    bad_part({"type": "refusal", "refusal": 1}, ".refusal"),
    bad_part({"type": "input_image"}, ".image_url"),
    bad_part({"type": "input_image", "image_url": {"url": ""}}, ".image_url.url"),
    bad_part({"type": "input_image", "file_id": 1}, ".file_id"),
    bad_part({"type": "input_file"}, ".file_data"),
    bad_part({"type": "input_file", "file_data": 1}, ".file_data"),
    bad_part({"type": "input_file", "file_url": 1}, ".file_url"),
    bad_part({"type": "input_file", "file_id": ""}, ".file_id"),
    bad_part({"type": "input_file", "file_id": "a", "filename": 1}, ".filename"),
    bad_part({"type": "input_audio", "input_audio": "a"}, ".input_audio"),
    bad_part({"type": "input_audio", "input_audio": {"data": "a"}}, ".input_audio.format"),
    bad("tools", {}),
    bad_tool("f", ""),
    bad_tool({}, ".type"),
    bad_tool({"type": 1}, ".type"),
    bad_tool({"type": "function"}, ".name"),
    bad_tool({"type": "function", "function": {}}, ".function.name"),
    bad_tool({"type": "function", "function": {"name": "f", "parameters": "a"}}, ".function.parameters"),
    bad_tool({"name": "f", "input_schema": "a"}, ".input_schema"),
    bad_tool({**TOOL, "name": 1}, ".name"),
    bad_tool({**TOOL, "description": 1}, ".description"),
    bad_tool({**TOOL, "parameters": "a"}, ".parameters"),
    bad_tool({"type": "custom", "name": "c", "format": "grammar"}, ".format"),
    bad_tool({"type": "custom", "name": "c", "format": {"definition": 1}}, ".format.definition"),
    bad_tool({"type": "namespace", "tools": []}, ".name"),
    bad_tool({"type": "namespace", "name": "n", "tools": {}}, ".tools"),
    bad_tool(namespaced("a"), ".tools[0]"),
    bad_tool(namespaced({"type": "web_search"}), ".tools[0].type"),
    bad_tool(namespaced({"type": "function"}), ".tools[0].name"),
    bad("tools", [TOOL, TOOL], "tools[1]"),
    bad("tool_choice", "sometimes"),
    bad("tool_choice", 1),
    bad("tool_choice", "required"),
    bad("tool_choice", {}, "tool_choice.type"),
    bad("tool_choice", {"type": "function"}, "tool_choice.name"),
    bad("tool_choice", {"type": "function", "name": "g"}, tools=[TOOL]),
    bad("tool_choice", {"type": "web_search"}, "tool_choice.type", tools=[TOOL]),
    bad("tool_choice", allowed("never", [TOOL]), "tool_choice.mode", tools=[TOOL]),
    bad("tool_choice", allowed("auto", "f"), "tool_choice.tools", tools=[TOOL]),
    bad("tool_choice", allowed("auto", ["f"]), "tool_choice.tools[0]", tools=[TOOL]),
    bad("tool_choice", allowed("auto", [{"type": "custom", "name": "g"}]), "tool_choice.tools[0]", tools=[TOOL]),
    bad("tool_choice", allowed("auto", [{"type": "mcp"}]), "tool_choice.tools[0].type", tools=[TOOL]),
    bad("parallel_tool_calls", "yes"),
    bad("model", 1),
    bad("instructions", ["a"]),
    bad("temperature", "hot"),
    bad("temperature", 2.5),
    bad("temperature", True),
    bad("top_p", 1.1),
    bad("max_output_tokens", 0),
    bad("max_output_tokens", 1.5),
    bad("reasoning", "high"),
    bad("reasoning", {"effort": 1}, "reasoning.effort"),
    bad("text", "json"),
    bad("text", {"verbosity": "chatty"}, "text.verbosity"),
    bad("text", {"verbosity": 1}, "text.verbosity"),
    bad("text", formatted("json"), "text.format"),
    bad("text", formatted({"type": "xml"}), "text.format.type"),
    bad("text", formatted({"type": "json_schema"}), "text.format.schema"),
    bad("text", formatted({"type": "json_schema", "schema": []}), "text.format.schema"),
    bad("text", formatted({"type": "json_schema", "schema": {}, "strict": 1}), "text.format.strict"),
    bad("stream", "yes"),
    bad("stream_options", []),
    bad("store", "yes"),
    bad("previous_response_id", 1),
    bad("metadata", "a"),
    bad("metadata", []),
    bad("metadata", {"a": 1}),
    bad("metadata", {str(i): "" for i in range(17)}),
    bad("include", "logprobs"),
    bad("include", [1], "include[0]"),
    bad("tools", [{**TOOL, "parameters": nested(300)}]),
    bad("metadata", nested(300)),
    bad("client_metadata", nested(300)),
    bad("user", 1),
    bad("safety_identifier", 1),
    bad("prompt_cache_key", 1),
    bad("truncation", 1),
    bad("max_tool_calls", -1),
    bad("top_logprobs", 21),
    bad("service_tier", 1),
    bad("context_management", {}),
    bad("moderation", 1),
    bad("prompt_cache_options", 1),
    bad("background", "yes"),
    bad("background", True, store=False),
    bad("conversation", 1),
    bad("conversation", ""),
    bad("conversation", {}, "conversation.id"),
    bad("conversation", {"id": 1}, "conversation.id"),
    bad("conversation", "conv_1", previous_response_id="resp_1"),
    bad("prompt", {"id": "pmpt_1"}),
]

# What the model or a tool wrote. An agent sends it again with every step, and nobody could mend it.
RESENT: list[Any] = [
    {"role": "tool", "content": "a"},
    {**CALL, "name": None},
    {**CALL, "name": 1},
    {**CALL, "call_id": None},
    {**CALL, "call_id": 7},
    {**CALL, "arguments": []},
    {**CALL, "namespace": 1},
    {**OUTPUT, "call_id": ""},
    {**OUTPUT, "call_id": 1},
    {**OUTPUT, "output": 1},
    {**OUTPUT, "output": [1]},
    {**OUTPUT, "output": [{"type": "input_file"}]},
    {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": {}},
    {"type": "custom_tool_call_output", "output": "a"},
]
