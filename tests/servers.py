"""Servers on loopback to fetch from."""

from __future__ import annotations

import contextlib
import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from tests.certificates import Authority

MOST = 1000


class Handler(http.server.BaseHTTPRequestHandler):
    """/redirect?URL goes there; everything else is a small picture."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen.append(self.headers)  # type: ignore[attr-defined]
        path, _, query = self.path.partition("?")
        headers, body = {"Content-Type": "Image/PNG; q=1"}, b"picture"
        status = 200
        if path == "/redirect":
            status, headers, body = 302, {"Location": unquote(query)}, b""
        elif path.startswith("/status/"):
            status = int(path.rpartition("/")[2])
        elif path == "/large":
            body = b"x" * (MOST + 1)
        elif path == "/zipped":
            headers["Content-Encoding"] = "gzip"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def serving(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def raw_server(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that does what it likes with one connection."""

    def run() -> None:
        with listener.accept()[0] as connection, contextlib.suppress(OSError):
            connection.recv(65536)
            serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


class TlsServer(Server):
    def __init__(self, authority: Authority, name: str) -> None:
        super().__init__()
        self.names: list[str | None] = []
        signed = authority.sign(name, f"subjectAltName=DNS:{name}", "basicConstraints=critical,CA:FALSE")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed.certificate, signed.key)
        context.sni_callback = lambda _, name, __: self.names.append(name)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.server_port}/"

    def handle_error(self, *_: Any) -> None:
        pass
