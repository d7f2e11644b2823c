"""Requests of OpenAI's older APIs that say all they can: what is spoilt has to be there first."""

from __future__ import annotations

from typing import Any

from tests.fuzz.common import FUNCTION, MODEL, NEWER, PICTURE, PLAIN_SCHEMA, PNG_FILE, SCHEMA
from tests.pictures import data_url, GIF

OTHER = {"name": "mcp.files/search", "parameters": PLAIN_SCHEMA}


def tool(function: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": function}


def call(number: int, name: str = "weather") -> dict[str, Any]:
    arguments = '{"city": "Омск", "days": [1, null]}'
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


PLAIN_CHAT = {
    "model": MODEL,
    "messages": [
        {"role": "system", "content": "Отвечай кратко.", "name": "a"},
        {"role": "user", "content": [{"type": "text", "text": "Раз"}]},
        {"role": "assistant", "content": "Два", "refusal": "Нет", "reasoning_content": "Думаю", "audio": {"id": "a"}},
        {"role": "developer", "content": "И всё."},
        {"role": "user", "content": "Три, конец"},
    ],
    "temperature": 0.7,
    "top_p": 0.9,
    "max_tokens": 100,
    "max_completion_tokens": 90,
    "stop": ["конец"],
    "n": 2,
    "stream": False,
    "stream_options": {"include_usage": True},
    "reasoning_effort": "low",
    "response_format": {"type": "text"},
    "modalities": ["text"],
    "audio": {"voice": "alloy", "format": "wav"},
    "frequency_penalty": 0,
    "presence_penalty": 0.1,
    "logit_bias": {"1": 2},
    "logprobs": False,
    "top_logprobs": 0,
    "seed": 1,
    "metadata": {"a": "b"},
    "store": False,
    "service_tier": "auto",
    "prediction": {"type": "content", "content": "a"},
    "safety_identifier": "a",
    "prompt_cache_key": "b",
    "prompt_cache_retention": "24h",
    "verbosity": "low",
    "web_search_options": {"search_context_size": "low"},
    "user": "кто-то",
}
TOOL_CHAT = {
    "model": NEWER,
    "messages": [
        {"role": "user", "content": "weather"},
        {"role": "assistant", "content": None, "tool_calls": [call(1), call(2, "mcp.files/search")]},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"a": 1}'},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "холодно"}]},
        {"role": "user", "content": "weather again"},
    ],
    "tools": [tool(FUNCTION), tool(OTHER)],
    "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool(FUNCTION)]}},
    "parallel_tool_calls": True,
    "reasoning_effort": "high",
    "stream": False,
}
NAMED_TOOL = {
    "messages": [{"role": "user", "content": "Погода"}],
    "tools": [tool(OTHER)],
    "tool_choice": {"type": "function", "function": {"name": OTHER["name"]}},
    "stream": False,
}
FUNCTIONS = {
    "messages": [
        {"role": "user", "content": "weather"},
        {"role": "assistant", "content": "", "function_call": {"name": "weather", "arguments": '{"city": "Омск"}'}},
        {"role": "function", "name": "weather", "content": "[1]"},
    ],
    "functions": [FUNCTION],
    "function_call": {"name": "weather"},
    "stream": False,
}
STRUCTURED = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "Назови город"}],
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "a", "description": "b", "strict": True, "schema": SCHEMA},
    },
    "stream": False,
}
SEEING = {
    "model": MODEL,
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}},
                {"type": "text", "text": "Что здесь?"},
            ],
        },
        {"role": "user", "content": [{"type": "image_url", "image_url": data_url(GIF, "image/gif")}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "Нет"}, {"type": "text", "text": "Да"}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_id": PNG_FILE, "filename": "a.png"}}]},
    ],
    "stream": False,
}
READING = {
    "model": MODEL,
    "messages": [{"role": "user", "content": [{"type": "file", "file": {"filename": "a.txt", "file_data": "YWJj"}}]}],
    "stream": False,
}
HEARING = {
    "model": MODEL,
    "messages": [
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "aGVsbG8=", "format": "wav"}}]}
    ],
    "stream": False,
}
COMPLETION = {
    "model": "GigaChat",
    "prompt": ["Раз два", "Три"],
    "suffix": "",
    "max_tokens": 5,
    "temperature": 0,
    "top_p": 1,
    "n": 2,
    "stop": "конец",
    "stream": False,
    "stream_options": {"include_usage": True},
    "echo": True,
    "best_of": 1,
    "frequency_penalty": 0,
    "logit_bias": {"1": 2},
    "logprobs": 0,
    "presence_penalty": 0,
    "seed": 1,
    "user": "a",
}
EMBEDDINGS = {"model": "Embeddings", "input": ["раз", "два"], "encoding_format": "float", "dimensions": 1024}
IN_BASE64 = {"model": "Embeddings", "input": "раз", "encoding_format": "base64", "user": "a"}
MODERATION = {
    "model": "omni-moderation-latest",
    "input": [{"type": "text", "text": "раз"}, {"type": "text", "text": "два"}],
}
MODERATION_OF_TEXTS = {"input": ["раз", "два"]}
IMAGE = {
    "model": "gpt-image-1",
    "prompt": "Нарисуй кота",
    "n": 2,
    "size": "1024x1024",
    "quality": "high",
    "style": "vivid",
    "background": "auto",
    "moderation": "auto",
    "output_compression": 100,
    "output_format": "png",
    "partial_images": 0,
    "response_format": "b64_json",
    "stream": False,
    "user": "a",
}
CHATS = (PLAIN_CHAT, TOOL_CHAT, NAMED_TOOL, FUNCTIONS, STRUCTURED, SEEING, READING, HEARING)
