"""GigaChat's models: the live list, kept for a while, and the names that clients use for them."""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from gpt2giga.config.settings import TranslationSettings
from gpt2giga.errors import NotFound
from gpt2giga.language import _
from gpt2giga.upstream.contract.facts import default_facts, Facts

# What a name means without it too. Programs that have names from Ollama's API use them at /v1 (Visual Studio Code).
LATEST = ":latest"
KEEP_SECONDS = 300.0
# The user's guide and Sber's price list say "2 Lite"; the service knows the model as GigaChat-2 (contract 6.2).
BUILT_IN_ALIASES = {"GigaChat-2-Lite": "GigaChat-2"}
# Contract 6.5, 6.6, 6.7, 6.11. How they are written, before the live list was ever asked for.
KNOWN_IDS = (
    "GigaChat",
    "GigaChat-2",
    "GigaChat-2-Pro",
    "GigaChat-2-Max",
    "GigaChat-2-Reasoning",
    "GigaChat-3-Lightning",
    "GigaChat-3-Pro",
    "GigaChat-3-Ultra",
    "GigaChat-3.5-Ultra",
    "GigaChat-3.5-Ultra-Reasoning",
    "GigaChat-Pro",
    "GigaChat-Max",
    "GigaChat-Plus",
    "Embeddings",
    "Embeddings-2",
    "EmbeddingsGigaR",
    "GigaEmbeddings-3B-2025-09",
)
# LiteLLM and the gateways that are made like it write a vendor before the name.
VENDORS = re.compile(r"^((gigachat|openai|sber)/)+", re.IGNORECASE)
# Characters. Nobody's are so long, and to look for a close one takes the more the longer they are.
LONGEST_NAME = 1000
# Names that only GigaChat's models have, whether there is such a one or not.
OWN_NAME = re.compile(r"embeddings|.*giga", re.IGNORECASE)

Kind = Literal["chat", "embedder", "filter", "aicheck"]
# The SDK drops the list's `type` field (contract 2.7), but the ids tell.
KINDS: tuple[tuple[str, Kind], ...] = (
    ("Embeddings", "embedder"),
    ("GigaEmbeddings", "embedder"),
    ("GigaFilter", "filter"),
    ("GigaCheck", "aicheck"),
)


@dataclass(frozen=True, slots=True)
class Model:
    """`alias_of` is the id GigaChat knows, when `id` is only a name of ours for it. known: what is believed of it,
    where that is more than the defaults."""

    id: str
    owned_by: str
    alias_of: str = ""
    known: Facts | None = None

    @property
    def gigachats_id(self) -> str:
        return self.alias_of or self.id

    @property
    def facts(self) -> Facts:
        return self.known or default_facts(self.gigachats_id)

    @property
    def kind(self) -> Kind:
        return next((kind for prefix, kind in KINDS if self.gigachats_id.startswith(prefix)), "chat")


