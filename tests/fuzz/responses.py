"""Requests for responses that say all they can."""

from __future__ import annotations

from gpt2giga.dialects.responses.compaction import pack
from tests.fuzz.common import FUNCTION, ITEM, KEPT, MODEL, NEWER, PICTURE, PLAIN_SCHEMA, PNG_FILE, SCHEMA, TEXT_FILE
from tests.pictures import data_url

RESPONSE = {
    "model": NEWER,
    "instructions": "Отвечай кратко.",
    "input": [
        {"role": "user", "content": "Раз"},
        {"type": "compaction", "id": "cmp_1", "encrypted_content": pack("Было так.")},
        {"id": ITEM, "type": "item_reference"},
        {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}]},
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [
                {"type": "output_text", "text": "Два", "annotations": [], "logprobs": []},
                {"type": "refusal", "refusal": "Нет"},
            ],
        },
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "a"}},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": '{"city": "О"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": '{"a": 1}'},
        {"type": "function_call", "call_id": "call_3", "name": "spawn", "namespace": "agents", "arguments": "{}"},
        {
            "type": "function_call_output",
            "call_id": "call_3",
            "output": [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": PICTURE}],
        },
        {"type": "custom_tool_call", "call_id": "call_2", "name": "apply_patch", "input": "a"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "b"},
        {"role": "user", "content": [{"type": "input_text", "text": "weather"}]},
    ],
    "tools": [
        {"type": "function", **FUNCTION},
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "a",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"},
        },
        {
            "type": "namespace",
            "name": "agents",
            "description": "a",
            "tools": [{"type": "function", "name": "spawn", "parameters": PLAIN_SCHEMA}],
        },
        {"type": "web_search", "filters": {"allowed_domains": ["a"]}},
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [
            {"type": "function", "name": "weather"},
            {"type": "namespace", "name": "agents"},
            {"type": "web_search"},
        ],
    },
    "parallel_tool_calls": True,
    "previous_response_id": KEPT,
    "temperature": 0.5,
    "top_p": 0.5,
    "max_output_tokens": 50,
    "max_tool_calls": 1,
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"format": {"type": "text"}, "verbosity": "low"},
    "store": True,
    "metadata": {"a": "b"},
    "include": ["reasoning.encrypted_content", "file_search_call.results"],
    "truncation": "auto",
    "top_logprobs": 1,
    "service_tier": "auto",
    "context_management": [],
    "moderation": {},
    "prompt_cache_key": "a",
    "prompt_cache_options": {},
    "prompt_cache_retention": "24h",
    "safety_identifier": "b",
    "user": "c",
    "background": False,
    "conversation": None,
    "prompt": None,
    "stream": False,
    "stream_options": {"include_obfuscation": False},
}
STRUCTURED_RESPONSE = {
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": PICTURE, "detail": "auto"},
                {"type": "input_image", "file_id": PNG_FILE},
                {"type": "input_text", "text": "Назови город"},
            ],
        }
    ],
    "model": MODEL,
    "text": {"format": {"type": "json_schema", "name": "a", "strict": True, "schema": SCHEMA}},
    "stream": False,
}
READING_RESPONSE = {
    "model": MODEL,
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_file", "filename": "a.txt", "file_data": data_url(b"abc", "text/plain")},
                {"type": "input_file", "file_id": TEXT_FILE},
            ],
        }
    ],
    "stream": False,
}
HEARING_RESPONSE = {
    "model": MODEL,
    "input": [
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "aGVsbG8=", "format": "mp3"}}]}
    ],
    "store": False,
    "stream": False,
}
RESPONSES = (RESPONSE, STRUCTURED_RESPONSE, READING_RESPONSE, HEARING_RESPONSE)
