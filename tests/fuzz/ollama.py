"""Requests of Ollama's API that say all they can."""

from __future__ import annotations

from typing import Any

from tests.fuzz.common import FUNCTION, MODEL, NEWER, PICTURE, PLAIN_SCHEMA, SCHEMA

IMAGE = PICTURE.partition(",")[2]
OPTIONS: dict[str, Any] = {
    "temperature": 0.7,
    "top_p": 0.9,
    "num_predict": 100,
    "stop": ["конец"],
    "repeat_penalty": 1.1,
    "num_ctx": 8192,
    "seed": 42,
    "top_k": 40,
    "mirostat_tau": 0.8,
    "use_mmap": True,
}
CHAT = {
    "model": f"{MODEL}:latest",
    "messages": [
        {"role": "system", "content": "Отвечай кратко."},
        {"role": "user", "content": "weather", "images": []},
        {
            "role": "assistant",
            "content": "Сейчас",
            "thinking": "Думаю",
            "tool_calls": [
                {"id": "a", "function": {"index": 0, "name": "weather", "arguments": {"city": "Омск", "days": [1]}}},
                {"function": {"name": "later", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": '{"a": 1}', "tool_name": "later"},
        {"role": "tool", "content": "-3", "tool_call_id": "a", "images": [IMAGE]},
        {"role": "user", "content": "weather again"},
    ],
    "tools": [
        {"type": "function", "function": FUNCTION},
        {"type": "function", "function": {"name": "later", "parameters": PLAIN_SCHEMA}},
    ],
    "options": OPTIONS,
    "think": "low",
    "keep_alive": "5m",
    "logprobs": False,
    "top_logprobs": 0,
    "format": "",
    "stream": False,
}
PICTURES = {
    "model": NEWER,
    "messages": [{"role": "user", "content": "Что тут?", "images": [IMAGE, PICTURE]}],
    "think": True,
    "keep_alive": -1,
    "stream": False,
}
BY_SCHEMA = {"messages": [{"role": "user", "content": "Где?"}], "format": SCHEMA, "stream": False}
GENERATE = {
    "model": MODEL,
    "prompt": "Раз два конец",
    "system": "Отвечай кратко.",
    "images": [IMAGE],
    "suffix": "",
    "template": "Вопрос: {{ .Prompt }}",
    "context": [1, 2],
    "raw": False,
    "options": OPTIONS,
    "think": False,
    "keep_alive": 0,
    "format": "",
    "width": 1,
    "height": 1,
    "steps": 1,
    "stream": False,
}
EMBED = {
    "model": "Embeddings:latest",
    "input": ["Раз", "два"],
    "truncate": True,
    "options": {"num_ctx": 512},
    "keep_alive": "5m",
}
BODIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/api/chat", CHAT),
    ("/api/chat", PICTURES),
    ("/api/chat", BY_SCHEMA),
    ("/api/generate", GENERATE),
    ("/api/embed", EMBED),
    ("/api/embeddings", {"model": "Embeddings", "prompt": "Раз", "keep_alive": 5}),
    ("/api/show", {"model": MODEL, "name": MODEL, "verbose": True}),
    ("/api/pull", {"name": MODEL, "stream": True, "insecure": False}),
)
