"""Whose web pages may call a service that asks for no key. tests/ui tries the same in a browser."""

from __future__ import annotations

import itertools
import socket
from typing import Any

import pytest
import requests

from gpt2giga.config.settings import SettingsError
from gpt2giga.config.variables import parse
from gpt2giga.web.origins import allowed_origins
from gpt2giga_sandbox.server import SandboxServer
from tests import raw
from tests.service import Service
from tests.test_cors import BODY, CHAT, EVIL, preflight, told

BROWSER = {"Accept": "text/html"}
UNSAFE = {
    CHAT: BODY,
    "/chat/completions": {**BODY, "stream": True},
    "/v1/responses": {"input": "Привет!"},
    "/v1/messages": {**BODY, "max_tokens": 9},
    "/v1/embeddings": {"input": "Привет!"},
    "/v1/images/generations": {"prompt": "Кот"},
}
OWN_HOSTS = [
    *("localhost", "LocalHost:8080", "localhost.:8080", "127.0.0.1", "127.1:8080", "0.0.0.0:8080", "192.168.1.5:8080"),
    *("[::1]:8080", "[::1]", "[2001:db8::1]:8080", "[fe80::1%eth0]:8080", "gpt2giga", "my-server:8080"),
    *("host.docker.internal:8080", "Printer.LOCAL", "app.localhost:3000", "gpt2giga.ai.svc.cluster.local", ""),
    socket.gethostname(),
]
STRANGE_HOSTS = [
    *("evil.example", "EVIL.example:8080", "evil.example.", "localhost.evil.example", "127.0.0.1.evil.example"),
    *("evil.example:80:80", "localhost, evil.example", "evillocal.host", "user@evil.example", "local.example:8080"),
    "evil.example#.local.x",
]


def refusal(response: requests.Response) -> dict[str, Any]:
    assert response.status_code == 403 and response.headers["Content-Type"] == "application/json"
    error: dict[str, Any] = response.json()["error"]
    assert error["type"] == "permission_error", "both dialects call it so"
    return error


def check_host_is_refused(response: requests.Response) -> None:
    message = refusal(response)["message"]
    assert "GPT2GIGA_ALLOWED_HOSTS" in message and "GPT2GIGA_API_KEY" in message


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_names_that_no_strangers_dns_answers_for(service: Service, host: str) -> None:
    assert service.get("/v1/models", headers={"Host": host}).status_code == 200


def test_without_a_host(service: Service) -> None:
    """No browser leaves it out; old probes and programs do."""
    with raw.connect(service.port) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.0\r\n\r\n")
        assert raw.answer(connection, "GET").status == 200


@pytest.mark.parametrize("host", STRANGE_HOSTS)
def test_other_names_are_refused(service: Service, sandbox: SandboxServer, host: str) -> None:
    check_host_is_refused(service.get("/v1/models", headers={"Host": host}))
    check_host_is_refused(service.post(CHAT, BODY, headers={"Host": host}))
    assert sandbox.state.requests() == []


PRIVATE = ["/", "/ready", "/v1/files", "/v1/files/a/content", "/v1/responses/resp_1", "/ui/usage", "/ui/clients"]


@pytest.mark.parametrize("path", [*PRIVATE, "/ui/openclaw", "/v1/models/GigaChat-2", "/v1/nothing", "/metrics"])
def test_whatever_a_key_would_guard(service: Service, sandbox: SandboxServer, path: str) -> None:
    """Rebinding read kept conversations and deleted files."""
    for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"):
        assert service.request(method, path, headers={"Host": "evil.example"}).status_code == 403
    assert sandbox.state.requests() == []


def test_the_probe_and_the_page_are_for_everybody(service: Service) -> None:
    headers = {"Host": "evil.example", **BROWSER}
    for path in ("/health", "/v1/health", "/", "/ui/page.js"):
        assert service.get(path, headers=headers).status_code == 200


