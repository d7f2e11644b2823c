"""Strict validation of a chat request, by chapter 3 of docs/gigachat-contract.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gpt2giga_sandbox import catalog
from gpt2giga_sandbox.catalog import Model
from gpt2giga_sandbox.character import Character, STRICT
from gpt2giga_sandbox.functions import BUILT_IN, check_functions
from gpt2giga_sandbox.history import check_attachments, check_messages, FUNCTIONS_AFTER_ASSISTANT
from gpt2giga_sandbox.refusal import check_types, invalid, no_such_model, Refusal

BODY: dict[str, type | tuple[type, ...]] = {
    "model": str,
    "messages": list,
    "temperature": (int, float),
    "top_p": (int, float),
    "max_tokens": int,
    "repetition_penalty": (int, float),
    "update_interval": (int, float),
    "stream": bool,
    "profanity_check": bool,
    "flags": list,
    "functions": list,
    "function_call": (str, dict),
    "response_format": dict,
    "reasoning_effort": str,
    "unnormalized_history": bool,
    "function_ranker": dict,
}
INT32 = 2**31 - 1


def check_chat(body: dict[str, Any], files: Mapping[str, Any] | None = None, character: Character = STRICT) -> Model:
    """Raises Refusal, or answers with the model asked for."""
    check_types(body, BODY)
    model = chat_model(body)
    check_sampling(body, character)
    if "reasoning_effort" in body:
        check_effort(body["reasoning_effort"], model, character)
    messages = body.get("messages", [])
    check_messages(messages, character)
    check_functions(body.get("functions", []), character, model)
    _check_function_choice(body)
    _check_response_format(body)
    check_context(body, model, files or {}, character)
    return model


def chat_model(body: dict[str, Any]) -> Model:
    model = catalog.find(body.get("model"), "chat")
    if model is None:
        raise no_such_model()
    return model


def check_context(body: dict[str, Any], model: Model, files: Mapping[str, Any], character: Character) -> None:
    """What has to do with all messages together; `body` is one of v1."""
    if body.get("functions") and model.generation >= 3 and body["messages"][-1]["role"] == "assistant":
        raise Refusal(422, FUNCTIONS_AFTER_ASSISTANT)
    check_attachments(body["messages"], model, files)
    _check_length(prompt_tokens(body), model, character.window(model))


def _check_length(tokens: int, model: Model, window: int) -> None:
    """The older wording is documented, the newer one was seen (contract 3.4.3, 3.4.4)."""
    if tokens > window and model.generation >= 3:
        words = f"context too long {tokens}, maximum allowed context is {window}"
        raise Refusal(422, f"CONTEXT_TOO_LONG: {words}")
    if tokens > window:
        raise Refusal(413, "Payload too large")


def check_sampling(body: dict[str, Any], character: Character) -> None:
    for name in ("temperature", "repetition_penalty"):
        zero_passes = character.zero_temperature and name == "temperature"
        if body.get(name, 1) < 0 or (body.get(name, 1) == 0 and not zero_passes):
            raise invalid(f"{name} must be in range (0, +inf)")
    if not 0 <= body.get("top_p", 1) <= 1:
        raise invalid("top_p must be in range [0, 1]")
    if not 0 < body.get("max_tokens", 1) <= INT32:
        raise invalid(f"max_tokens must be in range (0, {INT32}]")


def check_effort(effort: str, model: Model, character: Character) -> None:
    """Models that do not reason are said to answer 400 to the field itself (contract 3.0.12): refused there."""
    if effort not in ("low", "medium", "high"):
        raise Refusal(400, "Invalid params: reasoning_effort must be low, medium or high")
    if not character.reasons(model):
        raise Refusal(400, "Invalid params: reasoning_effort is not supported by the model")


def _check_function_choice(body: dict[str, Any]) -> None:
    choice = body.get("function_call", "auto")
    if isinstance(choice, str):
        if choice not in ("auto", "none"):
            raise invalid(f"unknown function_call mode {choice}")
        return
    check_types(choice, {"name": str, "partial_arguments": dict})
    known = {function["name"] for function in body.get("functions", [])} | BUILT_IN
    if choice.get("name") not in known:
        raise invalid(f"function {choice.get('name', '')} of function_call is not in functions")


def _check_response_format(body: dict[str, Any]) -> None:
    if "response_format" not in body:
        return
    wanted = body["response_format"]
    check_types(wanted, {"type": str, "schema": dict, "strict": bool})
    if wanted.get("type") != "json_schema":
        raise Refusal(400, f'Unknown type "{wanted.get("type", "")}" in response_format')
    if not wanted.get("schema"):
        raise Refusal(400, "Empty schema with json format type is not supported")
    if body.get("functions"):
        # Reports name a 400 and broken JSON (contract 3.1.27).
        raise Refusal(400, "response_format with functions is not supported")


def prompt_tokens(body: dict[str, Any]) -> int:
    texts = [message["content"] for message in body["messages"]]
    texts += [_compact(message["function_call"]) for message in body["messages"] if "function_call" in message]
    texts += [_compact(body[key]) for key in ("functions", "response_format") if body.get(key)]
    return sum(catalog.count_tokens(text) for text in texts)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
