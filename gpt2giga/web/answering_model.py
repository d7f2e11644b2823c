"""Which model has answered, where it need not be the one that was asked for (GPT2GIGA_FALLBACK)."""

from __future__ import annotations

import re

from flask import Response

from gpt2giga.web.exchange import Exchange

MODEL_HEADER = "X-Gpt2giga-Model"
# Clients make names up too.
ACCEPTED_MODEL = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def name_model(exchange: Exchange, response: Response) -> None:
    """Not in a stream that begins before anybody has answered."""
    has_answered = response.status_code < 400 and (exchange.first_ms is not None or not exchange.stream)
    if has_answered and ACCEPTED_MODEL.fullmatch(exchange.answering_model):
        response.headers[MODEL_HEADER] = exchange.answering_model
