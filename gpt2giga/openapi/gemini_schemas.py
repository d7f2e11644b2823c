"""The bodies of Gemini's API: what its parameters are, and what it answers."""

from __future__ import annotations

from gpt2giga.dialects.controls import MOST_STOPS
from gpt2giga.dialects.fields import INT32
from gpt2giga.dialects.gemini.request import MOST_CANDIDATES
from gpt2giga.openapi.schema import (
    const,
    COUNT,
    either,
    FLAG,
    integer,
    list_of,
    made_of,
    number,
    OBJECT,
    one_of,
    ref,
    Schema,
    TEXT,
)

CONTENT: Schema = {"type": "object", "properties": {"role": TEXT, "parts": either(list_of(OBJECT), OBJECT)}}
OF_GENERATE: dict[str, Schema] = {
    "contents": {
        **either(list_of(CONTENT, minItems=1), CONTENT),
        "description": "all names may also have underscores, as in `system_instruction`",
    },
    "systemInstruction": either(CONTENT, TEXT),
    "tools": either(list_of(OBJECT), OBJECT),
    "toolConfig": OBJECT,
    "generationConfig": OBJECT,
    "safetySettings": either(list_of(OBJECT), OBJECT),
    "cachedContent": const(""),
    "generationConfig.temperature": number(0, 2),
    "generationConfig.topP": number(0, 1),
    "generationConfig.maxOutputTokens": either(integer(1, INT32), {"const": -1, "description": "no limit"}),
    "generationConfig.stopSequences": either(TEXT, list_of(TEXT, maxItems=MOST_STOPS)),
    "generationConfig.candidateCount": integer(1, MOST_CANDIDATES),
    "generationConfig.responseMimeType": one_of("text/plain", "application/json"),
    "generationConfig.responseSchema": OBJECT,
    "generationConfig.responseJsonSchema": OBJECT,
    "generationConfig.responseModalities": list_of(one_of("TEXT", "IMAGE")),
    "generationConfig.thinkingConfig": {
        "type": "object",
        "properties": {"includeThoughts": FLAG, "thinkingLevel": TEXT, "thinkingBudget": integer(-1, INT32)},
    },
}
OF_COUNT: dict[str, Schema] = {
    "contents": OF_GENERATE["contents"],
    "generateContentRequest": {**OBJECT, "description": "in place of all else"},
}
OF_EMBED: dict[str, Schema] = {"content": CONTENT, "outputDimensionality": integer(1, 100_000)}
OF_BATCH: dict[str, Schema] = {"requests": either(list_of(OBJECT, minItems=1), OBJECT)}

PART: Schema = {
    "type": "object",
    "properties": {"text": TEXT, "thought": FLAG, "functionCall": OBJECT, "inlineData": OBJECT},
}
CANDIDATE = made_of(
    {
        "content": made_of({"role": const("model"), "parts": list_of(PART, minItems=1)}),
        "index": COUNT,
        "finishReason": one_of("STOP", "MAX_TOKENS", "SAFETY"),
        "groundingMetadata": OBJECT,
    },
    optional=("finishReason", "groundingMetadata"),
)
USAGE = made_of(
    {
        "promptTokenCount": COUNT,
        "candidatesTokenCount": COUNT,
        "totalTokenCount": COUNT,
        "cachedContentTokenCount": COUNT,
        "thoughtsTokenCount": COUNT,
    },
    optional=("cachedContentTokenCount", "thoughtsTokenCount"),
)
VALUES = made_of({"values": list_of({"type": "number"})})
GEMINIS: dict[str, Schema] = {
    "GenerateContentResponse": made_of(
        {"candidates": list_of(CANDIDATE), "modelVersion": TEXT, "responseId": TEXT, "usageMetadata": USAGE},
        optional=("usageMetadata",),
    ),
    "GenerateContentResponses": list_of(ref("GenerateContentResponse")),
    "CountTokensResponse": made_of({"totalTokens": COUNT}),
    "EmbedContentResponse": made_of({"embedding": VALUES}),
    "BatchEmbedContentsResponse": made_of({"embeddings": list_of(VALUES)}),
    "GoogleModel": made_of(
        {
            "name": TEXT,
            "version": TEXT,
            "displayName": TEXT,
            "description": TEXT,
            "inputTokenLimit": COUNT,
            "outputTokenLimit": COUNT,
            "supportedGenerationMethods": list_of(TEXT),
        }
    ),
    "GoogleModels": made_of({"models": list_of(ref("GoogleModel"))}),
    "GoogleError": made_of(
        {"error": made_of({"code": COUNT, "message": TEXT, "status": TEXT, "details": list_of(OBJECT)})}
    ),
}
