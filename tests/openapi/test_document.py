"""GET /openapi.json: valid, about the routes that there are, and true."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.openapi.described import operations


def test_it_is_valid(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1")


def test_every_schema_is_used(document: dict[str, Any]) -> None:
    assert {
        name
        for name in document["components"]["schemas"]
        if f'#/components/schemas/{name}"' not in json.dumps(document)
    } == set()


def as_path(rule: str) -> str:
    return re.sub("<(?:[^<>]*:)?([^<>]*)>", r"{\1}", rule)


def test_every_route_and_no_other(app: Flask, document: dict[str, Any]) -> None:
    """With each server that a path has."""
    told = {
        f"{method.upper()} {server['url'].removeprefix('.')}{path}"
        for path, item in document["paths"].items()
        for method in item.keys() - {"servers", "parameters"}
        for server in item.get("servers", document["servers"])
    }
    routes = {
        f"{method} {as_path(rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert told == routes


def test_without_the_page_and_metrics(app_with: Callable[..., Flask]) -> None:
    document = app_with(GPT2GIGA_UI="False").test_client().get("/openapi.json").get_json()
    OpenAPIV31SpecValidator(document).validate()
    assert [path for path in document["paths"] if path.startswith(("/ui", "/metrics"))] == []


def test_it_is_open_and_says_what_is_not(app_with: Callable[..., Flask]) -> None:
    client = app_with(GPT2GIGA_API_KEY="key").test_client()
    document = client.get("/openapi.json").get_json()
    assert document["security"] == [{"bearer": []}, {"x-api-key": []}]
    for path, method, told in operations(document):
        if method == "get" and "{" not in path:
            is_open = client.get(path).status_code != 401
            assert is_open is (told.get("security") == []), path
    assert client.get("/models", headers={"x-api-key": "key"}).status_code == 200


def test_without_a_key_none_is_wanted(document: dict[str, Any]) -> None:
    assert {} in document["security"]


def test_it_is_made_once_and_not_before_it_is_asked_for(app: Flask) -> None:
    script = "import sys, gpt2giga.factory; assert 'gpt2giga.openapi.document' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    first, second = (app.test_client().get("/openapi.json").data for _ in range(2))
    assert first == second


def test_the_page_links_to_it(client: FlaskClient) -> None:
    page = client.get("/", headers={"Accept": "text/html"}).text
    assert 'href="openapi.json"' in page
