"""Checks of the message list: roles, calls and their results, attachments.

See contract 3.0.3, 3.0.4, 3.1.14, 3.1.17, 3.1.19, 3.1.20, 3.3.2, 3.3.5. Guesses: contract 10.1, 10.2, 10.3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gpt2giga_sandbox.catalog import Model
from gpt2giga_sandbox.character import Character
from gpt2giga_sandbox.refusal import bad_json, check_types, invalid, Refusal

ROLES = {"system", "user", "assistant", "function", "search_result"}
MESSAGE: dict[str, type | tuple[type, ...]] = {
    "role": str,
    "content": str,
    "name": str,
    "function_call": dict,
    "functions_state_id": str,
    "attachments": list,
    "reasoning_content": str,
}
CALL_WITHOUT_RESULT = "every assistant function call must have a result in history"
RESULT_WITHOUT_CALL = "every assistant function result must have an assistant function call in history"
FUNCTIONS_AFTER_ASSISTANT = (
    "functions or thinking_functions should only appeal in user, function messages or random role messages"
)
MEBIBYTE = 1024 * 1024


def check_messages(messages: list[Any], character: Character) -> None:
    if not messages:
        raise invalid("messages must not be empty")
    for message in messages:
        _check_message(message, character)
    check_system(messages)
    _check_pairs(messages)


def check_system(messages: list[dict[str, Any]]) -> None:
    if any(message["role"] == "system" for message in messages[1:]):
        raise invalid("system message must be the first message")


def _check_message(message: object, character: Character) -> None:
    if not isinstance(message, dict):
        raise bad_json()
    check_types(message, MESSAGE)
    if message.get("role") not in ROLES:
        raise invalid(f"unknown message role {message.get('role', '')}")
    if "content" not in message:
        raise invalid("message content is required")
    if "function_call" in message:
        check_call(message["function_call"], message["role"])
        check_text_beside_call(message["content"], character)
    if message["role"] == "function":
        _check_result(message)


def check_call(call: dict[str, Any], role: str) -> None:
    if role != "assistant":
        raise invalid("function_call is allowed only in assistant messages")
    check_types(call, {"name": str, "arguments": dict})
    if not call.get("name"):
        raise invalid("function_call name is required")
    if "arguments" not in call:
        raise bad_json()


def check_text_beside_call(text: str, character: Character) -> None:
    """The gateway where it fails says nothing of the reason (contract 3.1.16)."""
    if text and not character.text_beside_call:
        raise invalid("content must be empty in a message with function_call")


def _check_result(message: dict[str, Any]) -> None:
    if not message.get("name"):
        raise invalid("function message must have a name")
    fault = json_fault(message["content"])
    if fault:
        raise invalid(f"invalid function result json string ``{message['content']}``, error: {fault}")


def json_fault(text: str) -> str | None:
    """What the service's parser says about a text that is not exactly one JSON document."""
    if not text.strip():
        return "JSON parse error at line 1 column 1: The document is empty."
    try:
        json.loads(text, parse_constant=_not_json)
    except json.JSONDecodeError as error:
        reason = "Invalid value"
        if error.msg == "Extra data":
            reason = "The document root must not be followed by other values."
        return f"JSON parse error at line {error.lineno} column {error.colno}: {reason}"
    except ValueError:
        return "JSON parse error at line 1 column 1: Invalid value"
    return None


def _not_json(name: str) -> None:
    raise ValueError(name)


def _check_pairs(messages: list[dict[str, Any]]) -> None:
    """A call is answered by the very next message; `pending` is the function awaited, "" for any."""
    pending: str | None = None
    for message in messages:
        if message["role"] == "function":
            if pending is None or pending not in ("", message["name"]):
                raise invalid(RESULT_WITHOUT_CALL)
            pending = None
        elif pending is not None:
            raise invalid(CALL_WITHOUT_RESULT)
        elif message["role"] == "assistant":
            pending = _called(message)
    if pending is not None:
        raise invalid(CALL_WITHOUT_RESULT)


def _called(message: dict[str, Any]) -> str | None:
    if "function_call" in message:
        return str(message["function_call"]["name"])
    # The id alone also demands the result (contract 3.1.22).
    return "" if "functions_state_id" in message else None


def check_attachments(messages: list[dict[str, Any]], model: Model, files: Mapping[str, Any]) -> None:
    """`files` maps an id to something with `kind` (image, audio, text) and `size`."""
    attached = []
    for message in messages:
        found = [_file(files, file_id) for file_id in message.get("attachments", [])]
        if sum(file.kind == "image" for file in found) > 1:
            raise invalid("only one image is allowed in a message")
        attached += found
    _check_attached(attached, model)


def _file(files: Mapping[str, Any], file_id: object) -> Any:
    if not isinstance(file_id, str):
        raise bad_json()
    if file_id not in files:
        raise Refusal(404, "No such file")
    return files[file_id]


def _check_attached(attached: list[Any], model: Model) -> None:
    kinds = [file.kind for file in attached]
    if len(set(kinds)) > 1:
        raise invalid("files of different modalities in one request are not supported")
    if "image" in kinds and not model.vision:
        raise Refusal(422, "Model does not support image")
    if kinds.count("image") > 10:
        raise invalid("only 10 images are allowed in a request")
    if sum(file.size for file in attached if file.kind != "text") > 80 * MEBIBYTE:
        raise Refusal(413, "Payload too large")
