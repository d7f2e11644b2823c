"""Strict checks of the messages of v2 (contract 5.1, 5.6, 5.7, 5.29, 5.32), and the same in words of v1."""

from __future__ import annotations

import json
from typing import Any

from gpt2giga_sandbox.character import Character
from gpt2giga_sandbox.history import (
    CALL_WITHOUT_RESULT,
    check_call,
    check_system,
    check_text_beside_call,
    json_fault,
    RESULT_WITHOUT_CALL,
)
from gpt2giga_sandbox.refusal import bad_json, check_types, invalid, Refusal

ROLES = ("system", "user", "assistant")
RESULT_ROLES = ("function", "tool")
MESSAGE: dict[str, type | tuple[type, ...]] = {
    "role": str,
    "content": list,
    # One id has three names (contract 5.9).
    "tools_state_id": str,
    "tool_state_id": str,
    "functions_state_id": str,
}
PART: dict[str, type | tuple[type, ...]] = {
    "text": str,
    "files": list,
    "function_call": dict,
    "function_result": dict,
    "inline_data": dict,
    "tool_execution": dict,
    "logprobs": list,
}


def check_messages(messages: list[Any], character: Character) -> None:
    for message in messages:
        _check_message(message, character)
    if all(message["role"] == "reasoning" for message in messages):
        raise invalid("messages must not be empty")
    check_system(messages)
    _check_pairs(messages)


def _check_message(message: object, character: Character) -> None:
    if not isinstance(message, dict):
        raise bad_json()
    check_types(message, MESSAGE)
    role = message.get("role", "")
    # Thoughts come as messages of a role, and go back as they came (contract 5.20).
    thoughts = ("reasoning",) if character.reasoning_content else ()
    if role not in (*ROLES, *character.result_roles, *thoughts):
        raise bad_json()
    if not message.get("content"):
        raise invalid("message content is required")
    for part in message["content"]:
        _check_part(part, role, character)
    calls = _parts(message, "function_call")
    if calls:
        check_text_beside_call(_text(message), character)


def _check_part(part: object, role: str, character: Character) -> None:
    if not isinstance(part, dict) or not set(PART) & set(part):
        raise bad_json()
    check_types(part, PART)
    for file in part.get("files", []):
        if not isinstance(file, dict) or not isinstance(file.get("id"), str):
            raise bad_json()
    if "function_call" in part:
        check_call(part["function_call"], role)
        check_types(part["function_call"], {"id": str})
    # A message of such a role holds results and nothing else.
    if ("function_result" in part) != (role in RESULT_ROLES):
        raise bad_json()
    if "function_result" in part:
        _check_result(part["function_result"], character)


def _check_result(result: dict[str, Any], character: Character) -> None:
    check_types(result, {"id": str, "name": str})
    if not result.get("name") or "result" not in result:
        raise bad_json()
    value = result["result"]
    if not isinstance(value, str):
        if not character.result_objects:
            raise bad_json()
        return
    fault = json_fault(value)
    if fault:
        place = fault.partition(": ")[0]
        words = f"invalid function result for function {result['name']} json string {value}, error: {place}"
        raise Refusal(400, words)


def _check_pairs(messages: list[dict[str, Any]]) -> None:
    """Calls that stand together, in one message or in several, have their results together after them."""
    pending: list[dict[str, Any]] = []
    answering = False
    for message in messages:
        results = _parts(message, "function_result")
        for result in results:
            pending.remove(_called(pending, result))
        if results or message["role"] == "reasoning":
            answering = answering or bool(results)
            continue
        if pending and (answering or message["role"] != "assistant"):
            raise invalid(CALL_WITHOUT_RESULT)
        answering = False
        pending += _parts(message, "function_call")
    if pending:
        raise invalid(CALL_WITHOUT_RESULT)


def _called(pending: list[dict[str, Any]], result: dict[str, Any]) -> dict[str, Any]:
    """The call that this is the result of: the one with its id, or the only one of its name."""
    found = [call for call in pending if call["name"] == result["name"]]
    if "id" in result:
        found = [call for call in found if call.get("id", result["id"]) == result["id"]]
    elif len(found) > 1 and any("id" in call for call in found):
        raise invalid(f"function_result of {result['name']} must have the id of its call")
    if not found:
        raise invalid(RESULT_WITHOUT_CALL)
    return found[0]


def as_v1(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each call and each result in a message of its own; without thoughts."""
    told: list[dict[str, Any]] = []
    for message in messages:
        calls = _parts(message, "function_call")
        results = _parts(message, "function_result")
        text = _text(message)
        for number, call in enumerate(calls):
            told.append({"role": "assistant", "content": "" if number else text, "function_call": call})
        told += [{"role": "function", "name": result["name"], "content": _json(result["result"])} for result in results]
        if not calls and not results and message["role"] != "reasoning":
            told.append({"role": message["role"], "content": text, **_attached(message)})
    return told


def _attached(message: dict[str, Any]) -> dict[str, Any]:
    """Files of the user; what the service has drawn itself may stand in its own messages."""
    ids = [file["id"] for files in _parts(message, "files") for file in files]
    return {"attachments": ids} if ids and message["role"] != "assistant" else {}


def _json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parts(message: dict[str, Any], kind: str) -> list[Any]:
    return [part[kind] for part in message["content"] if kind in part]


def _text(message: dict[str, Any]) -> str:
    return "".join(_parts(message, "text"))
