"""The bodies of Ollama's answers and of the lines of its streams."""

from __future__ import annotations

from gpt2giga.openapi.schema import const, COUNT, FLAG, list_of, made_of, OBJECT, Schema, TEXT

FIGURES = dict.fromkeys(
    ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration", "prompt_eval_count", "eval_count"),
    COUNT,
)
END: dict[str, Schema] = {"done_reason": TEXT, **FIGURES}
MESSAGE = made_of(
    {"role": const("assistant"), "content": TEXT, "thinking": TEXT, "tool_calls": list_of(OBJECT)},
    optional=("thinking", "tool_calls"),
)


def _line(**said: Schema) -> Schema:
    line = {"model": TEXT, "created_at": TEXT, **said, "done": FLAG, **END}
    return made_of(line, optional=("thinking", *END))


VECTOR = list_of({"type": "number"})
OLLAMAS: dict[str, Schema] = {
    "OllamaError": made_of({"error": TEXT}),
    "OllamaChat": _line(message=MESSAGE),
    "OllamaGenerated": _line(response=TEXT, thinking=TEXT),
    "OllamaEmbeddings": made_of({"model": TEXT, "embeddings": list_of(VECTOR), "prompt_eval_count": COUNT}),
    "OllamaEmbedding": made_of({"embedding": VECTOR}),
    "OllamaModels": made_of({"models": list_of(made_of({"name": TEXT, "model": TEXT, "digest": TEXT, "size": COUNT}))}),
    "OllamaModel": made_of({"details": OBJECT, "model_info": OBJECT, "capabilities": list_of(TEXT)}),
    "OllamaStatus": made_of({"status": const("success")}),
    "OllamaVersion": made_of({"version": TEXT}),
}
