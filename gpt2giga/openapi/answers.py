"""The bodies of answers and of the events of streams."""

from __future__ import annotations

from gpt2giga.dialects.openai import batches
from gpt2giga.openapi.gemini_schemas import GEMINIS
from gpt2giga.openapi.ollama_schemas import OLLAMAS
from gpt2giga.openapi.response_answers import ANSWERS_OF_RESPONSES
from gpt2giga.openapi.schema import (
    ANYTHING,
    const,
    COUNT,
    either,
    FLAG,
    list_of,
    made_of,
    MAYBE_TEXT,
    OBJECT,
    one_of,
    or_null,
    page,
    ref,
    Schema,
    TEXT,
    TIME,
)

USED: dict[str, Schema] = {
    **dict.fromkeys(("requests", "errors", "prompt", "completion", "cached"), COUNT),
    "seconds": {"type": "number"},
}
FINISH = or_null({"type": "string", "enum": ["stop", "length", "tool_calls", "function_call", "content_filter"]})
CALLED = made_of({"name": TEXT, "arguments": {**TEXT, "description": "JSON"}})
TOOL_CALL = made_of(
    {"id": TEXT, "type": one_of("function", "custom"), "function": CALLED, "custom": OBJECT, "index": COUNT},
    optional=("function", "custom", "index", "id", "type"),
)
SPOKEN: dict[str, Schema] = {
    "role": const("assistant"),
    "content": MAYBE_TEXT,
    "refusal": MAYBE_TEXT,
    "reasoning_content": MAYBE_TEXT,
    "tool_calls": list_of(TOOL_CALL),
    "function_call": CALLED | {"required": []},
    "annotations": list_of(OBJECT),
}
USAGE = made_of(
    {
        "prompt_tokens": COUNT,
        "completion_tokens": COUNT,
        "total_tokens": COUNT,
        "prompt_tokens_details": OBJECT,
        "completion_tokens_details": OBJECT,
    },
    optional=("completion_tokens", "prompt_tokens_details", "completion_tokens_details"),
)

TIMED: dict[str, Schema] = {
    "id": COUNT,
    "text": TEXT,
    **dict.fromkeys(("start", "end"), {"type": "number", "description": "Seconds"}),
}


def _chat(kind: str, spoken: str, said: Schema, optional: tuple[str, ...]) -> Schema:
    choice = made_of({"index": COUNT, spoken: said, "logprobs": {"type": "null"}, "finish_reason": FINISH})
    return made_of(
        {
            "id": TEXT,
            "object": const(kind),
            "created": TIME,
            "model": TEXT,
            "choices": list_of(choice),
            "usage": or_null(ref("Usage")),
        },
        optional,
    )


