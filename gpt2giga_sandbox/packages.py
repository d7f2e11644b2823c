"""The packages of tokens that accounts have paid for (contract 2.13, 2.18, 2.19, 3.4.5)."""

from __future__ import annotations

import re
from collections import Counter

from gpt2giga_sandbox.catalog import Model
from gpt2giga_sandbox.refusal import Refusal

# Of each account, where the settings name none: then nothing is ever refused.
FULL = {"GigaChat": 250_000_000, "GigaChat-Ultra": 50_000_000, "GigaChat-Pro": 40_000_000, "GigaChat-Max": 25_000_000}
EMBEDDINGS = {"embeddings": 10_000_000}
USED_UP = dict.fromkeys((*FULL, *EMBEDDINGS), 0)
GENERATION = re.compile(r"^GigaChat-[\d.]+")


class Packages:
    """Not locked: State calls it under its own lock."""

    def __init__(self) -> None:
        self._used: Counter[tuple[str, str]] = Counter()

    def spend(self, account: str, model: Model, tokens: int) -> None:
        self._used[account, package_of(model)] += tokens

    def left(self, account: str, full: dict[str, int] | None) -> dict[str, int]:
        begun = {**FULL, **EMBEDDINGS} if full is None else full
        return {name: max(0, tokens - self._used[account, name]) for name, tokens in begun.items()}

    def check(self, account: str, full: dict[str, int] | None, model: Model) -> None:
        """A package that an account lacks is one that is used up."""
        if full is not None and not self.left(account, full).get(package_of(model)):
            raise Refusal(402, "Payment Required")


def package_of(model: Model) -> str:
    if model.type == "embedder":
        return "embeddings"
    name = GENERATION.sub("GigaChat", model.id.removesuffix("-preview"))
    # Which one pays for the rest is not known.
    return name if name in FULL else "GigaChat"
