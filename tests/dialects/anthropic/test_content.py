from __future__ import annotations

from typing import Any

import pytest

from gpt2giga.chat import File, Image, Text, ToolCall, ToolResult
from gpt2giga.dialects.anthropic.content import from_content

TEXT = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}, "citations": None}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUFB"}}
PDF = {
    "type": "document",
    "title": "Счёт",
    "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="},
}


def document(source: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "document", "source": source, **more}


USER = [
    ("text", TEXT, [Text("a")]),
    ("image-base64", PNG, [Image("data:image/png;base64,QUFB")]),
    ("image-url", {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}, [Image("https://a/b.png")]),
    ("image-file", {"type": "image", "source": {"type": "file", "file_id": "f1"}}, [File("", "", "f1")]),
    ("pdf", PDF, [File("data:application/pdf;base64,QQ==", "Счёт")]),
    (
        "pdf-with-context",
        document({"type": "base64", "data": "QQ=="}, context="За май."),
        [Text("За май."), File("data:application/pdf;base64,QQ==")],
    ),
    ("document-url", document({"type": "url", "url": "https://a/b.pdf"}), [File("https://a/b.pdf")]),
    ("document-file", document({"type": "file", "file_id": "f1"}, title="t"), [File("", "t", "f1")]),
    (
        "document-text",
        document({"type": "text", "media_type": "text/plain", "data": "Раз."}, title="Счёт", context="За май."),
        [Text("Счёт\nЗа май.\nРаз.")],
    ),
    (
        "document-of-blocks",
        document({"type": "content", "content": [TEXT, PNG]}),
        [Text("a"), Image("data:image/png;base64,QUFB")],
    ),
    ("document-of-a-string", document({"type": "content", "content": "b"}), [Text("b")]),
    (
        "search-result",
        {"type": "search_result", "title": "t", "source": "https://a", "content": [TEXT]},
        [Text("t\nhttps://a"), Text("a")],
    ),
]
RESULTS = [
    ("absent", {}, ToolResult("1", "", ())),
    ("null", {"content": None}, ToolResult("1", "", ())),
    ("string", {"content": "ok"}, ToolResult("1", "", (Text("ok"),))),
    ("blocks", {"content": [TEXT, PNG]}, ToolResult("1", "", (Text("a"), Image("data:image/png;base64,QUFB")))),
    ("no-error", {"content": "ok", "is_error": False}, ToolResult("1", "", (Text("ok"),))),
    ("error", {"content": "no file", "is_error": True}, ToolResult("1", "", (Text('{"error":"no file"}'),))),
    (
        "error-with-image",
        {"content": [TEXT, PNG], "is_error": True},
        ToolResult("1", "", (Text('{"error":"a"}'), Image("data:image/png;base64,QUFB"))),
    ),
    (
        "found-tool",
        {"content": [{"type": "tool_reference", "tool_name": "WebFetch"}]},
        ToolResult("1", "", (Text("The tool WebFetch can be called now."),)),
    ),
]
SILENT = [
    {"type": "thinking", "thinking": "hm", "signature": "s"},
    {"type": "redacted_thinking", "data": "x"},
    {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}},
    {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"type": "web_search_result", "url": "u"}]},
    {"type": "code_execution_tool_result", "tool_use_id": "s1", "content": {}},
    {"type": "mcp_tool_use", "id": "m1", "name": "f", "input": {}, "server_name": "s"},
    {"type": "compaction", "content": None},
]


@pytest.mark.parametrize("block, parts", [row[1:] for row in USER], ids=[row[0] for row in USER])
def test_user(block: dict[str, Any], parts: list[Any]) -> None:
    assert list(from_content([block], "user", "p")) == parts


@pytest.mark.parametrize("fields, result", [row[1:] for row in RESULTS], ids=[row[0] for row in RESULTS])
def test_results(fields: dict[str, Any], result: ToolResult) -> None:
    assert list(from_content([{"type": "tool_result", "tool_use_id": "1", **fields}], "user", "p")) == [result]


def test_a_document_in_a_result_stands_after_it() -> None:
    block = {"type": "tool_result", "tool_use_id": "1", "content": [TEXT, PDF]}
    result, file = from_content([block], "user", "p")
    assert (result, file) == (ToolResult("1", "", (Text("a"),)), File("data:application/pdf;base64,QQ==", "Счёт"))


def test_several_calls() -> None:
    blocks = [TEXT, *({"type": "tool_use", "id": str(n), "name": "f", "input": {"n": n}} for n in range(2))]
    assert list(from_content(blocks, "assistant", "p")) == [
        Text("a"),
        ToolCall("0", "f", {"n": 0}),
        ToolCall("1", "f", {"n": 1}),
    ]


@pytest.mark.parametrize("block", SILENT, ids=lambda block: block["type"])
def test_what_only_claude_reads_is_left_out(block: dict[str, Any]) -> None:
    assert list(from_content([block, TEXT], "assistant", "p")) == [Text("a")]


def test_a_summary_is_what_the_assistant_said() -> None:
    assert list(from_content([{"type": "compaction", "content": "Было так."}], "assistant", "p")) == [Text("Было так.")]
