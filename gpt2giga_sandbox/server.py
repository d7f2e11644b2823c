"""The real socket: HTTP/1.1 with keep-alive and chunked streams, a thread a connection."""

from __future__ import annotations

import base64
import io
import ipaddress
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Iterator
from itertools import chain
from types import TracebackType
from typing import Any, cast

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wsgi import ClosingIterator

from gpt2giga_sandbox.app import create_app
from gpt2giga_sandbox.delivery import Dropped
from gpt2giga_sandbox.state import Settings, State

STACK = 512 * 1024
BACKLOG = 4096
LARGEST_BODY = 100 * 1024 * 1024
HANDSHAKE = 10.0
# Any well-formed key passes unless the settings name one.
CREDENTIALS = base64.b64encode(b"sandbox:sandbox").decode()


class Handler(WSGIRequestHandler):
    """werkzeug's own run_wsgi closes every connection; clients of GigaChat keep theirs."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(self._body(environ))
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            head[:] = [status, headers]

        parts = cast(ClosingIterator, self.server.app(environ, start_response))
        try:
            self._send(parts, head)
        except Dropped as dropped:
            self.close_connection = True
            if dropped.reset:
                self.server.reset(self.connection)
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True
        finally:
            parts.close()

    def _body(self, environ: dict[str, Any]) -> bytes:
        """All of it, so that what the application leaves unread is not taken for the next request."""
        if environ.pop("wsgi.input_terminated", False):
            body: bytes = environ["wsgi.input"].readall()
        else:
            length = environ.get("CONTENT_LENGTH") or "0"
            usable = length.isdecimal() and int(length) <= LARGEST_BODY
            self.close_connection |= not usable
            body = self.rfile.read(int(length) if usable else 0)
        # Flask would not read a body both chunked and of a known length.
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(body))
        return body

    def _send(self, parts: Iterator[bytes], head: list[Any]) -> None:
        # Only the first part, even an empty one, brings the headers out: see deliver().
        first = next(parts, b"")
        chunked = self._send_head(*head)
        for part in chain([first], parts):
            if part:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _send_head(self, status: str, headers: list[tuple[str, str]]) -> bool:
        """True when the body goes in chunks."""
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        sized = any(name.lower() == "content-length" for name, _ in headers)
        chunked = not sized and self.command != "HEAD" and self.request_version == "HTTP/1.1"
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif not sized:
            self.close_connection = True
        self.send_header("Connection", "close" if self.close_connection else "keep-alive")
        self.end_headers()
        return chunked

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


class Server(ThreadedWSGIServer):
    request_queue_size = BACKLOG

    def __init__(self, host: str, port: int, state: State, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port, create_app(state), Handler)
        # Set late: werkzeug would shake hands in the accepting thread, where one slow client stops all.
        self.ssl_context = tls
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._resets: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        # Small stacks let a thousand threads fit; the size is a setting of the process.
        before = threading.stack_size(STACK)
        try:
            super().process_request(request, client_address)
        finally:
            threading.stack_size(before)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            connection = self._secured(request)
        except OSError:
            self.shutdown_request(request)
            return
        self._connections[connection] = threading.current_thread()
        try:
            super().process_request_thread(connection, client_address)
        finally:
            self._connections.pop(connection, None)

    def _secured(self, request: socket.socket) -> socket.socket:
        if self.ssl_context is None:
            return request
        request.settimeout(HANDSHAKE)
        connection = self.ssl_context.wrap_socket(request, server_side=True)
        connection.settimeout(None)
        return connection

    def reset(self, connection: socket.socket) -> None:
        """The close to come sends RST: no lingering, and no orderly shutdown before it."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._resets.add(connection)

    def shutdown_request(self, request: Any) -> None:
        if request in self._resets:
            self._resets.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def hang_up(self, timeout: float = 2) -> None:
        """Ends the connections still open and waits for their threads."""
        deadline = time.monotonic() + timeout
        for connection, thread in list(self._connections.items()):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
            thread.join(max(0, deadline - time.monotonic()))


class SandboxServer:
    """`with SandboxServer() as sandbox:` serves from threads of this process. Keyword arguments are
    those of Settings; `certfile` and `keyfile` turn TLS on."""

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        certfile: str | None = None,
        keyfile: str | None = None,
        **settings: Any,
    ) -> None:
        if not _is_loopback(host):
            raise ValueError(f"the sandbox serves this machine only, not {host}")
        tls = None
        if certfile:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certfile, keyfile)
        self.state = State(Settings(**settings))
        self.credentials = self.state.settings.credentials or CREDENTIALS
        self._server = Server(host, port, self.state, tls)
        name = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if tls else 'http'}://{name}:{self._server.port}"
        self.base_url = f"{self.url}/api/v1"
        self.auth_url = f"{self.url}/api/v2/oauth"
        self.speech_url = f"{self.url}/rest/v1"
        self._thread = threading.Thread(target=self.serve_forever, daemon=True, name="sandbox")

    def serve_forever(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def start(self) -> SandboxServer:
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.hang_up()

    def __enter__(self) -> SandboxServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(port: int = 8090, host: str = "127.0.0.1", **options: Any) -> None:
    """Serves in the foreground until interrupted."""
    sandbox = SandboxServer(port, host, **options)
    lines = {
        "GIGACHAT_BASE_URL": sandbox.base_url,
        "GIGACHAT_AUTH_URL": sandbox.auth_url,
        "GIGACHAT_CREDENTIALS": sandbox.credentials,
        "SALUTESPEECH_BASE_URL": sandbox.speech_url,
        "SALUTESPEECH_AUTH_URL": sandbox.auth_url,
        "SALUTESPEECH_CREDENTIALS": sandbox.credentials,
    }
    sys.stdout.writelines(f"{name}={value}\n" for name, value in lines.items())
    sys.stdout.flush()
    sandbox.serve_forever()
