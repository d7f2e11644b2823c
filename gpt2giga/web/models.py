"""GET /v1/models and /v1/models/{id}: one list, in the shape of the dialect whose client asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response

from gpt2giga.upstream.contract.models import Catalog, Model
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.body import json_response
from gpt2giga.web.exchange import current
from gpt2giga.web.key_models import allowed_models, find_model
from gpt2giga.web.signs import Signs


@dataclass(frozen=True, slots=True)
class ModelsForm:
    """How a dialect tells of models. signs: of the clients that are told so. known_name: what a name of theirs means
    here; empty: the default model."""

    to_list: Callable[[list[Model]], Any]
    to_model: Callable[[Model], Any]
    signs: Signs = Signs()
    id_header: str = ""
    known_name: Callable[[str, Catalog], str] | None = None


def blueprint(get_upstream: GetUpstream, forms: Sequence[ModelsForm]) -> Blueprint:
    """The last of the forms is for those that none of the others claims."""
    models = Blueprint("models", __name__)

    def answer(form: ModelsForm, body: Any) -> Response:
        response = json_response(body)
        if form.id_header:
            response.headers[form.id_header] = current().id
        return response

    def spoken() -> ModelsForm:
        return next((form for form in forms if form.signs.are_shown()), forms[-1])

    @models.get("/models")
    def list_models() -> Response:
        form = spoken()
        return answer(form, form.to_list(allowed_models(current(), get_upstream().catalog)))

    @models.get("/models/<path:model_id>")
    def retrieve_model(model_id: str) -> Response:
        form, catalog, asked = spoken(), get_upstream().catalog, model_id.rstrip("/")
        if form.known_name is None:
            shown = find_model(current(), catalog, asked)
        else:
            found = find_model(current(), catalog, form.known_name(asked, catalog) or catalog.resolve(""))
            shown = replace(found, id=asked, alias_of=found.gigachats_id)
        return answer(form, form.to_model(shown))

    return models
