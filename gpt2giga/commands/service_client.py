"""How the commands ask the running service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import requests

from gpt2giga.commands.command_line import Failure
from gpt2giga.language import _
from gpt2giga.upstream.contract.models import Model

LIST_SECONDS = 30
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def open_session(url: str) -> requests.Session:
    session = requests.Session()
    # Proxies of the environment are for the way out, and many forget to leave this machine out of it.
    session.trust_env = urlsplit(url).hostname not in LOCAL_HOSTS
    return session


def bearer(key: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Also without a key: or else requests looks for one in ~/.netrc."""

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if key:
            request.headers["Authorization"] = f"Bearer {key}"
        return request

    return authorize


def _model(item: dict[str, Any]) -> Model:
    """As the service lists it, with what it knows of the window."""
    model = Model(item["id"], item["owned_by"], item.get("alias_of", ""))
    facts, window = model.facts, item.get("context_length")
    return replace(model, known=replace(facts, window=window)) if isinstance(window, int) else model


def list_models(root: str, key: str) -> list[Model] | None:
    """None when nobody answers there. Raises Failure for an answer that is no list."""
    with open_session(root) as session:
        try:
            response = session.get(f"{root}/v1/models", auth=bearer(key), timeout=LIST_SECONDS)
        except (requests.RequestException, ValueError):
            return None
    try:
        body = response.json()
        if response.status_code == 200:
            return [_model(item) for item in body["data"]]
        explanation = body["error"]["message"]
    except (ValueError, KeyError, TypeError):
        raise Failure(_("{url}: something other than this service answers there", url=root)) from None
    cure = _(" Name its key with --api-key.") if response.status_code == 401 and not key else ""
    raise Failure(_("{url} gives no list of models: {why}", url=root, why=explanation) + cure)
