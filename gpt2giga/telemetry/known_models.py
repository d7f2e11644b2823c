"""Names of models that may be counted under. Clients make up names, and each would be one more to keep for ever."""

from __future__ import annotations

from gpt2giga.config.settings import TranslationSettings
from gpt2giga.upstream.contract.models import BUILT_IN_ALIASES, spellings, without_tag
from gpt2giga.upstream.listener import Listener

# GigaChat has about twenty models; a stand-in for it might accept any name.
MOST_MODELS = 100
OTHER = "other"


class KnownModels(Listener):
    """Configured ones, aliases, and those that GigaChat has answered for. Each counts under one name, however the
    client writes it.

    names: what a name counts under, as it is written and in small letters.
    """

    def __init__(self, model: str, translation: TranslationSettings) -> None:
        aliases = {**BUILT_IN_ALIASES, **dict(translation.model_aliases)}
        self._targets = {_key(alias): target for alias, target in aliases.items()}
        self._only = "" if translation.pass_model else model
        fallback = [name for chain in translation.fallback for name in chain.split(">")]
        self.names: dict[str, str] = {}
        for name in (model, translation.embeddings, *aliases, *aliases.values(), *fallback):
            self.names[name] = self.names.setdefault(_key(name), _bare(name))
        self._most = len(self.names) + 2 * MOST_MODELS

    def on_model_known(self, model: str) -> None:
        """GigaChat's own way to write it is the one that counts; its releases count under it."""
        model = _bare(model)
        if model and self.names.get(model) != model and len(self.names) < self._most:
            former = self.names.get(_key(model))
            written = [name for name, counted in self.names.items() if counted == former]
            self.names |= dict.fromkeys((*written, _key(model), model), model)

    def name(self, asked: str) -> str:
        """Empty where no model is asked."""
        for word, _ in spellings(asked):
            if known := self.names.get(word):
                return known
        return OTHER if asked else ""

    def answering(self, asked: str) -> str:
        """The model that a request for this one was answered by, as GigaChat calls it."""
        if self._only and asked:
            return self._only
        known = self.name(asked)
        return self.name(self._targets.get(_key(known), known))


def _bare(name: str) -> str:
    """Without a tag, and without a release of GigaChat's."""
    *_, (_, release) = spellings(name)
    return without_tag(name).removesuffix(release)


def _key(name: str) -> str:
    return _bare(name).lower()
