"""Names of models that may be counted under. Clients make up names, and each would be one more to keep for ever."""

from __future__ import annotations

from gpt2giga.config.settings import TranslationSettings
from gpt2giga.upstream.contract.models import BUILT_IN_ALIASES, LATEST
from gpt2giga.upstream.listener import Listener

# GigaChat has about twenty models; a stand-in for it might accept any name.
MOST_MODELS = 100
OTHER = "other"


class KnownModels(Listener):
    """Configured ones, aliases, and those that GigaChat has answered for."""

    def __init__(self, model: str, translation: TranslationSettings) -> None:
        aliases = {**BUILT_IN_ALIASES, **dict(translation.model_aliases)}
        self._targets = {alias.lower(): target for alias, target in aliases.items()}
        self._only = "" if translation.pass_model else model
        fallback = [name for chain in translation.fallback for name in chain.split(">")]
        self.names = {model, translation.embeddings, *aliases, *aliases.values(), *fallback}
        self._most = len(self.names) + MOST_MODELS

    def on_model_known(self, model: str) -> None:
        if model and len(self.names) < self._most:
            self.names.add(model)

    def name(self, asked: str) -> str:
        """Empty where no model is asked."""
        asked = asked.removesuffix(LATEST)
        return asked if not asked or asked in self.names else OTHER

    def answering(self, asked: str) -> str:
        """The model that a request for this one was answered by, as GigaChat calls it."""
        if self._only and asked:
            return self._only
        asked = asked.removesuffix(LATEST)
        found = self._targets.get(asked.lower(), asked)
        return found if found in self.names or not found else OTHER
