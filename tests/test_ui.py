"""The page at `/` without a browser: who gets what, and that nothing comes from elsewhere. tests/ui has the browser."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files

import pytest
from flask import Request

from gpt2giga.chat import Usage
from gpt2giga.commands.snippets import SNIPPETS
from gpt2giga.config.limits import LimitSettings
from gpt2giga.telemetry import last_hour
from gpt2giga.telemetry.last_hour import LastHour
from gpt2giga.upstream.contract.facts import NAMES
from gpt2giga.web.exchange import Exchange, Outcome
from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
ASSETS = {"page.css": "text/css", "page.js": "text/javascript"}
SOURCES = {name: (files("gpt2giga") / "ui" / name).read_text() for name in ("page.html", *ASSETS)}
DATA = ("/ui/activity", "/ui/clients", "/ui/facts", "/ui/openclaw")
HELLO = {"messages": [{"role": "user", "content": "Привет!"}]}


def over(
    method: str = "POST",
    status: int = 200,
    usage: Usage | None = None,
    outcome: Outcome = Outcome.WHOLE,
    cause: str = "",
) -> Exchange:
    made = Exchange("id", method, "/v1/chat/completions", Request({}), LimitSettings())
    made.status, made.usage, made.outcome, made.cause = status, usage, outcome, cause
    return made


def test_a_browser_gets_the_page(service: Service) -> None:
    answer = service.get("/", headers=BROWSER)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.text == SOURCES["page.html"]
    assert "Accept" in answer.headers["Vary"]


@pytest.mark.parametrize("headers", [{"Accept": "*/*"}, {"Accept": "application/json"}, {"Accept": "text/html;q=0"}])
def test_everybody_else_gets_what_was_there_before(service: Service, headers: dict[str, str]) -> None:
    assert service.get("/", headers=headers).json() == {"name": "gpt2giga"}
    assert service.request("HEAD", "/", headers=headers).status_code == 200
    assert service.post("/", headers=BROWSER).status_code == 405


@pytest.mark.parametrize("path", ["/", "/ui/page.css", "/ui/page.js"])
def test_headers(service: Service, path: str) -> None:
    answer = service.get(path, headers=BROWSER)
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    again = service.get(path, headers={**BROWSER, "If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304 and again.content == b""


@pytest.mark.parametrize("name, kind", ASSETS.items())
def test_assets(service: Service, name: str, kind: str) -> None:
    answer = service.get(f"/ui/{name}")
    assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
    assert answer.text == SOURCES[name]


@pytest.mark.parametrize("path", ["/ui/page.html", "/ui/views.py", "/ui/..%2ffactory.py", "/ui/", "/ui"])
def test_nothing_else_is_served(service: Service, path: str) -> None:
    assert service.get(path, headers=BROWSER).status_code == 404


def test_the_page_is_open_and_what_it_asks_for_is_not(guarded: Service, sandbox: SandboxServer) -> None:
    for path in ("/", "/ui/page.css", "/ui/page.js"):
        answer = guarded.get(path, headers=BROWSER)
        assert answer.status_code == 200 and "first-key" not in answer.text + str(answer.headers)
    for path in DATA:
        assert guarded.get(path, headers=BROWSER).status_code == 401
    assert guarded.get("/").status_code == guarded.request("HEAD", "/").status_code == 401
    assert sandbox.state.requests() == []
    for path in DATA:
        answer = guarded.get(path, headers={"Authorization": "Bearer first-key"})
        assert answer.status_code == 200 and "first-key" not in answer.text


def test_off(contrary: Service) -> None:
    assert contrary.get("/", headers=BROWSER).json() == {"name": "gpt2giga"}
    for path in ("/ui/page.css", "/ui/page.js", *DATA):
        assert contrary.get(path).status_code == 404


def test_no_file_names_another_address() -> None:
    known = {"http://www.w3.org/2000/svg"}  # the name of a language, never fetched
    for name, source in SOURCES.items():
        assert {*re.findall(r"https?://[\w./-]+", source)} <= known, name
        assert not re.search(r"""(src|href|url\(|import)\s*[=(]?\s*["']?//""", source), name


def test_no_file_needs_a_weaker_policy() -> None:
    assert not re.search(r"<[^>]+\s(on\w+|style)=", SOURCES["page.html"])
    assert "<style" not in SOURCES["page.html"]
    assert re.findall(r"<script[^>]*>", SOURCES["page.html"]) == ['<script src="ui/page.js" defer>']
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(", SOURCES["page.js"]
    )


def test_the_key_is_kept_for_the_session_only() -> None:
    assert set(re.findall(r'local\.setItem\("(\w+)"', SOURCES["page.js"])) == {"language"}
    assert "document.cookie" not in SOURCES["page.js"]


def test_every_client_of_the_command_is_on_the_page(service: Service) -> None:
    clients = service.get("/ui/clients").json()["clients"]
    told = {client["name"]: client["text"] for client in clients}
    assert set(told) == set(SNIPPETS)
    assert all(client["title"] and set(client["about"]) == {"en", "ru"} for client in clients)
    assert "OPENAI_BASE_URL={base}" in told["openai"] and "{root}" in told["claude-code"]
    assert "{model}" not in str(told) and "{window}" not in str(told)


def test_facts_of_a_model(service: Service, sandbox: SandboxServer) -> None:
    told = {fact.pop("name"): fact for fact in service.get("/ui/facts?model=gigachat-2").json()["facts"]}
    assert set(told) == NAMES
    assert told["window"] == {"value": 261120, "source": "default", "when": 0}
    assert told["schema_keywords"]["value"] == [] and told["images"]["value"] is False
    default = service.get("/ui/facts").json()["facts"]
    assert {"name": "images", "value": True, "source": "default", "when": 0} in default
    # Of an embedder alone; and the role of results is nobody's business but the service's.
    assert {name for name in NAMES if f"fact_{name}:" in SOURCES["page.js"]} == NAMES - {
        "embeddings_batch",
        "result_role",
    }


def test_openclaws_file(guarded: Service) -> None:
    answer = guarded.get("/ui/openclaw", headers={"X-Api-Key": "first-key"})
    provider = answer.json()["models"]["providers"]["gigachat"]
    assert (provider["baseUrl"], provider["apiKey"]) == ("{root}/v1", "{key}")
    assert "GigaChat-2-Max" in [model["id"] for model in provider["models"]]


def counted(service: Service) -> Counter[str]:
    told = service.get("/ui/activity").json()
    assert set(told) == {"now", "since", "worker", "workers", "minutes"} and told["workers"] == 1
    total: Counter[str] = Counter()
    for minute in told["minutes"]:
        total.update({name: minute[name] for name in ("requests", "errors", "completion")})
        total.update(minute["causes"])
    return total


def test_activity(curt: Service, sandbox: SandboxServer) -> None:
    before = counted(curt)
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13, "precached_prompt_tokens": 2}
    sandbox.state.script({"usage": usage}, {"usage": usage}, {"status": 402})
    curt.post("/v1/chat/completions", HELLO)
    curt.post("/v1/chat/completions", {**HELLO, "stream": True})
    curt.post("/v1/chat/completions", HELLO)
    curt.get("/v1/models")
    assert counted(curt) - before == {"requests": 3, "errors": 1, "completion": 6, "insufficient_quota": 1}


def test_activity_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three days of requests with ever new causes, and then an hour of nothing."""
    kept, clock = LastHour(), [1_800_000_000]
    monkeypatch.setattr(last_hour, "_now", lambda: clock[0])
    for _ in range(3 * 24 * 60):
        clock[0] += 60
        kept.add(over(status=500, usage=Usage(2, 1), cause=f"cause-{clock[0]}"))
    told = kept.figures()
    assert len(told["minutes"]) == last_hour.MINUTES
    assert [minute["start"] % 60 for minute in told["minutes"]] == [0] * last_hour.MINUTES
    for number in range(100):
        kept.add(over(status=500, cause=f"cause-{number}"))
    assert len(kept.figures()["minutes"][-1]["causes"]) == last_hour.MOST_CAUSES + 1
    clock[0] += 59 * 60
    assert len(kept.figures()["minutes"]) == 1
    clock[0] += 60
    assert kept.figures()["minutes"] == []


def test_a_clock_that_is_set_back_adds_no_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, clock = LastHour(), [1_800_000_000]
    monkeypatch.setattr(last_hour, "_now", lambda: clock[0])
    kept.add(over())
    clock[0] -= 600
    kept.add(over())
    assert [minute["requests"] for minute in kept.figures()["minutes"]] == [2]


COUNTED = [
    (over(), 1, 0),
    (over("GET", 500, outcome=Outcome.REFUSED, cause="x"), 0, 0),
    (over(status=404, outcome=Outcome.REFUSED), 1, 1),
    (over(outcome=Outcome.CUT, cause="upstream_cut"), 1, 1),  # a stream that broke
    (over(outcome=Outcome.CLIENT_GONE, cause="client_gone"), 1, 0),
    (over(status=499, outcome=Outcome.CLIENT_GONE, cause="client_gone"), 1, 0),
]


@pytest.mark.parametrize("closed, requests, errors", COUNTED)
def test_what_counts(closed: Exchange, requests: int, errors: int) -> None:
    kept = LastHour()
    kept.add(closed)
    minutes = kept.figures()["minutes"]
    assert sum(minute["requests"] for minute in minutes) == requests
    assert sum(minute["errors"] for minute in minutes) == errors
