"""Requests of Gemini's API that say all they can."""

from __future__ import annotations

from typing import Any

from tests.fuzz.common import MODEL, NEWER, PICTURE, PNG_FILE, SCHEMA

GOOGLES_SCHEMA = {
    "type": "OBJECT",
    "propertyOrdering": ["days", "city"],
    "properties": {
        "city": {"type": "STRING", "minLength": "1", "maxLength": "50", "description": "Город"},
        "days": {"type": "INTEGER", "format": "int32", "nullable": True, "minimum": 0, "maximum": 9},
        "kind": {"type": "STRING", "format": "enum", "enum": ["дождь", "снег"]},
        "any_of": {"any_of": [{"type": "NUMBER"}, {"type": "BOOLEAN"}], "nullable": True},
        "list": {"type": "ARRAY", "items": {"type": "STRING"}, "min_items": 1},
    },
    "required": ["city"],
}
PLAIN = {
    "systemInstruction": {"parts": [{"text": "Отвечай кратко."}]},
    "contents": [
        {"role": "user", "parts": [{"text": "Раз"}]},
        {"role": "model", "parts": [{"text": "Думаю", "thought": True}, {"text": "Два", "thoughtSignature": "YQ=="}]},
        {"role": "user", "parts": [{"text": "Три, конец"}]},
    ],
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    "labels": {"a": "b"},
    "generationConfig": {
        "temperature": 0,
        "topP": 0.9,
        "topK": 40,
        "candidateCount": 2,
        "maxOutputTokens": 100,
        "stopSequences": ["конец"],
        "responseMimeType": "text/plain",
        "responseModalities": ["TEXT"],
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 1024, "thinkingLevel": "LOW"},
        "seed": 1,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0,
        "responseLogprobs": False,
        "logprobs": 1,
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
        "speechConfig": {"languageCode": "ru-RU"},
    },
}
TOOLS = {
    "contents": [
        {"role": "user", "parts": {"text": "weather"}},
        {
            "role": "model",
            "parts": [
                {"functionCall": {"id": "1", "name": "weather", "args": {"city": "Омск"}}},
                {"functionCall": {"name": "later", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "later", "response": {"output": "b"}}},
                {
                    "functionResponse": {
                        "id": "1",
                        "name": "weather",
                        "response": {"error": "a"},
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": PICTURE.partition(",")[2]}}],
                    }
                },
            ],
        },
    ],
    "tools": [
        {"functionDeclarations": [{"name": "weather", "description": "Погода", "parameters": GOOGLES_SCHEMA}]},
        {"function_declarations": [{"name": "later", "parameters_json_schema": SCHEMA}], "googleSearch": {}},
        {"codeExecution": {}, "mcpServers": [{"name": "a"}]},
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather", "later"]}},
}
STRUCTURED = {
    "contents": [{"parts": [{"text": "Назови город"}]}],
    "generationConfig": {"responseMimeType": "application/json", "responseSchema": GOOGLES_SCHEMA},
}
BY_JSON_SCHEMA = {
    "contents": {"role": "USER", "parts": {"text": "Назови город"}},
    "safety_settings": {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"},
    "generation_config": {"response_mime_type": "application/json", "response_json_schema": SCHEMA},
}
SEEING = {
    "contents": [
        {
            "role": "user",
            "parts": [
                {"inlineData": {"mimeType": "image/png", "data": PICTURE.partition(",")[2], "displayName": "a.png"}},
                {"text": "Что здесь?"},
            ],
        },
        {"role": "model", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}, {"text": "Кот"}]},
        {"role": "user", "parts": [{"file_data": {"file_uri": f"files/{PNG_FILE}", "mime_type": "image/png"}}]},
    ]
}
CHATS: tuple[tuple[str, dict[str, Any]], ...] = (
    (MODEL, PLAIN),
    (NEWER, TOOLS),
    (MODEL, STRUCTURED),
    (MODEL, BY_JSON_SCHEMA),
    (MODEL, SEEING),
)
EMBED = {"content": {"parts": [{"text": "раз"}]}, "taskType": "RETRIEVAL_QUERY", "title": "a"}
BATCH = {"requests": [{"model": "models/Embeddings", **EMBED, "outputDimensionality": 1024}, EMBED]}


def address(model: str, method: str) -> str:
    return f"/v1beta/models/{model}:{method}"


BODIES: tuple[tuple[str, dict[str, Any]], ...] = (
    *((address(model, method), body) for model, body in CHATS for method in ("generateContent", "countTokens")),
    *((address(model, "streamGenerateContent?alt=sse"), body) for model, body in CHATS),
    (address(MODEL, "streamGenerateContent"), PLAIN),
    (address("Embeddings", "embedContent"), EMBED),
    (address("Embeddings", "batchEmbedContents"), BATCH),
)
