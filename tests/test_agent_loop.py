"""An agent of ten turns over the official client: its history holds parallel calls, and its tools really run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessage

from gpt2giga.upstream.contract.tool_names import ToolNames
from gpt2giga_sandbox.server import SandboxServer

TURNS = 10
SAID = "Записываю дальше."


class Notes:
    """The tools and what they work on; one answers in JSON, one in words, one with nothing at all, one fails."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def run(self, name: str, arguments: dict[str, Any]) -> str:
        if name == "notes.add":
            self.lines.append(arguments["line"])
            return json.dumps({"count": len(self.lines)})
        if name == "notes.read":
            return "\n".join(f"- {line}" for line in self.lines)
        return "" if name == "wait" else f"Error: there is no tool {name}"


def tool(name: str, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = [tool("notes.add", line={"type": ["string", "null"]}), tool("notes.read"), tool("wait")]
NAMES = ToolNames(["notes.add", "notes.read"])


def scripted(turn: int) -> dict[str, Any]:
    """What GigaChat does in each turn: one call, every second time after some words."""
    call = {"name": NAMES.to_gigachat("notes.add"), "arguments": {"line": f"строка {turn}"}}
    if turn % 5 == 4:
        call = {"name": "dream", "arguments": {}}
    return {"text": SAID if turn % 2 else "", "call": call, "frames_apart": turn % 3 == 0}


def ask(client: OpenAI, messages: list[Any], *, stream: bool) -> ChatCompletionMessage:
    request: Any = {"model": "GigaChat-3-Ultra", "messages": messages, "tools": TOOLS}
    if not stream:
        return client.chat.completions.create(**request).choices[0].message
    with client.chat.completions.stream(**request) as events:
        return events.get_final_completion().choices[0].message


def merged(message: ChatCompletionMessage, turn: int) -> dict[str, Any]:
    """The assistant's message with two calls of the client's own, as from a model that calls in parallel."""
    said = message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"})
    own = [
        {"id": f"read_{turn}", "type": "function", "function": {"name": "notes.read", "arguments": ""}},
        {"id": "wait", "type": "function", "function": {"name": "wait", "arguments": "{}"}},
    ]
    said["tool_calls"] = [{k: v for k, v in call.items() if k != "index"} for call in [*said["tool_calls"], *own]]
    return said


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_ten_turns(client: OpenAI, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script(*(scripted(turn) for turn in range(TURNS)), {"text": "Готово."})
    notes = Notes()
    messages: list[Any] = [
        {"role": "system", "content": "Веди записи."},
        {"role": "user", "content": "Запиши десять строк."},
    ]
    for turn in range(TURNS):
        message = merged(ask(client, messages, stream=stream), turn)
        messages.append(message)
        results = [
            {
                "role": "tool",
                "tool_call_id": call["id"],
                "content": notes.run(call["function"]["name"], json.loads(call["function"]["arguments"] or "{}")),
            }
            for call in message["tool_calls"]
        ]
        messages += reversed(results)
    assert ask(client, messages, stream=stream).content == "Готово."
    assert notes.lines == [f"строка {turn}" for turn in range(TURNS) if turn % 5 != 4]
    assert sandbox.state.refusals() == []
    check_last(sandbox.state.chats()[-1]["messages"], notes)


def check_last(history: list[dict[str, Any]], notes: Notes) -> None:
    """Every call is followed by its own result, and the text stands with the first call of each turn."""
    system, user, *rest = history
    assert (system["role"], user["role"]) == ("system", "user")
    assert len(rest) == TURNS * 3 * 2
    for call, result in zip(rest[::2], rest[1::2], strict=True):
        assert call["function_call"]["name"] == result["name"]
        assert isinstance(json.loads(result["content"]), dict)
    assert [call["content"] for call in rest[::2]] == ["", "", "", SAID, "", ""] * (TURNS // 2)
    added = [json.loads(result["content"]) for result in rest[1::2] if result["name"] == NAMES.to_gigachat("notes.add")]
    assert added == [{"count": number} for number in range(1, len(notes.lines) + 1)]
