"""GigaChat's packages of tokens, and which of them pays for a model (contract 2.18, 2.19). Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from gpt2giga.upstream.contract.models import Model

GENERATION = re.compile(r"(?<=^GigaChat)-\d+(?:\.\d+)?(?=-|$)")
EMBEDDINGS = "embeddings"


@dataclass(frozen=True, slots=True)
class Package:
    """model: its name, as GigaChat tells it. left: tokens."""

    model: str
    left: int


def package_of(model: str, names: Collection[str]) -> str:
    """The one of these packages that pays for the model; empty where that is not known."""
    bare = model.partition(":")[0].removesuffix("-preview")
    wanted = [bare, GENERATION.sub("", bare)]
    if Model(model, "").kind == "embedder":
        wanted.append(EMBEDDINGS)
    by_small_letters = {name.lower(): name for name in names}
    return next((by_small_letters[name.lower()] for name in wanted if name.lower() in by_small_letters), "")