def test_a_proxy_tells_which_name_it_was_called_by(service: Service) -> None:
    """Apache sends the name in a header of its own, and what we are called here as Host. All of them must be ours."""
    for host in ("evil.example", "localhost, evil.example", "evil.example, localhost"):
        check_host_is_refused(service.get("/v1/models", headers={"X-Forwarded-Host": host}))
    for host in ("localhost", "localhost:3000, gpt2giga"):
        assert service.get("/v1/models", headers={"X-Forwarded-Host": host}).status_code == 200
        check_host_is_refused(service.get("/v1/models", headers={"X-Forwarded-Host": host, "Host": "evil.example"}))


@pytest.mark.parametrize("host", ["ai.example.com", "AI.EXAMPLE.COM.:443", "a.corp.example", "a.b.corp.example:8080"])
def test_names_of_the_settings(lively: Service, host: str) -> None:
    assert lively.get("/v1/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["example.com", "xai.example.com", "ai.example.com.evil.example", "corp.example"])
def test_and_no_others(lively: Service, host: str) -> None:
    check_host_is_refused(lively.get("/v1/models", headers={"Host": host}))


def test_names_that_are_none() -> None:
    assert parse({"GPT2GIGA_ALLOWED_HOSTS": "a.example, *.b.example"}).server.allowed_hosts == (
        "a.example",
        "*.b.example",
    )
    with pytest.raises(SettingsError, match="GPT2GIGA_ALLOWED_HOSTS: 'https://a.example' is not a list of names"):
        parse({"GPT2GIGA_ALLOWED_HOSTS": "https://a.example"})


FOREIGN: list[dict[str, str]] = [
    {"Origin": EVIL},
    {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.localhost.example", "Sec-Fetch-Site": "same-site"},
    {"Origin": "null"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://192.168.1.5:3000", "Host": "192.168.1.5:8080", "Sec-Fetch-Site": "same-site"},
    {"Origin": "https://localhost.evil.example"},
    {"Origin": "https://localhost:3000.evil.example"},
    {"Origin": "app.evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("path", UNSAFE)
def test_what_browsers_send_for_a_page_without_asking(
    service: Service, sandbox: SandboxServer, path: str, headers: dict[str, str]
) -> None:
    response = service.post(path, UNSAFE[path], headers={"Content-Type": "text/plain", **headers})
    assert "GPT2GIGA_CORS_ORIGINS" in refusal(response)["message"]
    assert told(response) == {} and sandbox.state.requests() == []


def test_a_form(service: Service, sandbox: SandboxServer) -> None:
    file = {"file": ("cat.txt", b"meow")}
    response = service.post("/v1/files", files=file, data={"purpose": "assistants"}, headers={"Origin": EVIL})
    assert refusal(response)["code"] == "origin_not_allowed" and sandbox.state.requests() == []


@pytest.mark.parametrize("path", ["/v1/files/a", "/v1/responses/resp_1"])
def test_deleting(service: Service, sandbox: SandboxServer, path: str) -> None:
    refusal(service.request("DELETE", path, headers={"Origin": EVIL}))
    assert sandbox.state.requests() == []


@pytest.mark.parametrize("host", ["localhost", "192.168.1.5:8080"])
def test_the_dialects_own_form_of_the_refusal(service: Service, host: str) -> None:
    body = service.post("/v1/messages", UNSAFE["/v1/messages"], headers={"Origin": EVIL, "Host": host}).json()
    assert body["type"] == "error" and EVIL in body["error"]["message"]
    assert set(service.post(CHAT, BODY, headers={"Origin": EVIL, "Host": host}).json()["error"]) >= {"param", "code"}


SAME: list[dict[str, str]] = [
    {},
    {"Origin": "http://192.168.1.5:8080", "Host": "192.168.1.5:8080"},
    {"Origin": "https://gpt2giga", "Host": "GPT2GIGA", "Sec-Fetch-Site": "same-origin"},
    # nginx without our file tells a Host of its own, Apache adds the name it was called by.
    {"Origin": "https://ai.example.com", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://gpt2giga", "X-Forwarded-Host": "gpt2giga"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", SAME, ids=str)
def test_the_services_own_page_and_programs(service: Service, headers: dict[str, str]) -> None:
    assert service.post(CHAT, BODY, headers=headers).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_looking_changes_nothing_and_a_foreign_page_cannot_read_it(service: Service, site: str) -> None:
    """Links from other pages lead to ours."""
    response = service.get("/v1/models", headers={"Origin": EVIL, "Sec-Fetch-Site": site})
    assert response.status_code == 200 and told(response) == {}


LOCAL = [
    *("http://localhost", "http://localhost:3000", "https://LOCALHOST:5173", "http://127.0.0.1:8000", "http://[::1]:1"),
    *(
        "app://obsidian.md",
        "app://-",
        "file://",
        "tauri://localhost",
        "http://tauri.localhost",
        "vscode-file://vscode-app",
    ),
    *(
        "vscode-webview://055c3ff1-1a17-4df9-abf9-23163632e9db",
        "chrome-extension://abcdefghijklmnop",
        "moz-extension://055c3ff1-1a17-4df9-abf9-23163632e9db",
    ),
]


@pytest.mark.parametrize("origin", LOCAL)
def test_apps_and_pages_of_this_machine_may(service: Service, origin: str) -> None:
    asked = preflight(service, origin)
    assert asked.status_code == 200 and told(asked)["Access-Control-Allow-Origin"] == origin
    for site in ({}, {"Sec-Fetch-Site": "cross-site"}):
        response = service.post(CHAT, BODY, headers={"Origin": origin, **site})
        assert response.status_code == 200 and told(response)["Access-Control-Allow-Origin"] == origin


NAMED = [
    *("https://app.example", "https://app.example/", "http://other.example:3000", "https://a.apps.example"),
    *("https://a.b.apps.example", "capacitor://localhost"),
]


@pytest.mark.parametrize("origin", [*NAMED, LOCAL[1]])
def test_origins_of_the_settings_may(lively: Service, origin: str) -> None:
    assert told(preflight(lively, origin))["Access-Control-Allow-Origin"] == origin
    response = lively.post(CHAT, BODY, headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 200 and told(response)["Access-Control-Allow-Origin"] == origin


UNNAMED = [
    *("http://app.example", "https://app.example:8443", "https://apps.example", "https://evil.example/.apps.example"),
    *("http://other.example", "https://xapps.example", "null"),
]


@pytest.mark.parametrize("origin", UNNAMED)
def test_and_no_other_origins(lively: Service, sandbox: SandboxServer, origin: str) -> None:
    assert told(preflight(lively, origin)) == {}
    refusal(lively.post(CHAT, BODY, headers={"Origin": origin}))
    assert sandbox.state.requests() == []


def test_a_star_in_an_address_is_no_strangers_name() -> None:
    """http://192.168.1.evil.example is a name that anybody can have."""
    for pattern, end in itertools.product(
        ["http://192.168.1.*", "http://192.168.1.*:3000", "http://192.168.*.*"], "/ "
    ):
        is_allowed = allowed_origins((pattern + end.strip(),))
        port = ":3000" if "3000" in pattern else ""
        assert is_allowed(f"http://192.168.1.25{port}")
        assert not is_allowed(f"http://192.168.1.evil.example{port}")
    assert allowed_origins(("https://gpt2giga.example:*",))("https://gpt2giga.example:8443")


@pytest.mark.parametrize("origin", ["null", "app.example", "*.example"])
def test_origins_that_are_none(origin: str) -> None:
    with pytest.raises(SettingsError, match="GPT2GIGA_CORS_ORIGINS: .* is not a list such as https://"):
        parse({"GPT2GIGA_CORS_ORIGINS": f"https://a.example,{origin}"})


def test_with_a_key_the_key_decides(guarded: Service) -> None:
    """No page knows it, and a program may well pass a page's headers on."""
    headers = {
        "Authorization": "Bearer first-key",
        "Origin": EVIL,
        "Host": "evil.example",
        "Sec-Fetch-Site": "cross-site",
    }
    assert guarded.post(CHAT, BODY, headers=headers).status_code == 200
    assert guarded.post(CHAT, BODY, headers={**headers, "Authorization": ""}).status_code == 401
