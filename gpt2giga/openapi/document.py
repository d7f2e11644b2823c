"""The document (OpenAPI 3.1): an operation for each method of each route that the application has."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from werkzeug.routing import Map, Rule

from gpt2giga import __version__, errors
from gpt2giga.config.limits import LimitSettings
from gpt2giga.dialects.anthropic.errors import to_status
from gpt2giga.errors import BodyTimeout, ClientGone, MethodNotAllowed, NotSupported, ProxyError
from gpt2giga.openapi.answers import ANSWERS
from gpt2giga.openapi.bodies import bodies
from gpt2giga.openapi.operations import ENDS, Operation, OPERATIONS
from gpt2giga.openapi.schema import COUNT, ref, Schema, TEXT
from gpt2giga.web.sse import EVENTS

V1 = "/v1"
ARGUMENT = re.compile(r"<(?:[^<>:]+:)?(?P<name>\w+)>")
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key of GPT2GIGA_API_KEY or of gpt2giga keys"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same key"},
}
HEADERS: dict[str, Schema] = {
    "X-Request-ID": {"description": "The id of the request in the log", "schema": TEXT, "required": True},
    "X-Gpt2giga-Ignored": {"description": "Parameters of the request that changed nothing", "schema": TEXT},
    "X-Gpt2giga-Averaged": {"description": "Texts, by number, whose embedding is that of parts", "schema": TEXT},
    "X-Gpt2giga-Filtered": {"description": "true: GigaChat's filter gave the answer", "schema": TEXT},
    "X-Gpt2giga-Model": {"description": "The model that has answered, with GPT2GIGA_FALLBACK", "schema": TEXT},
    **{
        f"x-ratelimit-{figure}-{kind}": {"description": f"{words} {kind}; for keys with such a limit", "schema": schema}
        for kind in ("requests", "tokens")
        for figure, words, schema in (
            ("limit", "The key's limit of", COUNT),
            ("remaining", "What is left of it in", COUNT),
            ("reset", "How long until it begins anew, such as 6m0s, of", TEXT),
        )
    },
    "Retry-After": {"description": "Seconds until it makes sense to try again", "schema": COUNT},
}
ERROR_HEADERS = ("X-Request-ID", "Retry-After")
# Errors that no endpoint has of its own: of a wrong method, of a connection.
COMMON = (BodyTimeout, ClientGone, MethodNotAllowed)
# Of an error in the form of each API.
STATUSES: dict[str, Callable[[ProxyError], int]] = {
    "Error": lambda error: error.status,
    "AnthropicError": to_status,
    "OllamaError": lambda error: error.status,
    "GoogleError": lambda error: error.status,
}
Document = dict[str, Any]


def document(routes: Map, limits: LimitSettings, *, asks_for_key: bool) -> Document:
    """Routes that exist below /v1 too are told once, with both servers."""
    rules = [*routes.iter_rules()]
    twins = {rule.rule.removeprefix(V1) for rule in rules if rule.rule.startswith(f"{V1}/")}
    paths: dict[str, Any] = defaultdict(dict)
    for rule in rules:
        if rule.rule.startswith(f"{V1}/"):
            continue
        path = ARGUMENT.sub(r"{\g<name>}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths[path][method.lower()] = _operation(rule, OPERATIONS[rule.endpoint])
        if found := [*_arguments(rule)]:
            paths[path]["parameters"] = found
        if rule.rule not in twins:
            paths[path]["servers"] = [{"url": "."}]
    schemes: list[dict[str, list[str]]] = [{name: []} for name in SCHEMES]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gpt2giga",
            "version": __version__,
            "summary": "GigaChat behind the APIs of OpenAI, Anthropic, Google (Gemini) and Ollama",
            "description": "Parameters that are not named here are accepted and ignored.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": f".{V1}"}, {"url": "."}],
        "security": schemes if asks_for_key else [{}, *schemes],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {**bodies(limits), **ANSWERS},
            "responses": {name: told for form in STATUSES for name, told in _errors(form).items()},
            "headers": HEADERS,
            "securitySchemes": SCHEMES,
        },
    }


def _arguments(rule: Rule) -> Iterator[Schema]:
    for found in ARGUMENT.finditer(rule.rule):
        yield {"name": found["name"], "in": "path", "required": True, "schema": TEXT}


def _operation(rule: Rule, operation: Operation) -> Document:
    told: Document = {"operationId": rule.endpoint, "tags": [operation.tag], "summary": operation.summary}
    if operation.query:
        told["parameters"] = [
            {"name": name, "in": "query", "schema": schema} for name, schema in operation.query.items()
        ]
    if operation.body:
        told["requestBody"] = _content(ref(operation.body), "application/json")
    if operation.form:
        told["requestBody"] = _content(operation.form, "multipart/form-data")
    if operation.is_open:
        told["security"] = []
    statuses = _statuses(operation)
    own = {str(status): {"$ref": f"#/components/responses/{operation.error}{status}"} for status in statuses}
    return {**told, "responses": {"200": _answer(operation), **own}}


def _content(schema: Schema, kind: str) -> Document:
    return {"required": True, "content": {kind: {"schema": schema}}}


def _answer(operation: Operation) -> Document:
    kinds: dict[str, Schema] = {}
    if operation.answer:
        answers = [ref(name) for name in (operation.answer, *operation.other_shapes)]
        kinds["application/json"] = {"schema": answers[0] if len(answers) == 1 else {"anyOf": answers}}
    kinds |= {kind: {"schema": schema} for kind, schema in operation.other.items()}
    words = operation.summary
    if operation.events:
        # OpenAPI 3.1 has no word for what the events hold.
        what = "events whose data" if operation.framing.mimetype == EVENTS else "lines that"
        told = f"With `{operation.asked_by}`: {what} are {operation.events} as JSON, {ENDS[operation.events]}."
        stream = {"schema": {**TEXT, "description": told}, "x-data": ref(operation.events)}
        kinds[operation.framing.mimetype] = stream
    if operation.other_shapes:
        words += "; in the shape of Anthropic's and of Gemini's API for their clients"
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS if name != "Retry-After"}
    return {"description": words, "headers": headers, "content": kinds}


def _statuses(operation: Operation) -> list[int]:
    if operation.is_open:
        return [403, 503]
    own = (
        kind("")
        for kind in _kinds()
        if (operation.asks_gigachat or not kind.__name__.startswith("Upstream"))
        and (operation.may_be_missing or not issubclass(kind, NotSupported))
    )
    return sorted({STATUSES[operation.error](error) for error in own})


def _kinds() -> list[type[ProxyError]]:
    found = (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ProxyError))
    return [kind for kind in found if kind is not ProxyError and kind not in COMMON]


def _errors(form: str) -> Document:
    """By status, with the codes that it may have."""
    codes: dict[int, set[str]] = defaultdict(set)
    for kind in _kinds():
        error = kind("")
        codes[STATUSES[form](error)].add(error.code or error.type)
    headers = {header: {"$ref": f"#/components/headers/{header}"} for header in ERROR_HEADERS}
    return {
        f"{form}{status}": {
            "description": ", ".join(sorted(codes[status])),
            "headers": headers,
            "content": {"application/json": {"schema": ref(form)}},
        }
        for status in sorted(codes)
    }
