"""GigaChat's models in OpenAI's shape. Pure."""

from __future__ import annotations

from typing import Any

from gpt2giga.upstream.contract.models import Model

MODES = {"chat": "chat", "embedder": "embedding"}


def to_list(models: list[Model]) -> dict[str, Any]:
    return {"object": "list", "data": [to_model(model) for model in models]}


def to_model(model: Model) -> dict[str, Any]:
    """`type` and `alias_of` are ours. GigaChat does not say when a model was made: `created` is 0."""
    wire = {"id": model.id, "object": "model", "created": 0, "owned_by": model.owned_by, "type": model.kind}
    if model.kind in MODES:  # OpenRouter's names; opencode, Cline and others size their prompts by them
        wire["context_length"] = model.facts.window
    if model.kind == "chat":
        wire["max_output_tokens"] = model.facts.longest_answer
    return {**wire, "alias_of": model.alias_of} if model.alias_of else wire


def to_model_info(models: list[Model]) -> dict[str, Any]:
    """LiteLLM's list, which Kilo Code and Roo Code read in place of /v1/models."""
    return {"data": [_info(model) for model in models if model.kind in MODES]}


def _info(model: Model) -> dict[str, Any]:
    real, facts, is_chat = model.gigachats_id, model.facts, model.kind == "chat"
    return {
        "model_name": model.id,
        "litellm_params": {"model": f"gigachat/{real}"},
        "model_info": {
            "id": model.id,
            "db_model": False,
            "key": real,
            "mode": MODES[model.kind],
            "litellm_provider": "gigachat",
            "max_tokens": facts.longest_answer if is_chat else facts.window,
            "max_input_tokens": facts.window,
            "max_output_tokens": facts.longest_answer if is_chat else None,
            "supports_function_calling": is_chat,
            "supports_tool_choice": is_chat,
            "supports_response_schema": is_chat,
            "supports_vision": is_chat and facts.images,
            "supports_reasoning": is_chat and facts.reasoning,
        },
    }
