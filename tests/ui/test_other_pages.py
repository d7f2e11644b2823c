"""Pages of other origins in the browser of somebody whose service asks for no key. `evil.example` is this machine, as
it would be after DNS rebinding."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service

CHAT = "/v1/chat/completions"
BODY = '{"messages": [{"role": "user", "content": "Привет!"}]}'
# What the SDKs for browsers send, and what makes a browser ask first.
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer any", "X-Stainless-Lang": "js"}
FETCH = """
const [url, options, done] = arguments;
fetch(url, options).then(async (got) => done([got.type, got.status, await got.text()]), (e) => done(["refused"]));
"""
FRAME = """
const [url, body, done] = arguments, frame = document.createElement("iframe");
frame.sandbox = "allow-scripts";
frame.srcdoc = `<script>fetch(${JSON.stringify(url)}, {method: "POST", mode: "no-cors", body: ${JSON.stringify(body)}})
    .then(() => parent.postMessage("sent", "*"), () => parent.postMessage("refused", "*"))</script>`;
addEventListener("message", (event) => done(event.data));
document.body.append(frame);
"""
FORM = """
const form = document.createElement("form"), file = document.createElement("input"), files = new DataTransfer();
Object.assign(form, {method: "POST", enctype: "multipart/form-data", action: arguments[0]});
Object.assign(file, {type: "file", name: "file"});
files.items.add(new File(["meow"], "cat.txt", {type: "text/plain"}));
file.files = files.files;
form.innerHTML = '<input name="purpose" value="assistants">';
form.append(file);
document.body.append(form);
form.submit();
"""


class PlainPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<body>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def pages_port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), PlainPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def visit(chromium: webdriver.Chrome) -> Iterator[Callable[[str], Callable[..., Any]]]:
    """visit("http://...") gives a function that runs a script in that page."""

    def visit(url: str) -> Callable[..., Any]:
        chromium.get(url)
        return chromium.execute_async_script

    chromium.switch_to.new_window("tab")
    yield visit
    chromium.close()
    chromium.switch_to.window(chromium.window_handles[0])


@pytest.fixture
def evil(visit: Callable[[str], Callable[..., Any]], pages_port: int) -> Callable[..., Any]:
    return visit(f"http://evil.example:{pages_port}")


def test_a_foreign_page_spends_nothing(evil: Callable[..., Any], service: Service, sandbox: SandboxServer) -> None:
    """Both go out without a preflight, and the page need not read the answer."""
    sent = {"method": "POST", "mode": "no-cors", "body": BODY}
    assert evil(FETCH, service.url + CHAT, sent)[0] == "opaque"
    assert evil(FRAME, service.url + CHAT, BODY) == "sent", "a sandboxed frame's origin is null"
    assert service.log.read_text().count("status=403") == 2 and sandbox.state.requests() == []


@pytest.mark.parametrize("method, path", [("POST", CHAT), ("GET", "/v1/models"), ("DELETE", "/v1/files/a")])
def test_a_foreign_page_reads_and_deletes_nothing(
    evil: Callable[..., Any], service: Service, sandbox: SandboxServer, method: str, path: str
) -> None:
    body = {"body": BODY} if method == "POST" else {}
    assert evil(FETCH, service.url + path, {"method": method, "headers": HEADERS, **body}) == ["refused"]
    assert sandbox.state.requests() == []


def test_a_foreign_form_uploads_nothing(
    chromium: webdriver.Chrome, evil: Callable[..., Any], service: Service, sandbox: SandboxServer
) -> None:
    chromium.execute_script(FORM, f"{service.url}/v1/files")
    WebDriverWait(chromium, 10).until(lambda browser: browser.current_url == f"{service.url}/v1/files")
    assert "GPT2GIGA_CORS_ORIGINS" in chromium.page_source
    assert sandbox.state.requests() == []


@pytest.mark.parametrize("method, path", [("POST", CHAT), ("GET", "/v1/models"), ("GET", "/ui/usage")])
def test_rebinding(
    visit: Callable[[str], Callable[..., Any]], service: Service, sandbox: SandboxServer, method: str, path: str
) -> None:
    """The browser takes the service for the page's own."""
    run = visit(f"http://evil.example:{service.port}/health")
    kind, status, text = run(FETCH, path, {"method": method, "body": BODY if method == "POST" else None})
    assert (kind, status) == ("basic", 403) and "GPT2GIGA_ALLOWED_HOSTS" in text
    assert sandbox.state.requests() == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_local_page_may(
    visit: Callable[[str], Callable[..., Any]], pages_port: int, service: Service, host: str
) -> None:
    """From another port, with a preflight, and it reads the answer."""
    run = visit(f"http://{host}:{pages_port}")
    kind, status, text = run(FETCH, service.url + CHAT, {"method": "POST", "headers": HEADERS, "body": BODY})
    assert (kind, status) == ("cors", 200) and "Привет" in text
