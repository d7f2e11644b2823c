"""The bodies of requests: the dialects' tables of parameters, with the types of those that are used."""

from __future__ import annotations

from collections.abc import Mapping

from gpt2giga.config.limits import LimitSettings
from gpt2giga.dialects import parameters
from gpt2giga.dialects.anthropic.parameters import TABLE as MESSAGES
from gpt2giga.dialects.gemini import embeddings as gemini_embeddings
from gpt2giga.dialects.gemini.parameters import TABLE as GENERATE
from gpt2giga.dialects.ollama import parameters as ollama
from gpt2giga.dialects.openai import batches, completions, embeddings, images, moderations, speech
from gpt2giga.dialects.openai.parameters import TABLE as CHAT
from gpt2giga.dialects.openai.request import MOST_CHOICES
from gpt2giga.dialects.parameters import Parameter
from gpt2giga.dialects.responses.conversation_views import MOST_ITEMS
from gpt2giga.dialects.responses.parameters import TABLE as RESPONSES
from gpt2giga.dialects.responses.request import LONGEST_METADATA, LONGEST_METADATA_KEY, MOST_METADATA
from gpt2giga.openapi.chat_schemas import (
    CHOICE,
    CONTENT,
    FORMAT,
    GIGACHATS,
    MESSAGE,
    OF_ALL_CHATS,
    STOPS,
    TOKENS,
    TYPED,
)
from gpt2giga.openapi.gemini_schemas import OF_BATCH, OF_COUNT, OF_EMBED, OF_GENERATE
from gpt2giga.openapi.ollama_schemas import OF_OLLAMA_CHAT, OF_OLLAMA_EMBED, OF_OLLAMA_TEXT
from gpt2giga.openapi.schema import (
    ANYTHING,
    const,
    either,
    FLAG,
    integer,
    list_of,
    made_of,
    NOT_EMPTY,
    number,
    OBJECT,
    of_check,
    one_of,
    or_null,
    Schema,
    TEXT,
)

OF_CHAT: dict[str, Schema] = {
    **OF_ALL_CHATS,
    "messages": list_of(MESSAGE, minItems=1),
    "system": {**CONTENT, "description": "as in Anthropic's API, where Cursor leaves it"},
    "stream_options": {"type": "object", "properties": {"include_usage": or_null(FLAG)}},
    "tools": list_of(OBJECT),
    "tool_choice": CHOICE,
    "parallel_tool_calls": FLAG,
    "functions": list_of(OBJECT),
    "function_call": CHOICE,
    "max_tokens": TOKENS,
    "max_completion_tokens": TOKENS,
    "reasoning_effort": TEXT,
    "response_format": FORMAT,
    "stop": STOPS,
    "n": integer(1, MOST_CHOICES),
    "prompt_cache_key": TEXT,
    "user": TEXT,
    "modalities": const("text") | {"const": ["text"]},
    "web_search_options": OBJECT,
}
METADATA: Schema = {
    "type": "object",
    "propertyNames": {"maxLength": LONGEST_METADATA_KEY},
    "additionalProperties": {**TEXT, "maxLength": LONGEST_METADATA},
    "maxProperties": MOST_METADATA,
}
OF_RESPONSES: dict[str, Schema] = {
    **OF_ALL_CHATS,
    "input": either(TEXT, list_of(OBJECT)),
    "instructions": TEXT,
    "stream_options": OBJECT,
    "tools": list_of(TYPED),
    "tool_choice": CHOICE,
    "parallel_tool_calls": FLAG,
    "max_output_tokens": TOKENS,
    "reasoning": {"type": "object", "properties": {"effort": or_null(TEXT)}},
    "text": {
        "type": "object",
        "properties": {"format": or_null(FORMAT), "verbosity": one_of("low", "medium", "high", None)},
    },
    "store": FLAG,
    "previous_response_id": TEXT,
    "metadata": METADATA,
    "prompt_cache_key": TEXT,
    "safety_identifier": TEXT,
    "user": TEXT,
    "include": list_of(TEXT),
    "background": FLAG,
    "conversation": either(NOT_EMPTY, made_of({"id": NOT_EMPTY})),
    "prompt": {"type": "null"},
}
SAID_EARLIER = ("input", "previous_response_id", "conversation")
OF_CONVERSATION: dict[str, Schema] = {"items": list_of(OBJECT, maxItems=MOST_ITEMS), "metadata": METADATA}
OF_ITEMS: dict[str, Schema] = {"items": list_of(OBJECT, minItems=1, maxItems=MOST_ITEMS), "include": ANYTHING}
OF_MESSAGES: dict[str, Schema] = {
    **OF_ALL_CHATS,
    "temperature": number(0, 1),
    "messages": list_of(MESSAGE, minItems=1),
    "system": CONTENT,
    "max_tokens": TOKENS,
    "stop_sequences": STOPS,
    "tools": list_of(OBJECT),
    "tool_choice": TYPED,
    "thinking": TYPED,
    "output_config": OBJECT,
    "metadata": {"type": "object", "properties": {"user_id": or_null(TEXT)}},
    "cache_control": ANYTHING,
    "output_format": {**OBJECT, "description": "the older name of `output_config.format`"},
    "thread": {"type": "null"},
    "container": either(TEXT, OBJECT),
}
OF_AN_ANSWER = ("max_tokens", "stream")  # which a count of tokens does not look at
OF_COMPLETION: dict[str, Schema] = {
    **OF_ALL_CHATS,
    "prompt": either(NOT_EMPTY, list_of(NOT_EMPTY, minItems=1, maxItems=completions.MOST_PROMPTS)),
    "n": integer(1, MOST_CHOICES),
    "echo": FLAG,
    "stream_options": OF_CHAT["stream_options"],
    "max_tokens": TOKENS,
    "stop": STOPS,
    "suffix": const(""),
}
TOKENS_OF_A_TEXT = list_of({"type": "integer"}, minItems=1)
OF_EMBEDDINGS: dict[str, Schema] = {
    "input": {
        **either(NOT_EMPTY, list_of(either(NOT_EMPTY, TOKENS_OF_A_TEXT), minItems=1), TOKENS_OF_A_TEXT),
        "description": "A text or texts; with `GPT2GIGA_TOKENIZER_FILE` also their tokens of cl100k_base.",
    },
    "model": TEXT,
    "encoding_format": {"type": "string", "enum": [*embeddings.IN_BASE64]},
    "dimensions": {**integer(1, 100_000), "description": "Only as many as the model gives."},
}
OF_MODERATION: dict[str, Schema] = {
    "input": {
        **either(
            NOT_EMPTY,
            list_of(NOT_EMPTY, minItems=1, maxItems=moderations.MOST_INPUTS),
            list_of(made_of({"type": {"const": "text"}, "text": NOT_EMPTY}), minItems=1),
        ),
        "description": "A text, texts, or parts of one text.",
    },
    "model": {**TEXT, "description": "Whatever it is, GigaFilter decides."},
}
OF_IMAGES: dict[str, Schema] = {
    "prompt": NOT_EMPTY,
    "n": integer(1, images.MOST_IMAGES),
    "model": TEXT,
    "response_format": {"type": "string", "enum": ["b64_json"]},
    "stream": {"const": False},
}

