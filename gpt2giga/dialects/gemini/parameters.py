"""How each parameter of a generateContent request is supported; printed in docs/gemini.md."""

from __future__ import annotations

from collections.abc import Mapping

from gpt2giga.dialects import fields
from gpt2giga.dialects.gemini.names import as_list
from gpt2giga.dialects.parameters import any_integer, ignored, Parameter, penalty, refused, Typed

CONFIG = "generationConfig"
# Whoever ignored a cache would answer without all that it holds.
NO_CACHE = "There are no cached contents here: send the whole conversation without 'cachedContent'."
# google-generativeai sends the numbers of its protocol buffers.
word = Typed("a word, or its number", (str, int))
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
    **ignored(any_integer, "topK seed logprobs", CONFIG),
    **ignored(penalty, "presencePenalty frequencyPenalty", CONFIG),
    **ignored(fields.boolean, "responseLogprobs enableEnhancedCivicAnswers", CONFIG),
    **ignored(word, "mediaResolution", CONFIG),
    **ignored(fields.optional_mapping, "imageConfig", CONFIG),
    f"{CONFIG}.speechConfig": Parameter("ignored", "GigaChat does not answer with speech", fields.optional_mapping),
    "cachedContent": refused("nothing is cached here by a name", NO_CACHE, harmless=("",)),
    "safetySettings": Parameter("ignored", "GigaChat's own filter stays as it is", as_list),
    **ignored(fields.optional_mapping, "labels"),
    **ignored(fields.string, "serviceTier"),
    **ignored(fields.boolean, "store"),
}
