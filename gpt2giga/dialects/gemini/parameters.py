"""How each parameter of a generateContent request is supported; printed in docs/gemini.md."""

from __future__ import annotations

from collections.abc import Mapping

from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body
from gpt2giga.dialects.parameters import any_integer, Parameter, penalty
from gpt2giga.errors import BadRequest

CONFIG = "generationConfig"


TABLE: Mapping[str, Parameter] = {
    "contents": Parameter("used", "text, inlineData, fileData, functionCall, functionResponse; thoughts are left out"),
    "systemInstruction": Parameter("used", "a content, or its text"),
    "tools": Parameter("used", "functionDeclarations; googleSearch and urlContext if GigaChat has them"),
    "toolConfig": Parameter("emulated", "`ANY`, allowedFunctionNames; GigaChat has `AUTO`, `NONE` and a name"),
    CONFIG: Parameter("used", "as follows"),
    f"{CONFIG}.temperature": Parameter("used", "0 is sent as 0.0001, since GigaChat refuses 0"),
    f"{CONFIG}.topP": Parameter("used", ""),
    f"{CONFIG}.maxOutputTokens": Parameter("used", ""),
    f"{CONFIG}.stopSequences": Parameter("emulated", "the proxy cuts the text"),
    f"{CONFIG}.candidateCount": Parameter("emulated", "up to 8, each with its own request to GigaChat"),
    f"{CONFIG}.responseMimeType": Parameter("emulated", "`application/json`: requested and checked"),
    f"{CONFIG}.responseSchema": Parameter("emulated", "becomes JSON Schema; the answer is checked against it"),
    f"{CONFIG}.responseJsonSchema": Parameter("emulated", "the same; wins over `responseSchema`"),
    f"{CONFIG}.responseModalities": Parameter("used", "`IMAGE` if GigaChat draws for the model; `AUDIO` is refused"),
    f"{CONFIG}.thinkingConfig": Parameter(
        "used", "thinkingLevel; a thinkingBudget below 6000 is low effort, below 16000 medium; includeThoughts"
    ),
    f"{CONFIG}.topK": Parameter("ignored", "", any_integer),
    f"{CONFIG}.seed": Parameter("ignored", "", any_integer),
    f"{CONFIG}.presencePenalty": Parameter("ignored", "", penalty),
    f"{CONFIG}.frequencyPenalty": Parameter("ignored", "", penalty),
    f"{CONFIG}.responseLogprobs": Parameter("ignored", "", fields.boolean),
    f"{CONFIG}.logprobs": Parameter("ignored", "", any_integer),
    f"{CONFIG}.enableEnhancedCivicAnswers": Parameter("ignored", "", fields.boolean),
    f"{CONFIG}.speechConfig": Parameter("ignored", "GigaChat does not answer with speech", fields.optional_mapping),
    f"{CONFIG}.imageConfig": Parameter("ignored", "", fields.optional_mapping),
    f"{CONFIG}.mediaResolution": Parameter("ignored", "", fields.string),
    "cachedContent": Parameter("refused", "nothing is cached here by a name; send the whole conversation"),
    "safetySettings": Parameter("ignored", "GigaChat's own filter stays as it is", fields.array),
    "labels": Parameter("ignored", "", fields.optional_mapping),
    "serviceTier": Parameter("ignored", "", fields.string),
    "store": Parameter("ignored", "", fields.boolean),
}


def check_refused(body: Body) -> None:
    """Whoever ignored a cache would answer without all that it holds."""
    if body.get("cachedContent"):
        words = "There are no cached contents here: send the whole conversation without 'cachedContent'."
        raise BadRequest(words, param="cachedContent")