OF_SPEECH: dict[str, Schema] = {
    "input": {**NOT_EMPTY, "maxLength": speech.LONGEST_INPUT},
    "voice": {
        **either(TEXT, OBJECT),
        "description": f"A name ({', '.join(speech.VOICES)}), or an object with one as its `id`.",
    },
    "response_format": {"type": "string", "enum": [*speech.FORMATS], "description": "mp3, aac and flac need ffmpeg"},
    "stream_format": {"type": "string", "enum": ["audio", "sse"]},
}
# Nothing else is taken: who makes a mistake here would hear of it tomorrow.
BATCH: Schema = {
    "type": "object",
    "properties": {
        "input_file_id": {**NOT_EMPTY, "description": "Of a file with purpose `batch`"},
        "endpoint": {"type": "string", "enum": [*batches.ENDPOINTS]},
        "completion_window": const(batches.WINDOW),
        "metadata": or_null(OBJECT),
        "output_expires_after": or_null(
            {
                "type": "object",
                "properties": {
                    "anchor": const(batches.ANCHOR),
                    "seconds": integer(batches.LEAST_KEPT, batches.MOST_KEPT),
                },
            }
        ),
    },
    "required": ["input_file_id", "endpoint", "completion_window"],
    "additionalProperties": False,
}


def bodies(limits: LimitSettings) -> dict[str, Schema]:
    counted = {name: parameter for name, parameter in MESSAGES.items() if name not in OF_AN_ANSWER}
    of_counted = {name: schema for name, schema in OF_MESSAGES.items() if name not in OF_AN_ANSWER}
    return {
        "ChatCompletionRequest": _body(CHAT, OF_CHAT, ("messages",), limits),
        "CompletionRequest": _body(completions.TABLE, OF_COMPLETION, ("prompt",), limits),
        "EmbeddingsRequest": _body(embeddings.IGNORED, OF_EMBEDDINGS, ("input",), limits),
        "ModerationRequest": _body({}, OF_MODERATION, ("input",), limits),
        "ImagesRequest": _body(images.IGNORED, OF_IMAGES, ("prompt",), limits),
        "BatchRequest": BATCH,
        "SpeechRequest": _body(speech.IGNORED, OF_SPEECH, ("input",), limits),
        "ResponseRequest": _body(RESPONSES, OF_RESPONSES, (), limits),
        "CompactRequest": _compact(_body(RESPONSES, OF_RESPONSES, ("input",), limits)),
        "ConversationRequest": _closed(_body({}, OF_CONVERSATION, (), limits)),
        "ConversationUpdate": _closed(_body({}, {"metadata": or_null(METADATA)}, ("metadata",), limits)),
        "ItemsRequest": _closed(_body({}, OF_ITEMS, ("items",), limits)),
        "MessageRequest": _body(MESSAGES, OF_MESSAGES, ("messages", "max_tokens"), limits),
        "CountTokensRequest": _body(counted, of_counted, ("messages",), limits),
        "OllamaChatRequest": _folded("options", _body(ollama.CHAT, OF_OLLAMA_CHAT, (), limits)),
        "OllamaGenerateRequest": _folded("options", _body(ollama.GENERATE, OF_OLLAMA_TEXT, (), limits)),
        "OllamaEmbedRequest": _body(
            ollama.EMBED,
            {"input": either(TEXT, list_of(NOT_EMPTY)), "dimensions": OF_EMBEDDINGS["dimensions"], **OF_OLLAMA_EMBED},
            (),
            limits,
        ),
        "OllamaEmbeddingRequest": _body(ollama.EMBED, {"prompt": TEXT, **OF_OLLAMA_EMBED}, (), limits),
        "OllamaModelRequest": _body({}, {"model": TEXT}, (), limits),
        "GenerateContentRequest": _folded(
            "generationConfig", _body(GENERATE, {**OF_GENERATE, **GIGACHATS}, ("contents",), limits)
        ),
        "CountContentTokensRequest": _body({}, OF_COUNT, ("contents",), limits),
        "EmbedContentRequest": _body(gemini_embeddings.IGNORED, OF_EMBED, ("content",), limits),
        "BatchEmbedContentsRequest": _body({}, OF_BATCH, ("requests",), limits),
    }


