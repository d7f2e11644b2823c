"""The one way from texts to the response with their embeddings, for every dialect that has them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from flask import Response

from gpt2giga.upstream.embeddings import Embedding, normalized
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.body import json_response, name_ignored
from gpt2giga.web.exchange import current
from gpt2giga.web.key_models import check_models
from gpt2giga.web.remembered_embeddings import EmbeddingStore

# Names the texts, by number, whose embedding is the mean of their parts.
AVERAGED_HEADER = "X-Gpt2giga-Averaged"


class Embedder:
    """normalizes: do vectors get unit length, which OpenAI's have? What is remembered stays GigaChat's own."""

    def __init__(self, get_upstream: GetUpstream, remembered: EmbeddingStore, *, normalizes: bool) -> None:
        self._get_upstream, self._remembered, self._normalizes = get_upstream, remembered, normalizes

    def reply(
        self,
        texts: list[str],
        asked_model: str,
        to_whole: Callable[[list[Embedding], str], Any],
        ignored: Collection[str],
    ) -> Response:
        """to_whole: gets the embeddings in the order of the texts, and the model's id. ignored: parameters that change
        nothing."""
        upstream, exchange = self._get_upstream(), current()
        exchange.model = model = upstream.catalog.embedder(asked_model)
        check_models(exchange, upstream.catalog, [model])
        ask = partial(upstream.embed, model=model, caller=exchange)
        found = self._remembered.embed(texts, model, exchange.tenant, ask) if texts else []
        if self._normalizes:
            found = [*normalized(found)]
        answer = json_response(to_whole(found, model))
        averaged = [str(number) for number, embedding in enumerate(found) if embedding.averaged]
        if averaged:
            answer.headers[AVERAGED_HEADER] = ",".join(averaged)
        return name_ignored(answer, ignored)
