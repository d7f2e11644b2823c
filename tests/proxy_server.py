"""An HTTP proxy on loopback: tunnels by CONNECT, forwards plain HTTP, and keeps what it was asked."""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import ssl
import threading
from typing import Any
from urllib.parse import urlsplit

from tests.certificates import Signed


class Handler(socketserver.BaseRequestHandler):
    server: ProxyServer

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self._serve(self.server.secured(self.request))

    def _serve(self, client: socket.socket) -> None:
        self.server.clients.append(client)
        with client:
            received = b""
            while b"\r\n\r\n" not in received:
                received += client.recv(65536) or b"\r\n\r\n"
            head = received.partition(b"\r\n\r\n")[0].decode()  # what follows may end in the middle of a letter
            self.server.heads.append(head)
            if self.server.answer is not None:
                client.sendall(self.server.answer)
                return
            method, target = head.split()[:2]
            host, port = target.split(":") if method == "CONNECT" else urlsplit(target).netloc.split(":")
            with socket.create_connection((host, int(port))) as upstream:
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    upstream.sendall(received)
                relay(client, upstream)


def relay(client: socket.socket, upstream: socket.socket) -> None:
    while True:
        has_more = isinstance(client, ssl.SSLSocket) and client.pending()
        for source in [client] if has_more else select.select([client, upstream], [], [])[0]:
            data = source.recv(65536)
            if not data:
                return
            (upstream if source is client else client).sendall(data)


class ProxyServer(socketserver.ThreadingTCPServer):
    """answer: instead of any service, then it hangs up."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: bytes | None = None, tls: Signed | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.heads, self.clients = answer, [], []
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if self._tls and tls:
            self._tls.load_cert_chain(tls.certificate, tls.key)

    def secured(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection

    def start_over(self) -> None:
        """Hangs up, forgets what it was asked, and answers nothing by itself."""
        for client in self.clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self.answer, self.heads, self.clients = None, [], []

    @property
    def targets(self) -> list[str]:
        """What each head named, with its method."""
        return [" ".join(head.split()[:2]) for head in self.heads]

    def url(self, login: str = "") -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{login}{'@' if login else ''}127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> ProxyServer:
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()
