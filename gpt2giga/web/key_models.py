"""Which models a key may use (`gpt2giga keys add --models`). What it may not, there is not for it."""

from __future__ import annotations

from collections.abc import Iterable

from gpt2giga.errors import NotFound
from gpt2giga.upstream.contract.models import Catalog, Model
from gpt2giga.web.exchange import bare_model, Exchange


def check_models(exchange: Exchange, catalog: Catalog, wanted: Iterable[str]) -> None:
    """wanted: as GigaChat calls them. Raises NotFound, as OpenAI does for a model that is not open to a key."""
    exchange.allowed_models = _allowed(exchange, catalog)
    for model in wanted:
        if not exchange.may_use(model):
            raise NotFound(
                f"The model '{model}' does not exist for the key '{exchange.key_name}': GET /v1/models lists those "
                "that it may use.",
                param="model",
                code="model_not_found",
            )


def find_model(exchange: Exchange, catalog: Catalog, name: str) -> Model:
    """Raises NotFound, also for one that the key may not use."""
    found = catalog.asked_for(name)
    check_models(exchange, catalog, [found.gigachats_id])
    return found


def allowed_models(exchange: Exchange, catalog: Catalog) -> list[Model]:
    """Of all that there are."""
    allowed = _allowed(exchange, catalog)
    return [model for model in catalog.models() if not allowed or bare_model(model.gigachats_id) in allowed]


def _allowed(exchange: Exchange, catalog: Catalog) -> frozenset[str]:
    """Empty: all."""
    key = exchange.stored_key
    return frozenset(bare_model(catalog.named(name)) for name in key.rights.models) if key else frozenset()
