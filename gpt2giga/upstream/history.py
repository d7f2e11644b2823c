"""Messages as clients send them -> a history that GigaChat accepts (contract 3, 3.1). Pure.

GigaChat wants one system message, first; text messages of one role joined; and every call followed at once by
its one result, which is one JSON document. Clients send several calls in one message, results in any order,
in any form, twice or not at all. Whatever they send, nothing of it is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import orjson

from gpt2giga.chat import File
from gpt2giga.chat import Image
from gpt2giga.chat import Message
from gpt2giga.chat import Part
from gpt2giga.chat import Text
from gpt2giga.chat import ToolCall
from gpt2giga.chat import ToolResult
from gpt2giga.upstream.names import ToolNames
from gpt2giga.upstream.state_id import state_id

PARAGRAPH = "\n\n"
NO_RESULT = '{"error": "no result"}'

# A place in the conversation: message number and part number. Parts may be equal, places are not.
Place: TypeAlias = tuple[int, int]


def to_messages(
    messages: Sequence[Message], names: ToolNames, files: Mapping[Image | File, str], *, send_state_id: bool = False
) -> list[dict[str, Any]]:
    """`files`: the id at GigaChat of each file; one without an id is only mentioned."""
    system = PARAGRAPH.join(_text(message) for message in messages if message.role == "system")
    history = _History(messages, names, files, send_state_id).written()
    if not history:  # a system message alone is refused; the service itself would make it the user's
        return [{"role": "user", "content": system}]
    return [{"role": "system", "content": system}, *history] if system else history


def pair(messages: Sequence[Message]) -> dict[Place, Place]:
    """The place of each call's result: by id, else by order; never beyond the next message with calls.

    Ids may come twice or be used again in later turns, so only what lies between two turns is compared.
    """
    pairs: dict[Place, Place] = {}
    calls: dict[Place, ToolCall] = {}
    results: dict[Place, ToolResult] = {}
    for number, message in enumerate(messages):
        found = {(number, n): part for n, part in enumerate(message.parts) if isinstance(part, ToolCall)}
        if found:
            pairs |= _pair_turn(calls, results)
            calls, results = found, {}
        results |= {(number, n): part for n, part in enumerate(message.parts) if isinstance(part, ToolResult)}
    return pairs | _pair_turn(calls, results)


def _pair_turn(calls: dict[Place, ToolCall], results: dict[Place, ToolResult]) -> dict[Place, Place]:
    """By id first, then results without an id by name and order, then by order alone."""
    pairs: dict[Place, Place] = {}
    free = dict(results)
    tests = (
        lambda call, result: bool(result.call_id) and result.call_id == call.id,
        lambda call, result: not result.call_id and result.name == call.name,
        lambda call, result: not result.call_id and not result.name,
    )
    for test in tests:
        for place, call in calls.items():
            match = next((at for at, result in free.items() if place not in pairs and test(call, result)), None)
            if match:
                pairs[place] = match
                del free[match]
    return pairs


class _History:
    """GigaChat's messages in the making."""

    def __init__(
        self, messages: Sequence[Message], names: ToolNames, files: Mapping[Image | File, str], send_state_id: bool
    ) -> None:
        self._messages = messages
        self._names = names
        self._files = files
        self._send_state_id = send_state_id
        self._pairs = pair(messages)
        self._paired = set(self._pairs.values())
        self._written: list[dict[str, Any]] = []

    def written(self) -> list[dict[str, Any]]:
        for number, message in enumerate(self._messages):
            if message.role == "assistant":
                self._add_assistant(number, message)
            elif message.role == "user":
                self._add_user(number, message)
        return self._written

    def _add_assistant(self, number: int, message: Message) -> None:
        """Calls with their results, then the images of the results: only the user can show images."""
        self._add("assistant", _text(message))
        shown: list[tuple[str, Image | File]] = []
        for n, part in enumerate(message.parts):
            if isinstance(part, ToolCall):
                self._add_call(part)
                result = self._result(self._pairs.get((number, n)))
                self._add_result(part.name, to_document(_text(result)) if result else NO_RESULT)
                shown += [(part.name, image) for image in _files(result)]
        for name, image in shown:
            self._add("user", f"[Image from the result of the tool {name}]", self._attached([image]))

    def _add_user(self, number: int, message: Message) -> None:
        """Results are written where their calls are; what remains of the message is the user's."""
        remains = [part for n, part in enumerate(message.parts) if (number, n) not in self._paired]
        if message.parts and not remains:
            return
        texts = [_orphan(part) if isinstance(part, ToolResult) else _shown(part) for part in remains]
        files = [file for part in remains for file in _files(part)]
        self._add("user", PARAGRAPH.join(text for text in texts if text), self._attached(files))

    def _attached(self, files: Iterable[Image | File]) -> list[str]:
        return [self._files[file] for file in files if file in self._files]

    def _add(self, role: str, text: str, attached: Sequence[str] = ()) -> None:
        """Joins texts of one role; a message holds at most one image, so a second one starts a new message."""
        last = self._written[-1] if self._written else {}
        joins = last.get("role") == role and "function_call" not in last
        for file_id in attached or (None,):
            if joins and not (file_id and "attachments" in last):
                last["content"] = PARAGRAPH.join(part for part in (last["content"], text) if part)
            else:
                last = {"role": role, "content": text}
                self._written.append(last)
            if file_id:
                last["attachments"] = [file_id]
            joins, text = True, ""

    def _add_call(self, call: ToolCall) -> None:
        """The assistant's text before a call belongs into the call's message."""
        text = ""
        if self._written and self._written[-1]["role"] == "assistant":
            text = self._written.pop()["content"]
        function_call = {"name": self._names.to_gigachat(call.name), "arguments": call.arguments}
        state = state_id(call.id) if self._send_state_id else None
        written = {"role": "assistant", "content": text, "function_call": function_call}
        self._written.append({**written, "functions_state_id": state} if state else written)

    def _add_result(self, name: str, content: str) -> None:
        self._written.append({"role": "function", "name": self._names.to_gigachat(name), "content": content})

    def _result(self, at: Place | None) -> ToolResult | None:
        part = self._messages[at[0]].parts[at[1]] if at else None
        return part if isinstance(part, ToolResult) else None


def to_document(text: str) -> str:
    """One JSON object, whatever a tool wrote: an object stays as it is, all else becomes its `result`."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = text
    return text if isinstance(value, dict) else orjson.dumps({"result": value}).decode()


def _orphan(result: ToolResult) -> str:
    """A result whose call was cut away, by compaction for example; as text it cannot be refused."""
    return f"[Result of the tool {result.name or result.call_id}]\n{_text(result)}"


def _text(holder: Message | ToolResult) -> str:
    return PARAGRAPH.join(part.text for part in holder.parts if isinstance(part, Text))


def _shown(part: Part) -> str:
    return part.text if isinstance(part, Text) else ""


def _files(part: Part | None) -> list[Image | File]:
    inner = part.parts if isinstance(part, ToolResult) else (part,)
    return [file for file in inner if isinstance(file, Image | File)]