def _body(
    table: Mapping[str, Parameter], types: Mapping[str, Schema], required: tuple[str, ...], limits: LimitSettings
) -> Schema:
    """What the table does not name is used. Other parameters are ignored, and never sent to GigaChat."""
    properties = {}
    for name in dict.fromkeys((*types, *table)):
        parameter = table.get(name)
        schema = _limited(name, types[name] if name in types else _of(parameter), limits)
        properties[name] = {**(schema if name in required else or_null(schema)), **_described(parameter)}
    return {"type": "object", "properties": properties, **({"required": [*required]} if required else {})}


def _compact(body: Schema) -> Schema:
    """There must be something that was said."""
    return {**body, "required": [], "anyOf": [{"required": [name]} for name in SAID_EARLIER]}


def _closed(body: Schema) -> Schema:
    """Other parameters are refused."""
    return {**body, "additionalProperties": False}


def _folded(holder: str, body: Schema) -> Schema:
    """Parameters that stand in an object of their own: Ollama's options, Gemini's generationConfig."""
    held = {name: schema for name, schema in body["properties"].items() if name.startswith(f"{holder}.")}
    properties = {name: schema for name, schema in body["properties"].items() if name not in held}
    inner = {name.removeprefix(f"{holder}."): schema for name, schema in held.items()}
    properties[holder] = or_null({"type": "object", "properties": inner})
    return {**body, "properties": properties}


def _of(parameter: Parameter | None) -> Schema:
    """Raises KeyError for a parameter whose type nobody has told."""
    return of_check(parameter.check if parameter else parameters.no_check)


def _limited(name: str, schema: Schema, limits: LimitSettings) -> Schema:
    """Lists that the service's own settings limit."""
    most = {"tools": limits.max_tools, "functions": limits.max_tools, "messages": limits.max_messages}
    most |= {"contents": limits.max_messages, "requests": limits.max_messages}
    if name in most:
        return {**schema, "maxItems": most[name]}
    if name != "input" or "anyOf" not in schema:
        return schema
    return {
        **schema,
        "anyOf": [
            {"maxItems": limits.max_messages, **kind} if kind["type"] == "array" else kind for kind in schema["anyOf"]
        ],
    }


def _described(parameter: Parameter | None) -> Schema:
    if parameter is None:
        return {}
    how = f"{parameter.fate}: {parameter.how}" if parameter.how else parameter.fate
    return {"description": how} if parameter.fate != "used" or parameter.how else {}
