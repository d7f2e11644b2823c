"""Messages in the words of all APIs: who speaks, and content that is a text or a list of parts. Pure; raises BadRequest
naming the part.

All parts are understood in each dialect: clients that speak several mix their words, and histories move from one to
another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

import orjson

from gpt2giga.chat import File, Image, Message, Part, Text, ToolCall, ToolResult
from gpt2giga.concurrency.waiting import in_turns
from gpt2giga.dialects import fields, file_parts
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.pictures import without_pictures
from gpt2giga.dialects.tools import from_arguments
from gpt2giga.errors import BadRequest

T = TypeVar("T")
Role: TypeAlias = Literal["system", "user", "assistant"]
Reader: TypeAlias = Callable[[Body, str], Iterable[Part]]
# Whose words they are; `tool` for its results, `document` for what stands inside of one.
Speaker: TypeAlias = Role | Literal["tool", "document"]

OPENAI_ROLES: Mapping[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
RESULTS = ("tool", "function")  # function: the form before tool_calls, which has no ids
# What only other models can read, or the tools that their vendors run; histories that began there hold it.
UNREADABLE = (
    "thinking",
    "redacted_thinking",
    "reasoning",
    "reasoning_content",
    "reasoning_text",
    "summary_text",
    "server_tool_use",
    "mcp_tool_use",
    "mcp_tool_listing",
    "fallback",
    "container_upload",
    "tool_addition",
    "tool_removal",
)


def required_messages(body: Body) -> list[Any]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("messages", "a list with at least one message")
    return messages


def is_resent(message: Any) -> bool:
    """What the model said and what tools answered is as old: an agent sends it with every step, after the user's newest
    message, and nobody could mend it."""
    return isinstance(message, dict) and message.get("role") in ("assistant", *RESULTS)


def each_turn(
    turns: Sequence[Any],
    param: str,
    read: Callable[[Any, str, bool], Iterable[T]],
    is_resent: Callable[[Any], bool] = is_resent,
) -> Iterator[T]:
    """What `read` makes of each turn, where it stands, and whether it is old: before the user's newest."""
    users = (n for n in reversed(range(len(turns))) if isinstance(turns[n], dict) and turns[n].get("role") == "user")
    newest = next(users, 0)
    return each_readable(turns, param, read, lambda number, turn: number < newest or is_resent(turn))


def each_readable(
    entries: Iterable[Any],
    param: str,
    read: Callable[[Any, str, bool], Iterable[T]],
    is_old: Callable[[int, Any], bool],
) -> Iterator[T]:
    """An old one that cannot be read is left out, for the client sends it again with every turn."""
    for number, entry in in_turns(entries):
        old = is_old(number, entry)
        try:
            yield from read(entry, f"{param}[{number}]", old)
        except BadRequest:
            if not old:
                raise


def text_of(message: Body, name: str) -> str:
    """What is no text is none."""
    value = message.get(name)
    return value if isinstance(value, str) else ""


def reader_of(kind: Any, readers: Mapping[str, T], param: str, called: str = "parts") -> T:
    if not isinstance(kind, str) or kind not in readers:
        raise invalid(f"{param}.type", f"one of {', '.join(readers)}; {called} of type {kind!r} are not supported")
    return readers[kind]


def from_content(content: Any, speaker: Speaker, param: str, *, is_old: bool = False) -> Iterator[Part]:
    """is_old: see each_readable."""
    if isinstance(content, str):
        yield Text(without_pictures(content) if speaker == "assistant" else content)
        return
    if is_old and not isinstance(content, list):
        return
    if content is not None and not isinstance(content, list):
        raise invalid(param, "a string or a list of parts")

    def read(part: Any, place: str, is_old: bool) -> Iterable[Part]:
        return _part(part, speaker, place)

    yield from each_readable(content or (), param, read, lambda *_: is_old)


def _part(part: Any, speaker: Speaker, param: str) -> Iterable[Part]:
    kind, readers = fields.mapping(part, param).get("type"), READERS[speaker]
    if isinstance(kind, str):
        if kind in readers:
            return readers[kind](part, param)
        is_unknown = kind not in KINDS
        if kind in UNREADABLE or kind.endswith("_tool_result") or (is_unknown and speaker == "assistant"):
            return ()
        if is_unknown and speaker == "tool":  # the model may make something of it
            return (Text(orjson.dumps(part).decode()),)
    return reader_of(kind, readers, param)(part, param)


def _text(part: Body, param: str, name: str = "text") -> Iterator[Text]:
    text = part.get(name)
    if not isinstance(text, str):
        raise invalid(f"{param}.{name}", "a string")
    yield Text(text)


