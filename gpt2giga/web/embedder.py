"""The one way from texts to their embeddings, for every dialect."""

from __future__ import annotations

from functools import partial

from flask import Response

from gpt2giga.chat import Usage
from gpt2giga.upstream.embeddings import Embedding
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.embedding_store import EmbeddingStore
from gpt2giga.web.exchange import current
from gpt2giga.web.key_models import check_models

# Names the texts, by number, whose embedding is the mean of their parts.
AVERAGED_HEADER = "X-Gpt2giga-Averaged"


class Embedder:
    def __init__(self, get_upstream: GetUpstream, remembered: EmbeddingStore) -> None:
        self._get_upstream, self._remembered = get_upstream, remembered

    def embed(self, texts: list[str], asked: str) -> tuple[list[Embedding], str]:
        """In the order of `texts`, and the model that made them. asked: as the client names it, empty when it names
        none."""
        upstream, exchange = self._get_upstream(), current()
        exchange.model = model = upstream.catalog.embedder(asked)
        check_models(exchange, upstream.catalog, [model])
        ask = partial(upstream.embed, model=model, caller=exchange)
        found = self._remembered.embed(texts, model, exchange.tenant, ask)
        exchange.usage = Usage(prompt=sum(embedding.tokens for embedding in found))
        return found, model


def name_averaged(response: Response, found: list[Embedding]) -> Response:
    if averaged := [str(number) for number, embedding in enumerate(found) if embedding.averaged]:
        response.headers[AVERAGED_HEADER] = ",".join(averaged)
    return response
