"""Messages of a Chat Completions request. Pure; raises BadRequest naming the message and its part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from typing import Literal

from gpt2giga.chat import File
from gpt2giga.chat import Image
from gpt2giga.chat import Message
from gpt2giga.chat import Text
from gpt2giga.chat import ToolResult
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body
from gpt2giga.dialects.fields import invalid
from gpt2giga.dialects.openai.parts import from_content
from gpt2giga.dialects.openai.tools import from_calls

SPEAKERS: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
RESULTS = ("tool", "function")  # function: the form before tool_calls, which has no ids


def from_messages(messages: list[Any]) -> Iterator[Message]:
    open_calls = 0
    for number, item in enumerate(messages):
        param = f"messages[{number}]"
        message = fields.mapping(item, param)
        role = message.get("role")
        if role in RESULTS:
            result = _result(message, param)
            if role == "tool" and not result.call_id and open_calls <= 0:
                raise invalid(f"{param}.tool_call_id", "the id of a tool call")
            open_calls -= 1
            yield Message("user", (result,))
        elif isinstance(role, str) and role in SPEAKERS:
            calls = from_calls(message, param) if role == "assistant" else []
            open_calls += len(calls)
            yield Message(SPEAKERS[role], (*from_content(_said(message), f"{param}.content"), *calls))
        else:
            raise invalid(f"{param}.role", "one of " + ", ".join((*SPEAKERS, *RESULTS)))


def _said(message: Body) -> Any:
    """A refusal that a client replays is what the assistant said."""
    content = message.get("content")
    return message.get("refusal") if content is None else content


def _result(message: Body, param: str) -> ToolResult:
    call_id, name = message.get("tool_call_id"), message.get("name")
    if call_id is not None and not isinstance(call_id, str):
        raise invalid(f"{param}.tool_call_id", "a string")
    if name is not None and not isinstance(name, str):
        raise invalid(f"{param}.name", "a string")
    return ToolResult(call_id or "", name or "", tuple(_result_parts(message.get("content"), f"{param}.content")))


def _result_parts(content: Any, param: str) -> Iterator[Text | Image]:
    for part in from_content(content, param):
        if isinstance(part, File):
            raise invalid(param, "text and images in the result of a tool")
        yield part
