"""GigaChat's models in Ollama's shape. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

from gpt2giga.upstream.contract.models import LATEST, Model

# Programs ask whether it is new enough: this one has Anthropic's API and Responses, as this service has.
VERSION = "0.14.0"
FAMILY = "gigachat"
# GigaChat does not say when a model was made, and its models are always loaded.
EPOCH, NEVER = "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"


def to_list(models: list[Model]) -> dict[str, Any]:
    """Of /api/tags and, since all are loaded, of /api/ps."""
    return {"models": [_listed(model) for model in models if model.kind in ("chat", "embedder")]}


def _listed(model: Model) -> dict[str, Any]:
    """Clients expect a tag. All names of one model have one digest."""
    name = model.id if ":" in model.id else model.id + LATEST
    digest = hashlib.sha256(model.gigachats_id.encode()).hexdigest()
    times = {"modified_at": EPOCH, "expires_at": NEVER}
    sizes = {"size": 0, "size_vram": 0, "context_length": model.facts.window}
    return {"name": name, "model": name, "digest": digest, **times, **sizes, "details": _details(model)}


def to_show(model: Model) -> dict[str, Any]:
    info = {"general.architecture": FAMILY, "general.basename": model.id}  # the name that Copilot shows
    return {
        **dict.fromkeys(("license", "modelfile", "parameters", "template"), ""),
        "details": _details(model),
        "model_info": {**info, f"{FAMILY}.context_length": model.facts.window},
        "capabilities": _capabilities(model),
        "modified_at": EPOCH,
    }


def _details(model: Model) -> dict[str, Any]:
    unknown = dict.fromkeys(("format", "parameter_size", "quantization_level"), "")
    return {"parent_model": model.alias_of, "family": FAMILY, "families": [FAMILY], **unknown}


def _capabilities(model: Model) -> list[str]:
    if model.kind != "chat":
        return ["embedding"]
    vision = ["vision"] if model.facts.images else []
    return ["completion", "tools", *vision, *(["thinking"] if model.facts.reasoning else [])]
