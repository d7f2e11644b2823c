"""The page at `/` without a browser: who gets what, and that nothing comes from elsewhere. tests/ui has the browser."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from gpt2giga.commands.snippets import SNIPPETS
from gpt2giga.upstream.contract.facts import NAMES
from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
FOLDER = Path(str(files("gpt2giga") / "ui"))
VENDOR = FOLDER / "vendor"
OURS = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.*")) if path.suffix in (".html", ".css", ".js")}
PAGE = OURS["page.html"]
ASSETS = [*(name for name in OURS if name != "page.html"), "vendor/marked.js", "vendor/dompurify.js"]
SCRIPTS = {name: text for name, text in OURS.items() if name.endswith(".js")}
KINDS = {".css": "text/css", ".js": "text/javascript"}
MOST_LINES = 300
DATA = ("/ui/usage", "/ui/packages", "/ui/clients", "/ui/facts", "/ui/openclaw")
HELLO = {"messages": [{"role": "user", "content": "Привет!"}]}


def test_a_browser_gets_the_page(service: Service) -> None:
    answer = service.get("/", headers=BROWSER)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.text == PAGE
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
    assert policy["img-src"] == "'self' data:"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    again = service.get(path, headers={**BROWSER, "If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304 and again.content == b""


@pytest.mark.parametrize("name", ASSETS)
def test_assets(service: Service, name: str) -> None:
    answer = service.get(f"/ui/{name}")
    assert answer.headers["Content-Type"] == f"{KINDS[Path(name).suffix]}; charset=utf-8"
    assert answer.text == (FOLDER / name).read_text()


@pytest.mark.parametrize("name", OURS)
def test_sizes(name: str) -> None:
    assert OURS[name].count("\n") <= MOST_LINES


def test_modules_import_each_other_by_name() -> None:
    """No build step puts them together, and none is forgotten."""
    imports = {found for text in SCRIPTS.values() for found in re.findall(r'^import .* from "\./(.+)";$', text, re.M)}
    libraries = {f"vendor/{path.name}" for path in VENDOR.glob("*.js")}
    assert imports == {*SCRIPTS, *libraries} - {"page.js"}


def test_no_word_has_two_meanings() -> None:
    """JavaScript takes the last of two that have the same name, and says nothing."""
    for language in re.split(r"^  (?:en|ru): \{$", SCRIPTS["words.js"], flags=re.MULTILINE)[1:]:
        names = re.findall(r'(?:^|[{,\s])"?([a-z_-]+)"?: "', language)
        assert len(names) > 100 and [name for name, count in Counter(names).items() if count > 1] == []


def test_what_the_scripts_say_is_among_the_words() -> None:
    known = set(re.findall(r'(?:^|[{,\s])"?([a-z_-]+)"?: "', SCRIPTS["words.js"]))
    everything = "".join(text for name, text in SCRIPTS.items() if name != "words.js")
    said = {*re.findall(r'(?:tell|act|#wait)\("(\w+)"', everything), *re.findall(r'\[\["?(\w+)"\]\]', everything)}
    said |= set(re.findall(r'say\([^;]*?\["(\w+)"', everything))
    assert len(said) >= 20 and said <= known


def test_libraries_are_as_they_came() -> None:
    """With their licences. `make vendor` brings others."""
    sums = dict(line.split("  ./")[::-1] for line in (VENDOR / "SHA256SUMS").read_text().splitlines())
    assert sums == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.suffix in (".js", ".LICENSE")
    }
    names = [line.split()[0] for line in (VENDOR / "packages.txt").read_text().splitlines() if line[0] != "#"]
    assert set(sums) == {f"{name}.{kind}" for name in names for kind in ("js", "LICENSE")}
    for name in names:
        version = next(
            line.split()[1]
            for line in (VENDOR / "packages.txt").read_text().splitlines()
            if line.startswith(f"{name} ")
        )
        assert version in (VENDOR / f"{name}.js").read_text()[:2000], name


def test_all_files_are_part_of_the_package() -> None:
    [patterns] = re.findall(r"^gpt2giga = \[(.+)\]$", (FOLDER.parent.parent / "pyproject.toml").read_text(), re.M)
    packed = {path for pattern in re.findall(r'"(.+?)"', patterns) for path in FOLDER.parent.glob(pattern)}
    kept = {path for path in FOLDER.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert kept <= packed


@pytest.mark.parametrize(
    "path",
    [
        "/ui/page.html",
        "/ui/views.py",
        "/ui/vendor",
        "/ui/vendor/renew.sh",
        "/ui/..%2ffactory.py",
        "/ui/../factory.py",
        "/ui/",
        "/ui",
    ],
)
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
    for name, source in OURS.items():
        assert {*re.findall(r"https?://[\w./-]+", source)} <= known, name
        assert not re.search(r"""(src|href|url\(|import)\s*[=(]?\s*["']?//""", source), name


def test_no_file_needs_a_weaker_policy() -> None:
    assert not re.search(r"<[^>]+\s(on\w+|style)=", PAGE)
    assert "<style" not in PAGE
    assert re.findall(r"<script[^>]*>", PAGE) == ['<script type="module" src="ui/page.js">']
    for name, source in SCRIPTS.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(", source), name


def test_the_key_is_kept_for_the_session_only() -> None:
    everything = "".join(SCRIPTS.values())
    assert set(re.findall(r"local\.setItem\((.+?),", everything)) == {'"language"', '"chats"'}
    assert set(re.findall(r"session\.setItem\((.+?),", everything)) == {'"key"'}
    assert "document.cookie" not in everything


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
    assert {name for name in NAMES if f"fact_{name}:" in SCRIPTS["words.js"]} == NAMES - {
        "embeddings_batch",
        "result_role",
    }


def test_openclaws_file(guarded: Service) -> None:
    answer = guarded.get("/ui/openclaw", headers={"X-Api-Key": "first-key"})
    provider = answer.json()["models"]["providers"]["gigachat"]
    assert (provider["baseUrl"], provider["apiKey"]) == ("{root}/v1", "{key}")
    assert "GigaChat-2-Max" in [model["id"] for model in provider["models"]]


def used(service: Service, **headers: str) -> dict[str, Any]:
    found = service.get("/ui/usage?days=7&offset=180", headers=headers).json()
    assert [bucket["at"] % 86400 for bucket in found["buckets"]] == [21 * 3600] * len(found["buckets"]), "in Moscow"
    return found


def test_usage(curt: Service, sandbox: SandboxServer) -> None:
    """At once, though it is written to the database only every few seconds."""
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13, "precached_prompt_tokens": 2}

    def total() -> Counter[str]:
        told = used(curt)
        sums = {name: sum(row[name] for row in told["models"]) for name in ("requests", "errors", "completion")}
        return Counter({**sums, **{row["cause"]: row["errors"] for row in told["causes"]}})

    before = total()
    sandbox.state.script({"usage": usage}, {"usage": usage}, {"status": 402})
    curt.post("/v1/chat/completions", HELLO)
    curt.post("/v1/chat/completions", {**HELLO, "stream": True})
    curt.post("/v1/chat/completions", HELLO)
    curt.get("/v1/models")
    assert total() - before == {"requests": 3, "errors": 1, "completion": 6, "insufficient_quota": 1}
    assert "GigaChat-2-Max" in {row["model"] for row in used(curt)["models"]}


@pytest.mark.parametrize("query", ["days=0", "days=32", "days=x", "offset=841", "offset=-841", "days=", "days=1e1"])
def test_a_span_that_makes_no_sense(service: Service, query: str) -> None:
    refused = service.get(f"/ui/usage?{query}")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, query.partition("=")[0])


def test_each_key_sees_its_own_usage(app_with: Callable[..., Flask]) -> None:
    keys = "ann:first-key-of-ann,bob:first-key-of-bob"
    client = app_with(GPT2GIGA_API_KEY=keys, GPT2GIGA_ADMIN_KEY="bob").test_client()
    ann, bob = ({"Authorization": f"Bearer first-key-of-{name}"} for name in ("ann", "bob"))
    for headers in (ann, ann, bob):
        with client.post("/v1/chat/completions", json=HELLO, headers=headers) as answer:  # counted when it is closed
            assert answer.status_code == 200
    seen = client.get("/ui/usage", headers=ann).get_json()
    assert seen["key"] == "ann" and [(row["key"], row["requests"]) for row in seen["keys"]] == [("ann", 2)]
    seen = client.get("/ui/usage", headers=bob).get_json()
    assert seen["key"] is None and {row["key"]: row["requests"] for row in seen["keys"]} == {"ann": 2, "bob": 1}


def test_usage_of_other_peoples_accounts_is_not_told(passing: Service) -> None:
    """Each brings an account of its own, and nothing tells them apart."""
    refused = passing.get("/ui/usage", headers={"Authorization": "Bearer giga-cred-name:secret"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "usage_not_kept")
