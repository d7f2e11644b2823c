"""The models the sandbox offers (contract 6.5, 6.6, 6.9, 6.11), with their windows (contract 6.3); those of models
that nobody measured are those of older pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

WINDOW, OLDER_WINDOW = 261_120, 128 * 1024


@dataclass(frozen=True)
class Model:
    """`window` is the context of a chat model or the input limit of an embedder, in tokens."""

    id: str
    version: str = "2.0.28.2"
    type: str = "chat"
    window: int = WINDOW
    generation: int = 2
    vision: bool = False
    dim: int = 0

    @property
    def versioned(self) -> str:
        return f"{self.id}:{self.version}"

    def entry(self) -> dict[str, Any]:
        return {"id": self.id, "object": "model", "owned_by": "salutedevices", "type": self.type}


def _with_previews(*models: Model) -> list[Model]:
    previews = [Model(**{**vars(model), "id": f"{model.id}-preview"}) for model in models]
    return [*models, *previews]


_CHAT = _with_previews(
    Model("GigaChat", window=OLDER_WINDOW),
    Model("GigaChat-2"),
    Model("GigaChat-2-Pro", version="2.0.29.01", vision=True),
    Model("GigaChat-2-Max", version="2.0.30.01", vision=True),
    Model("GigaChat-3-Ultra", version="32.3.18.5", generation=3, vision=True),
    Model("GigaChat-3-Pro", version="32.4.16.3", generation=3, vision=True),
    Model("GigaChat-3-Lightning", version="32.4.16.3", generation=3, vision=True),
    Model("GigaChat-Pro", version="1.0.26.20", generation=1, window=OLDER_WINDOW),
    Model("GigaChat-Max", version="1.0.26.20", generation=1, window=OLDER_WINDOW),
    Model("GigaChat-Plus", version="1.0.26.20", generation=1, window=32768),
)

_OTHERS = [
    Model("GigaFilter", type="filter"),
    Model("GigaCheckClassification", type="aicheck"),
    Model("GigaCheckDetection", type="aicheck"),
    Model("Embeddings", type="embedder", window=514, dim=1024),
    Model("Embeddings-2", type="embedder", window=514, dim=1024),
    Model("EmbeddingsGigaR", type="embedder", window=4096, dim=2560),
    Model("GigaEmbeddings-3B-2025-09", type="embedder", window=4096, dim=2048),
]

MODELS = {model.id: model for model in [*_CHAT, *_OTHERS]}


def find(name: object, type: str | None = None) -> Model | None:
    """The model with this id; `:latest` is accepted as in older examples (contract 6.10)."""
    model = MODELS.get(name.removesuffix(":latest")) if isinstance(name, str) else None
    return model if model and type in (None, model.type) else None


def count_tokens(text: str) -> int:
    """An estimate that needs no tokenizer: three characters a token, rounded up."""
    return -(-len(text) // 3)