class Catalog:
    """`fetch` asks GigaChat for its list; the answer is kept for five minutes. facts: of a model, by its id."""

    def __init__(
        self,
        default: str,
        translation: TranslationSettings,
        fetch: Callable[[], list[Model]],
        facts: Callable[[str], Facts] = default_facts,
    ) -> None:
        self._translation = translation
        self._fetch, self._facts = fetch, facts
        self._models: list[Model] = []
        self._fresh_until = 0.0
        # In small letters; aliases win over ids.
        self._ids = _by_small_letters((default, translation.embeddings, *KNOWN_IDS))
        self._targets: dict[str, str] = {}
        self._aliases = {
            alias: self._id(target) for alias, target in (*BUILT_IN_ALIASES.items(), *translation.model_aliases)
        }
        self._targets = {without_tag(alias).lower(): target for alias, target in self._aliases.items()}
        self._default = self._id(default)

    def models(self) -> list[Model]:
        """The live list and after it the aliases of its models."""
        # Not locked: two who ask at once do no harm, but in a line behind a dead GigaChat each would wait its time out.
        if time.monotonic() >= self._fresh_until:
            self._models = self._fetch()
            self._fresh_until = time.monotonic() + KEEP_SECONDS
            self._ids |= _by_small_letters(model.id for model in self._models)
        live = self._models
        owners = {model.id: model.owned_by for model in live}
        aliases = [
            Model(alias, owners[target], alias_of=target)
            for alias, target in self._aliases.items()
            if alias not in owners and target in owners
        ]
        return [replace(model, known=self._facts(model.gigachats_id)) for model in live + aliases]

    def model(self, model_id: str) -> Model:
        """Raises NotFound, naming the closest id."""
        models = self.models()
        known = {without_tag(model.id): model for model in models}
        found = known.get(without_tag(model_id)) or known.get(self._id(model_id))
        if found is None:
            raise not_found(model_id, models)
        return found

    def asked_for(self, name: str) -> Model:
        """As a client may ask for it: any name of an embedder means ours, and where all requests go to the default
        model, any other name is an alias of that. Raises NotFound."""
        try:
            return self.model(name)
        except NotFound:
            answering = (self.embedder if names_embedder(name) else self.resolve)(name)
            if answering == self._id(name):
                raise
            return replace(self.model(answering), id=name, alias_of=answering)

    def embedder(self, asked: str) -> str:
        """The id of the embedding model; other vendors' ones (text-embedding-3-small) mean our default.

        GigaChat itself says whether there is a model of a name like its own: an index of another model's vectors
        under that name would be of no use later.
        """
        model = self._id(asked)
        is_own = OWN_NAME.match(model) and names_embedder(model)
        return model if is_own else self._id(self._translation.embeddings)

    def resolve(self, asked: str) -> str:
        """The id to send to GigaChat for the name a client used."""
        return self._id(asked) if asked and self._translation.pass_model else self._default

    def named(self, name: str) -> str:
        """The id that a name means, whatever requests that use it are sent to."""
        return self._id(name)

    def _id(self, name: str) -> str:
        """GigaChat's id for a name in letters of any case and behind any vendor. Others stay as they are, but for
        the vendors that mean GigaChat. Raises NotFound."""
        if len(name) > LONGEST_NAME:
            raise _none_has(_("The name of the model has {length} characters; none is so long.", length=len(name)))
        for word, release in spellings(name):
            if found := self._targets.get(word) or self._ids.get(word):
                return found + release
        return VENDORS.sub("", without_tag(name))


def spellings(name: str) -> tuple[tuple[str, str], ...]:
    """What a name may be known as, in small letters and the surest first, each with the release that is not in it."""
    name = without_tag(name)
    bare = name.rpartition("/")[2]
    stem, colon, release = bare.partition(":")
    # Contract 6.10. What others write there (llama3.2:3b, nomic-embed-text:v1.5) says nothing of GigaChat's models.
    release = colon + release if OWN_NAME.match(stem) else ""
    return (name.lower(), ""), (bare.lower(), ""), (stem.lower(), release)


def names_embedder(name: str) -> bool:
    """All that GigaChat has, and most that others have."""
    return "embed" in name.lower()


def without_tag(name: str) -> str:
    return name[: -len(LATEST)] if name.lower().endswith(LATEST) else name


def _by_small_letters(ids: Iterable[str]) -> dict[str, str]:
    return {model_id.lower(): model_id for model_id in ids}


def not_found(model_id: str, models: list[Model]) -> NotFound:
    """GigaChat answers 404 for models of its own list too (contract 6.5)."""
    listed = {model.id: model.kind for model in models}
    if kind := listed.get(model_id):
        words = _(
            "The model '{model_id}' is listed, but not open to this account or host (GIGACHAT_BASE_URL)",
            model_id=model_id,
        )
        words += "." if kind == "chat" else _(", or not for this: its type is {kind}.", kind=kind)
    elif OWN_NAME.match(model_id):
        close = difflib.get_close_matches(model_id, listed, n=1, cutoff=0.4)
        hint = _(" The closest one is {close}.", close=close[0]) if close else ""
        words = _(
            "The model '{model_id}' does not exist.{hint} GET /v1/models lists all.", model_id=model_id, hint=hint
        )
    else:
        words = _(
            "The model '{model_id}' is none of GigaChat's, which GET /v1/models lists. "
            "GPT2GIGA_MODEL_ALIASES can give the name a meaning, and GPT2GIGA_PASS_MODEL=False sends "
            "every request to GIGACHAT_MODEL.",
            model_id=model_id,
        )
    return _none_has(words)


def _none_has(words: str) -> NotFound:
    return NotFound(words, param="model", code="model_not_found")
