"""Content of a message: a text, or a list of blocks. Pure; raises BadRequest naming the block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import orjson

from gpt2giga.chat import File, Image, Part, Text, ToolCall, ToolResult
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.messages import data_url, from_file_id, from_text, reader_of, to_parts

Reader: TypeAlias = Callable[[Body, str], Iterable[Part]]

# What only Claude can read, or the tools that Anthropic runs; histories that began there hold it.
UNREADABLE = (
    "thinking",
    "redacted_thinking",
    "server_tool_use",
    "mcp_tool_use",
    "mcp_tool_listing",
    "fallback",
    "container_upload",
    "tool_addition",
    "tool_removal",
)
# Claude Code's first system block. It changes from version to version, and GigaChat's prompt cache goes by beginnings.
BILLING = "x-anthropic-billing-header:"


def from_content(content: Any, role: str, param: str) -> Iterator[Part]:
    for block, place in to_parts(content, param, "blocks"):
        yield from _block(block, READERS[role], place)


def from_system(system: Any, param: str) -> tuple[Part, ...]:
    parts = from_content(system, "system", param)
    return tuple(part for part in parts if not (isinstance(part, Text) and part.text.startswith(BILLING)))


def _block(block: Body, readers: Mapping[str, Reader], param: str) -> Iterable[Part]:
    kind = block.get("type")
    if isinstance(kind, str) and (kind in UNREADABLE or kind.endswith("_tool_result")):
        return ()
    return reader_of(kind, readers, param, "blocks")(block, param)


def _text(block: Body, param: str) -> Iterator[Text]:
    yield from_text(block, param)


def _image(block: Body, param: str) -> Iterator[Image | File]:
    source, param = fields.required_object(block, "source", param)
    kind = source.get("type")
    if kind == "base64":
        yield Image(_data_url(source, "", param))
    elif kind == "url":
        yield Image(fields.required_string(source, "url", param, "a URL"))
    elif kind == "file":
        yield from_file_id(source, "", param)
    else:
        raise invalid(f"{param}.type", "base64, url or file")


def _document(block: Body, param: str) -> Iterator[Part]:
    source, place = fields.required_object(block, "source", param)
    kind = source.get("type")
    if kind == "content":
        yield from from_content(source.get("content"), "document", f"{place}.content")
        return
    title, context = (fields.string(block, name, param) for name in ("title", "context"))
    if kind == "text":
        data = fields.required_string(source, "data", place, "a string")
        yield Text("\n".join(part for part in (title, context, data) if part))
        return
    if context:
        yield Text(context)
    if kind == "base64":
        yield File(_data_url(source, "application/pdf", place), title)
    elif kind == "url":
        yield File(fields.required_string(source, "url", place, "a URL"), title)
    elif kind == "file":
        yield from_file_id(source, title, place)
    else:
        raise invalid(f"{place}.type", "base64, text, url, content or file")


def _data_url(source: Body, default_type: str, param: str) -> str:
    typed = {"media_type": source.get("media_type") or default_type}
    media_type = fields.required_string(typed, "media_type", param, "a type such as image/png")
    return data_url(fields.required_string(source, "data", param, "base64"), media_type)


def _search_result(block: Body, param: str) -> Iterator[Part]:
    """A passage that the client found, with where it comes from."""
    origin = [fields.required_string(block, name, param, "a string") for name in ("title", "source")]
    yield Text("\n".join(origin))
    yield from from_content(block.get("content"), "document", f"{param}.content")


def _compaction(block: Body, param: str) -> Iterator[Text]:
    """The summary of what stood here before; null when it failed."""
    if block.get("content") is not None:
        yield Text(fields.required_string(block, "content", param, "a string"))


def _tool_use(block: Body, param: str) -> Iterator[ToolCall]:
    name = fields.required_string(block, "name", param, "a name")
    call_id = fields.required_string(block, "id", param, "a string")
    arguments, _ = fields.required_object(block, "input", param)
    yield ToolCall(call_id, name, dict(arguments))


def _tool_result(block: Body, param: str) -> Iterator[Part]:
    """The result, and after it the documents it holds: the vocabulary has none inside results."""
    call_id = fields.required_string(block, "tool_use_id", param, "the id of a tool call")
    parts = list(from_content(block.get("content"), "tool_result", f"{param}.content"))
    result = tuple(part for part in parts if isinstance(part, Text | Image))
    is_error = fields.boolean(block, "is_error", param)
    yield ToolResult(call_id, "", _failure(result) if is_error else result)
    yield from (part for part in parts if isinstance(part, File))


def _failure(parts: tuple[Text | Image, ...]) -> tuple[Text | Image, ...]:
    """GigaChat's results have no mark for failure, so the document itself says it."""
    words = "\n".join(part.text for part in parts if isinstance(part, Text))
    return (Text(orjson.dumps({"error": words}).decode()), *(part for part in parts if isinstance(part, Image)))


def _tool_reference(block: Body, param: str) -> Iterator[Text]:
    """What a search for tools found; see tools.py."""
    name = fields.required_string(block, "tool_name", param, "a name")
    yield Text(f"The tool {name} can be called now.")


TEXT: dict[str, Reader] = {"text": _text}
VISIBLE: dict[str, Reader] = {**TEXT, "image": _image}
DOCUMENTS: dict[str, Reader] = {**VISIBLE, "document": _document, "search_result": _search_result}
READERS: dict[str, dict[str, Reader]] = {
    "system": TEXT,
    "user": {**DOCUMENTS, "tool_result": _tool_result},
    "assistant": {**DOCUMENTS, "tool_use": _tool_use, "compaction": _compaction},
    "tool_result": {**DOCUMENTS, "tool_reference": _tool_reference},
    "document": VISIBLE,
}
