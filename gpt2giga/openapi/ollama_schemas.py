"""The bodies of Ollama's API: what its parameters are, and what it answers, in lines too."""

from __future__ import annotations

from gpt2giga.dialects.fields import INT32
from gpt2giga.openapi.chat_schemas import GIGACHATS, MESSAGE, STOPS
from gpt2giga.openapi.schema import (
    const,
    COUNT,
    either,
    FLAG,
    integer,
    list_of,
    made_of,
    NOT_EMPTY,
    number,
    OBJECT,
    one_of,
    Schema,
    TEXT,
)

OF_OPTIONS: dict[str, Schema] = {
    "options.temperature": number(0, 2),
    "options.top_p": number(0, 1),
    "options.num_predict": integer(-2, INT32),
    "options.stop": STOPS,
    "options.repeat_penalty": number(0, INT32),
}
KEEP_ALIVE = either(TEXT, {"type": "number"})
OF_LINES: dict[str, Schema] = {
    "model": TEXT,
    "stream": FLAG,
    "options": OBJECT,
    "think": either(FLAG, TEXT),
    "format": either(one_of("", "json"), OBJECT),
    "keep_alive": KEEP_ALIVE,
    **GIGACHATS,
    **OF_OPTIONS,
}
OF_OLLAMA_CHAT: dict[str, Schema] = {"messages": list_of(MESSAGE), "tools": list_of(OBJECT), **OF_LINES}
OF_OLLAMA_TEXT: dict[str, Schema] = {
    "prompt": TEXT,
    "system": TEXT,
    "images": list_of(NOT_EMPTY),
    "suffix": const(""),
    **OF_LINES,
}
OF_OLLAMA_EMBED: dict[str, Schema] = {"model": TEXT, "keep_alive": KEEP_ALIVE}


FIGURES = dict.fromkeys(
    ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration", "prompt_eval_count", "eval_count"),
    COUNT,
)
FIGURES_OF_EMBED = dict.fromkeys(("total_duration", "load_duration", "prompt_eval_count"), COUNT)
END: dict[str, Schema] = {"done_reason": TEXT, **FIGURES}
SAID = made_of(
    {"role": const("assistant"), "content": TEXT, "thinking": TEXT, "tool_calls": list_of(OBJECT)},
    optional=("thinking", "tool_calls"),
)


def _line(**said: Schema) -> Schema:
    line = {"model": TEXT, "created_at": TEXT, **said, "done": FLAG, **END}
    return made_of(line, optional=("thinking", *END))


VECTOR = list_of({"type": "number"})
OLLAMAS: dict[str, Schema] = {
    "OllamaError": made_of({"error": TEXT}),
    "OllamaChat": _line(message=SAID),
    "OllamaGenerated": _line(response=TEXT, thinking=TEXT),
    "OllamaEmbeddings": made_of({"model": TEXT, "embeddings": list_of(VECTOR), **FIGURES_OF_EMBED}),
    "OllamaEmbedding": made_of({"embedding": VECTOR}),
    "OllamaModels": made_of({"models": list_of(made_of({"name": TEXT, "model": TEXT, "digest": TEXT, "size": COUNT}))}),
    "OllamaModel": made_of({"details": OBJECT, "model_info": OBJECT, "capabilities": list_of(TEXT)}),
    "OllamaStatus": made_of({"status": const("success")}),
    "OllamaVersion": made_of({"version": TEXT}),
}
