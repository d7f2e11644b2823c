from __future__ import annotations

from typing import Any

import pytest

from gpt2giga.chat import File, Image, Text, ToolCall, ToolResult
from gpt2giga.dialects.messages import from_content, from_result

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
    {"type": "reasoning", "reasoning": "hm"},
    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
    {"type": "non_standard", "value": {}},
    {"type": "tool_use", "id": "1", "name": "", "input": {}},
]


@pytest.mark.parametrize("block, parts", [row[1:] for row in USER], ids=[row[0] for row in USER])
def test_user(block: dict[str, Any], parts: list[Any]) -> None:
    assert list(from_content([block], "user", "p")) == parts


@pytest.mark.parametrize("fields, result", [row[1:] for row in RESULTS], ids=[row[0] for row in RESULTS])
def test_results(fields: dict[str, Any], result: ToolResult) -> None:
    assert list(from_content([{"type": "tool_result", "tool_use_id": "1", **fields}], "user", "p")) == [result]


@pytest.mark.parametrize("is_error, text", [(False, "a"), (True, '{"error":"a"}')])
def test_a_document_in_a_result(is_error: bool, text: str) -> None:
    block = {"type": "tool_result", "tool_use_id": "1", "content": [TEXT, PDF], "is_error": is_error}
    document = File("data:application/pdf;base64,QQ==", "Счёт")
    assert list(from_content([block], "user", "p")) == [ToolResult("1", "", (Text(text), document))]


def test_several_calls() -> None:
    blocks = [TEXT, *({"type": "tool_use", "id": str(n), "name": "f", "input": {"n": n}} for n in range(2))]
    assert list(from_content(blocks, "assistant", "p")) == [
        Text("a"),
        ToolCall("0", "f", {"n": 0}),
        ToolCall("1", "f", {"n": 1}),
    ]


def media(kind: str, **fields: str) -> dict[str, Any]:
    return {"type": kind, **fields}


PNG_URL = "data:image/png;base64,AA=="
# What MCP servers answer, and what LangChain, the Vercel AI SDK and others write, beside the parts of the other APIs.
OTHERS = [
    (media("image", data="AA==", mimeType="image/png"), Image(PNG_URL)),
    (media("image", source_type="base64", data="AA==", mime_type="image/png"), Image(PNG_URL)),
    (media("image", base64="AA==", mime_type="image/png"), Image(PNG_URL)),
    (media("image", image=PNG_URL), Image(PNG_URL)),
    (media("image", url="https://a/b.png"), Image("https://a/b.png")),
    (media("media", data="AA==", mediaType="image/png"), Image(PNG_URL)),
    (media("audio", data="AA==", mimeType="audio/wav"), File("data:audio/wav;base64,AA==")),
    (media("file", data="AA==", mediaType="image/png"), Image(PNG_URL)),
    (
        media("file", data="AA==", mediaType="application/pdf", filename="a.pdf"),
        File("data:application/pdf;base64,AA==", "a.pdf"),
    ),
    (media("file", url="https://a/b.pdf", name="b"), File("https://a/b.pdf", "b")),
    ({"type": "resource", "resource": {"uri": "file:///a.py", "text": "1"}}, Text("file:///a.py\n1")),
    (
        {"type": "resource", "resource": {"uri": "file:///a.pdf", "mimeType": "application/pdf", "blob": "AA=="}},
        File("data:application/pdf;base64,AA==", "a.pdf"),
    ),
    ({"type": "resource_link", "name": "a", "uri": "file:///a"}, Text("a\nfile:///a")),
    ({"type": "image_url", "image_url": {"url": PNG_URL}}, Image(PNG_URL)),
    ({"type": "image_url", "image_url": PNG_URL}, Image(PNG_URL)),
    ({"type": "input_image", "image_url": {"url": PNG_URL}}, Image(PNG_URL)),
    ({"type": "input_image", "file_id": "f1"}, File("", "", "f1")),
    ({"type": "input_file", "filename": "a.py", "file_data": "AA=="}, File("data:;base64,AA==", "a.py")),
    ({"type": "file", "file": {"file_id": "f1"}}, File("", "", "f1")),
    ({"type": "input_text", "text": "a"}, Text("a")),
    ({"type": "output_text", "text": "a"}, Text("a")),
]


@pytest.mark.parametrize("speaker", ["user", "tool"])
@pytest.mark.parametrize("part, found", OTHERS)
def test_the_words_of_other_apis(speaker: Any, part: dict[str, Any], found: Any) -> None:
    assert list(from_content([part], speaker, "p")) == [found]


def test_a_result_of_a_kind_that_nobody_knows_is_shown_as_it_is() -> None:
    assert from_result([{"type": "json", "value": {"a": 1}}], "p") == (Text('{"type":"json","value":{"a":1}}'),)


@pytest.mark.parametrize("block", SILENT, ids=lambda block: block["type"])
def test_what_only_claude_reads_is_left_out(block: dict[str, Any]) -> None:
    assert list(from_content([block, TEXT], "assistant", "p")) == [Text("a")]


def test_a_summary_is_what_the_assistant_said() -> None:
    assert list(from_content([{"type": "compaction", "content": "Было так."}], "assistant", "p")) == [Text("Было так.")]
