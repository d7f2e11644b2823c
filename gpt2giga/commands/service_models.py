"""The models that a running service offers."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests

from gpt2giga.commands.verbs import Failure
from gpt2giga.upstream.contract.models import Model

SECONDS = 30
LOCAL = ("127.0.0.1", "localhost", "::1")


def from_service(root: str, key: str) -> list[Model] | None:
    """None when nobody answers there. Raises Failure for an answer that is no list."""
    with requests.Session() as session:
        session.trust_env = urlsplit(root).hostname not in LOCAL
        try:
            response = session.get(f"{root}/v1/models", headers=_headers(key), timeout=SECONDS)
        except (requests.RequestException, ValueError):
            return None
    try:
        body = response.json()
        if response.status_code == 200:
            return [Model(item["id"], item["owned_by"], item.get("alias_of", "")) for item in body["data"]]
        said = body["error"]["message"]
    except (ValueError, KeyError, TypeError):
        raise Failure(f"{root}: something else than this service answers there") from None
    raise Failure(f"{root} gives no list of models: {said}")


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}
