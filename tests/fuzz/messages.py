"""Requests of Anthropic's Messages API that say all they can."""

from __future__ import annotations

from tests.fuzz.common import MODEL, NEWER, PICTURE, PLAIN_SCHEMA, PNG_FILE, SCHEMA, TEXT_FILE
from tests.pictures import data_url

MARK = {"type": "ephemeral", "ttl": "5m"}
MESSAGE = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 1000,
    "system": [{"type": "text", "text": "Отвечай кратко.", "cache_control": MARK}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "weather", "cache_control": MARK, "citations": []}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Думаю", "signature": "a"},
                {"type": "redacted_thinking", "data": "a"},
                {"type": "text", "text": "Сейчас"},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Омск"}},
                {"type": "tool_use", "id": "toolu_2", "name": "later", "input": {}},
                {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "a"}},
                {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []},
                {"type": "compaction", "content": "Было"},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "is_error": True,
                    "content": [{"type": "text", "text": "a"}, {"type": "tool_reference", "tool_name": "later"}],
                },
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "b"},
                {"type": "search_result", "title": "a", "source": "b", "content": [{"type": "text", "text": "c"}]},
                {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "later"}},
                {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "later"}},
                {
                    "type": "tool_addition",
                    "tool": {
                        "type": "tool_definition",
                        "definition": {"name": "inline", "description": "a", "input_schema": PLAIN_SCHEMA},
                    },
                },
            ],
        },
        {"role": "system", "content": "Напоминание", "clear_at": "next_user_message"},
        {"role": "user", "content": "weather again"},
    ],
    "tools": [
        {"name": "weather", "description": "a", "input_schema": SCHEMA, "cache_control": MARK},
        {"type": "custom", "name": "later", "input_schema": PLAIN_SCHEMA, "defer_loading": True},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 1},
    ],
    "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "shown"},
    "temperature": 1,
    "top_p": 0.9,
    "top_k": 5,
    "stop_sequences": ["конец"],
    "metadata": {"user_id": "a"},
    "service_tier": "auto",
    "inference_geo": "a",
    "speed": "fast",
    "container": "a",
    "mcp_servers": [{"type": "url", "url": "https://example.com", "name": "a"}],
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    "safeguards": [],
    "cache_control": MARK,
    "stream": False,
}
DOCUMENTS = {
    "model": MODEL,
    "max_tokens": 100,
    "messages": [
        {
            "role": "user",
            "content": [
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "abc"},
                    "title": "a",
                    "context": "b",
                    "citations": {"enabled": True},
                },
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
                {"type": "document", "source": {"type": "file", "file_id": TEXT_FILE}},
                {"type": "document", "source": {"type": "url", "url": data_url(b"abc", "text/plain")}},
            ],
        }
    ],
    "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": SCHEMA}},
    "output_format": {"type": "json_schema", "schema": PLAIN_SCHEMA},
    "thinking": {"type": "adaptive", "display": "omitted"},
    "stream": False,
}
PDF = {
    "max_tokens": 100,
    "messages": [
        {
            "role": "user",
            "content": [
                {
                    "type": "document",
                    "title": "a.pdf",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "YWJj"},
                }
            ],
        }
    ],
    "stream": False,
}
PICTURES = {
    "model": NEWER,
    "max_tokens": 100,
    "messages": [
        {
            "role": "user",
            "content": [
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PICTURE.partition(",")[2]},
                }
            ],
        },
        {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": PICTURE}}]},
        {"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": PNG_FILE}}]},
    ],
    "tool_choice": {"type": "none"},
    "stream": False,
}
MESSAGES = (MESSAGE, DOCUMENTS, PDF, PICTURES)