def _said(part: Body, param: str) -> Iterator[Text]:
    for found in _text(part, param):
        yield Text(without_pictures(found.text))


def _refusal(part: Body, param: str) -> Iterator[Text]:
    """What the assistant said instead of an answer, when a client replays it."""
    return _text(part, param, "refusal")


def _document(part: Body, param: str) -> Iterator[Part]:
    source, place = fields.required_object(part, "source", param)
    kind = source.get("type")
    if kind == "content":
        yield from from_content(source.get("content"), "document", f"{place}.content")
        return
    title, context = (fields.string(part, name, param) for name in ("title", "context"))
    if kind == "text":
        data = fields.required_string(source, "data", place, "a string")
        yield Text("\n".join(part for part in (title, context, data) if part))
        return
    if context:
        yield Text(context)
    yield from file_parts.from_source(source, title, place)


def _search_result(part: Body, param: str) -> Iterator[Part]:
    """A passage that the client found, with where it comes from."""
    origin = [fields.required_string(part, name, param, "a string") for name in ("title", "source")]
    yield Text("\n".join(origin))
    yield from from_content(part.get("content"), "document", f"{param}.content")


def _compaction(part: Body, param: str) -> Iterator[Text]:
    """The summary of what stood here before; null when it failed."""
    if part.get("content") is not None:
        yield Text(fields.required_string(part, "content", param, "a string"))


def _tool_use(part: Body, param: str) -> Iterator[ToolCall]:
    call_id = fields.required_string(part, "id", param, "a string")
    if name := text_of(part, "name"):  # a call without one never was one
        yield ToolCall(call_id, name, from_arguments(part.get("input")))


def _tool_result(part: Body, param: str) -> Iterator[Part]:
    """Without an id it belongs to the next call that waits for one."""
    result = from_result(part.get("content"), f"{param}.content")
    yield ToolResult(text_of(part, "tool_use_id"), "", _failure(result) if part.get("is_error") is True else result)


def from_tool(message: Body, param: str) -> Message:
    """A message that is a result: OpenAI's, which some clients send to Anthropic's API too, or Ollama's."""
    parts = from_result(message.get("content"), f"{param}.content")
    name = text_of(message, "name") or text_of(message, "tool_name")
    return Message("user", (ToolResult(text_of(message, "tool_call_id"), name, parts),))


def from_result(content: Any, param: str) -> tuple[Text | Image | File, ...]:
    """What a tool answered. It is not the user's, so what cannot be read is never refused."""
    if not isinstance(content, str | list | None):
        content = orjson.dumps(content).decode()
    parts = from_content(content, "tool", param, is_old=True)
    return tuple(part for part in parts if isinstance(part, Text | Image | File))


def _failure(parts: tuple[Text | Image | File, ...]) -> tuple[Text | Image | File, ...]:
    """GigaChat's results have no mark for failure, so the document itself says it."""
    words = "\n".join(part.text for part in parts if isinstance(part, Text))
    return (Text(orjson.dumps({"error": words}).decode()), *(part for part in parts if not isinstance(part, Text)))


def _tool_reference(part: Body, param: str) -> Iterator[Text]:
    """What a search for tools found; see tools.py."""
    name = fields.required_string(part, "tool_name", param, "a name")
    yield Text(f"The tool {name} can be called now.")


TEXT: dict[str, Reader] = {"text": _text, "input_text": _text, "output_text": _text, "refusal": _refusal}
SAID: dict[str, Reader] = {"text": _said, "output_text": _said}
VISIBLE: dict[str, Reader] = {
    **TEXT,
    "image": file_parts.from_image,
    "image_url": file_parts.from_image_url,
    "input_image": file_parts.from_input_image,
}
DOCUMENTS: dict[str, Reader] = {
    **VISIBLE,
    "input_audio": file_parts.from_input_audio,
    "file": file_parts.from_file,
    "input_file": file_parts.from_input_file,
    "document": _document,
    "search_result": _search_result,
    "audio": file_parts.from_media,
    "media": file_parts.from_media,
    "resource": file_parts.from_resource,
    "resource_link": file_parts.from_resource_link,
}
READERS: dict[Speaker, dict[str, Reader]] = {
    "system": TEXT,
    "user": {**DOCUMENTS, "tool_result": _tool_result},
    "assistant": {**DOCUMENTS, **SAID, "tool_use": _tool_use, "compaction": _compaction},
    "tool": {**DOCUMENTS, "tool_reference": _tool_reference},
    "document": VISIBLE,
}
KINDS = {kind for readers in READERS.values() for kind in readers}