COMPLETION_CHOICE = made_of({"text": TEXT, "index": COUNT, "logprobs": {"type": "null"}, "finish_reason": FINISH})
PACKAGE = made_of({"model": TEXT, "left": COUNT, "whole": COUNT, "used_up": or_null({**TEXT, "format": "date"})})
ACCOUNT_PACKAGES = made_of({"account": TEXT, "pays_as_it_goes": FLAG, "packages": list_of(PACKAGE)})
BATCH_MOMENTS = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
BATCH_ERROR = made_of({"code": TEXT, "message": TEXT, "param": MAYBE_TEXT, "line": or_null(COUNT)})
BATCH = made_of(
    {
        "id": TEXT,
        "object": const("batch"),
        "endpoint": one_of(*batches.ENDPOINTS),
        "model": MAYBE_TEXT,
        "errors": or_null(made_of({"object": const("list"), "data": list_of(BATCH_ERROR)})),
        "input_file_id": TEXT,
        "completion_window": const(batches.WINDOW),
        "status": one_of("validating", *BATCH_MOMENTS),
        "output_file_id": MAYBE_TEXT,
        "error_file_id": MAYBE_TEXT,
        "created_at": TIME,
        "expires_at": TIME,
        **{f"{name}_at": or_null(TIME) for name in BATCH_MOMENTS},
        "request_counts": made_of({"total": COUNT, "completed": COUNT, "failed": COUNT}),
        "usage": made_of({"input_tokens": COUNT, "output_tokens": COUNT, "total_tokens": COUNT}),
        "metadata": or_null(OBJECT),
    }
)
ANSWERS: dict[str, Schema] = {
    "Usage": USAGE,
    "ChatCompletion": _chat(
        "chat.completion",
        "message",
        made_of(SPOKEN, optional=tuple(name for name in SPOKEN if name not in ("role", "content"))),
        (),
    ),
    "ChatCompletionChunk": _chat("chat.completion.chunk", "delta", made_of(SPOKEN, tuple(SPOKEN)), ("usage",)),
    "Completion": made_of(
        {
            "id": TEXT,
            "object": const("text_completion"),
            "created": TIME,
            "model": TEXT,
            "choices": list_of(COMPLETION_CHOICE),
            "usage": or_null(ref("Usage")),
        },
        optional=("usage",),
    ),
    "Embeddings": made_of(
        {
            "object": const("list"),
            "data": list_of(
                made_of(
                    {
                        "object": const("embedding"),
                        "index": COUNT,
                        "embedding": either(
                            list_of({"type": "number"}), {**TEXT, "description": "base64 of 32-bit floats"}
                        ),
                    }
                )
            ),
            "model": TEXT,
            "usage": ref("Usage"),
        }
    ),
    "Moderation": made_of(
        {
            "id": TEXT,
            "model": TEXT,
            "results": list_of(
                made_of(
                    {
                        "flagged": FLAG,
                        "categories": {**OBJECT, "additionalProperties": {"const": False}},
                        "category_scores": {**OBJECT, "additionalProperties": {"const": 0}},
                        "category_applied_input_types": {**OBJECT, "additionalProperties": {"type": "array"}},
                    }
                )
            ),
        }
    ),
    "Images": made_of(
        {
            "created": TIME,
            "data": list_of(made_of({"b64_json": {**TEXT, "contentEncoding": "base64"}})),
            "output_format": one_of("png", "jpeg"),
        }
    ),
    "Transcription": made_of(
        {
            "text": TEXT,
            "usage": made_of({"type": one_of("tokens", "duration"), "seconds": {"type": "number"}}, ("seconds",)),
            "task": one_of("transcribe", "translate"),
            "language": TEXT,
            "duration": {"type": "number"},
            "segments": list_of(made_of(TIMED)),
            "words": list_of(made_of({"word": TEXT, "start": {"type": "number"}, "end": {"type": "number"}})),
        },
        optional=("usage", "task", "language", "duration", "segments", "words"),
    ),
    "TranscriptEvent": made_of(
        {"type": one_of("transcript.text.delta", "transcript.text.done"), "delta": TEXT, "text": TEXT, "usage": OBJECT},
        optional=("delta", "text", "usage"),
    ),
    "SpeechEvent": made_of(
        {"type": one_of("speech.audio.delta", "speech.audio.done"), "audio": {**TEXT, "contentEncoding": "base64"}},
        optional=("audio",),
    ),
    "Model": made_of(
        {
            "id": TEXT,
            "object": const("model"),
            "created": TIME,
            "owned_by": TEXT,
            "type": TEXT,
            "context_length": COUNT,
            "max_output_tokens": COUNT,
            "alias_of": TEXT,
        },
        optional=("context_length", "max_output_tokens", "alias_of"),
    ),
    "Models": made_of({"object": const("list"), "data": list_of(ref("Model"))}),
    "AnthropicModel": made_of(
        {
            "type": const("model"),
            "id": TEXT,
            "display_name": TEXT,
            "created_at": TEXT,
            "lifecycle": TEXT,
            "max_input_tokens": COUNT,
            "max_tokens": COUNT,
        }
    ),
    "AnthropicModels": made_of(
        {"data": list_of(ref("AnthropicModel")), "has_more": FLAG, "first_id": MAYBE_TEXT, "last_id": MAYBE_TEXT}
    ),
    "ModelInfo": made_of(
        {"data": list_of(made_of({"model_name": TEXT, "litellm_params": OBJECT, "model_info": OBJECT}))}
    ),
    "File": made_of(
        {
            "id": TEXT,
            "object": const("file"),
            "bytes": COUNT,
            "created_at": TIME,
            "filename": TEXT,
            "purpose": TEXT,
            "status": TEXT,
            "expires_at": TIME,
        },
        optional=("expires_at",),
    ),
    "Files": page(ref("File")),
    "Deleted": made_of(
        {
            "id": TEXT,
            "object": one_of("file", "response", "conversation.deleted"),
            "deleted": const("") | {"const": True},
        }
    ),
    "Batch": BATCH,
    "Batches": page(ref("Batch")),
    **ANSWERS_OF_RESPONSES,
    "Message": made_of(
        {
            "id": TEXT,
            "type": const("message"),
            "role": const("assistant"),
            "model": TEXT,
            "content": list_of(made_of({"type": TEXT})),
            "stop_reason": MAYBE_TEXT,
            "stop_sequence": MAYBE_TEXT,
            "usage": made_of({"input_tokens": COUNT, "output_tokens": COUNT}),
        }
    ),
    "MessageEvent": made_of({"type": TEXT}),
    "CountedTokens": made_of({"input_tokens": COUNT}),
    "Name": made_of({"name": const("gpt2giga")}),
    "Health": made_of({"status": one_of("ok", "ready"), "version": TEXT, "backend": TEXT}),
    "OpenApi": made_of({"openapi": TEXT, "info": OBJECT, "paths": OBJECT}),
    "UsageReport": made_of(
        {
            "days": COUNT,
            "key": MAYBE_TEXT,
            "buckets": list_of(made_of({"at": TIME, **USED})),
            "models": list_of(made_of({"model": TEXT, **USED})),
            "keys": list_of(made_of({"key": TEXT, **USED})),
            "accounts": list_of(made_of({"account": TEXT, **USED})),
            "causes": list_of(made_of({"cause": TEXT, "errors": COUNT})),
        }
    ),
    "PackagesLeft": made_of({"accounts": list_of(ACCOUNT_PACKAGES), "is_asking": FLAG}),
    "Clients": made_of({"model": TEXT, "clients": list_of(OBJECT)}),
    "Facts": made_of({"facts": list_of(made_of({"name": TEXT, "value": ANYTHING, "source": TEXT, "when": {}}))}),
    "OpenClawSettings": OBJECT,
    "Error": made_of({"error": made_of({"message": TEXT, "type": TEXT, "param": MAYBE_TEXT, "code": MAYBE_TEXT})}),
    **OLLAMAS,
    **GEMINIS,
    "AnthropicError": made_of(
        {
            "type": const("error"),
            "error": made_of({"type": TEXT, "message": TEXT, "details": OBJECT}, optional=("details",)),
            "request_id": TEXT,
        }
    ),
}
