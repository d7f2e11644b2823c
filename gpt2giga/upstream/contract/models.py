"""GigaChat's models: the live list, kept for a while, and the names that clients use for them."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gpt2giga.config.settings import TranslationSettings
from gpt2giga.errors import NotFound

KEEP_SECONDS = 300.0
# The user's guide and Sber's price list say "2 Lite"; the service knows the model as GigaChat-2 (contract 6.2).
BUILT_IN_ALIASES = {"GigaChat-2-Lite": "GigaChat-2"}

Kind = Literal["chat", "embedder", "filter", "aicheck"]
# The SDK drops the list's `type` field (contract 2.7), but the ids tell.
KINDS: tuple[tuple[str, Kind], ...] = (
    ("Embeddings", "embedder"),
    ("GigaEmbeddings", "embedder"),
    ("GigaFilter", "filter"),
    ("GigaCheck", "aicheck"),
)
WINDOW_TOKENS = (("GigaChat-3-Pro", 262144), ("GigaChat-Plus", 32768))
# Contract 6.4.
LONGEST_ANSWER_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class Model:
    """`alias_of` is the id GigaChat knows, when `id` is only a name of ours for it."""

    id: str
    owned_by: str
    alias_of: str = ""

    @property
    def kind(self) -> Kind:
        name = self.alias_of or self.id
        return next((kind for prefix, kind in KINDS if name.startswith(prefix)), "chat")


class Catalog:
    """`fetch` asks GigaChat for its list; the answer is kept for five minutes."""

    def __init__(self, default: str, translation: TranslationSettings, fetch: Callable[[], list[Model]]) -> None:
        self._default, self._translation = default, translation
        self._fetch = fetch
        self._aliases = {**BUILT_IN_ALIASES, **dict(translation.model_aliases)}
        self._models: list[Model] = []
        self._fresh_until = 0.0

    def models(self) -> list[Model]:
        """The live list and after it the aliases of its models."""
        # Not locked: two who ask at once do no harm, but in a line behind a dead GigaChat each would wait its time out.
        if time.monotonic() >= self._fresh_until:
            self._models = self._fetch()
            self._fresh_until = time.monotonic() + KEEP_SECONDS
        live = self._models
        owners = {model.id: model.owned_by for model in live}
        aliases = [
            Model(alias, owners[target], alias_of=target)
            for alias, target in self._aliases.items()
            if alias not in owners and target in owners
        ]
        return live + aliases

    def model(self, model_id: str) -> Model:
        """Raises NotFound, naming the closest id."""
        models = self.models()
        for model in models:
            if model.id == model_id:
                return model
        raise not_found(model_id, models)

    def embedder(self, asked: str) -> str:
        """The id of the embedding model; other vendors' ones (text-embedding-3-small) mean our default."""
        model = self._aliases.get(asked, asked)
        return model if Model(model, "").kind == "embedder" else self._translation.embeddings

    def resolve(self, asked: str) -> str:
        """The id to send to GigaChat for the name a client used."""
        if not asked or not self._translation.pass_model:
            asked = self._default
        return self._aliases.get(asked, asked)


def takes_images(model_id: str) -> bool:
    """Contract 3.3.6: GigaChat-2-Pro, GigaChat-2-Max and GigaChat-3."""
    return model_id.startswith(("GigaChat-2-Pro", "GigaChat-2-Max", "GigaChat-3"))


def window(model_id: str) -> int:
    """Tokens of question and answer together, which the list does not tell (contract 6.1). These are figures of older
    pages, most of them lower than those of contract 6.3. Unknown models: the usual."""
    return next((tokens for prefix, tokens in WINDOW_TOKENS if model_id.startswith(prefix)), 131072)


def thinks(model_id: str) -> bool:
    """May answers come with reasoning? A guess: which models give theirs is not known (contract 10.11)."""
    return model_id.startswith("GigaChat-3")


def not_found(model_id: str, models: list[Model]) -> NotFound:
    close = difflib.get_close_matches(model_id, [model.id for model in models], n=1, cutoff=0.4)
    hint = f" The closest one is {close[0]}." if close else ""
    return NotFound(
        f"The model '{model_id}' does not exist.{hint} GET /v1/models lists all.", param="model", code="model_not_found"
    )
