"""Strict validation of a chat request of v2, which is then told in the words of v1 (contract 5.1, 5.2, 5.3, 5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpt2giga_sandbox.catalog import Model
from gpt2giga_sandbox.character import Character
from gpt2giga_sandbox.functions import check_functions
from gpt2giga_sandbox.refusal import check_types, invalid
from gpt2giga_sandbox.rules import chat_model, check_context, check_effort, check_sampling
from gpt2giga_sandbox.v2.formats import check_format
from gpt2giga_sandbox.v2.history import as_v1, check_messages
from gpt2giga_sandbox.v2.tools import check_config, check_tools, Choice

# Other fields pass unseen, those of v1 among them (contract 5.28).
BODY: dict[str, type | tuple[type, ...]] = {
    "model": str,
    "messages": list,
    "model_options": dict,
    "stream": bool,
    "tools": list,
    "tool_config": dict,
    "storage": (dict, bool),
    "disable_filter": bool,
    "ranker_options": dict,
    "user_info": dict,
    "assistant_id": str,
    "tools_state_id": str,
    "flags": list,
}
OPTIONS: dict[str, type | tuple[type, ...]] = {
    "temperature": (int, float),
    "top_p": (int, float),
    "max_tokens": int,
    "repetition_penalty": (int, float),
    "update_interval": (int, float),
    "reasoning": dict,
    "response_format": dict,
    "unnormalized_history": bool,
    "top_logprobs": int,
    "parallel_tool_calls": bool,
}


@dataclass(frozen=True)
class ChatRequest:
    """`body` is the request as one of v1. `parallel`: the answer may hold several calls."""

    model: Model
    body: dict[str, Any]
    stream: bool
    choice: Choice
    tools: tuple[str, ...]
    parallel: bool
    thinks: bool
    regex: str


def check_chat(body: dict[str, Any], files: Mapping[str, Any], character: Character) -> ChatRequest:
    """Raises Refusal."""
    check_types(body, BODY)
    model = chat_model(body)
    options = body.get("model_options", {})
    thinks = _check_options(options, model, character)
    messages = body.get("messages", [])
    check_messages(messages, character)
    functions, tools = check_tools(body.get("tools", []), character)
    check_functions(functions, character, model)
    choice = check_config(body.get("tool_config", {"mode": "auto"}), functions, tools, character)
    format = check_format(options.get("response_format", {"type": "text"}), functions)
    told: dict[str, Any] = {"messages": as_v1(messages), **choice.as_v1(functions)}
    if "schema" in format:
        told["response_format"] = format
    if "max_tokens" in options:
        told["max_tokens"] = options["max_tokens"]
    check_context(told, model, files, character)
    return ChatRequest(
        model=model,
        body=told,
        stream=body.get("stream", False),
        choice=choice,
        tools=tools,
        parallel=character.parallel_tool_calls and options.get("parallel_tool_calls", True),
        thinks=thinks,
        regex=format.get("regex", ""),
    )


def _check_options(options: dict[str, Any], model: Model, character: Character) -> bool:
    """Whether the model is to think."""
    check_types(options, OPTIONS)
    check_sampling(options, character)
    if not 1 <= options.get("top_logprobs", 1) <= 5:
        raise invalid("top_logprobs must be in range [1, 5]")
    reasoning = options.get("reasoning", {})
    check_types(reasoning, {"effort": str, "max_tokens": int})
    if "effort" in reasoning:
        check_effort(reasoning["effort"], model, character)
    return "effort" in reasoning and character.reasoning_content
