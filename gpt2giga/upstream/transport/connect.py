"""How a connection to GigaChat is opened: directly, or through a proxy. Failures are httpx's exceptions."""

from __future__ import annotations

import os
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import httpx

from gpt2giga.upstream.transport.proxy import port_of, Proxy, proxy_for

T = TypeVar("T")
Step = Callable[[socket.socket], socket.socket]

RECEIVE_BYTES = 64 * 1024
LONGEST_ANSWER_BYTES = 64 * 1024


class Route:
    """The way to the host of a URL.

    prefix, headers: what a request needs on this way. A proxy that forwards plain HTTP wants whole URLs, and its
    password with each.
    """

    def __init__(self, url: str, context: ssl.SSLContext, connect_seconds: float) -> None:
        """Raises SettingsError."""
        self.url, target, proxy = url, urlsplit(url), proxy_for(url)
        host, port = target.hostname or "", port_of(target)
        is_secured = target.scheme == "https"
        self._first = (proxy.host, proxy.port) if proxy else (host, port)
        self._connect_seconds = connect_seconds
        self.prefix, self.headers = "", []
        self._steps: list[Step] = []
        if proxy and proxy.scheme == "https":
            self._steps.append(partial(_start_tls, context, proxy.host))
        if proxy and proxy.scheme == "socks5":
            self._steps.append(partial(_open_socks_tunnel, proxy, host, port))
        elif proxy and is_secured:
            self._steps.append(partial(_open_http_tunnel, proxy, host, port))
        elif proxy:
            self.prefix, self.headers = f"http://{target.netloc}", _authorization(proxy)
        if is_secured:
            self._steps.append(partial(_start_tls, context, host))

    def open(self) -> socket.socket:
        """Raises httpx.ProxyError when the proxy refuses, ConnectTimeout, or ConnectError."""
        try:
            return self._open()
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpx.ConnectError(str(error), request=httpx.Request("GET", self.url)) from error

    def _open(self) -> socket.socket:
        connection = _connect(self._first, self._connect_seconds)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for step in self._steps:
                connection = step(connection)
        except BaseException:  # also a greenlet killed while it waits
            connection.close()
            raise
        return connection


def _connect(address: tuple[str, int], seconds: float) -> socket.socket:
    """As socket.create_connection, which leaves its socket open when a greenlet is killed in it."""
    failure: OSError | None = None
    for family, kind, protocol, _, place in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(seconds)
            connection.connect(place)
            return connection
        except OSError as error:
            connection.close()
            failure = failure or error
        except BaseException:
            connection.close()
            raise
    raise failure or OSError("getaddrinfo gave no address")


def httpx_proxy(url: str, context: ssl.SSLContext) -> httpx.Proxy | None:
    """The same way for what httpx sends. Raises SettingsError."""
    proxy = proxy_for(url)
    if proxy is None:
        return None
    return httpx.Proxy(
        f"{proxy.scheme}://{_netloc(proxy.host, proxy.port)}",
        ssl_context=context if proxy.scheme == "https" else None,
        auth=(proxy.user, proxy.password) if proxy.user else None,
    )


def _start_tls(context: ssl.SSLContext, name: str, connection: socket.socket) -> socket.socket:
    if isinstance(connection, ssl.SSLSocket):
        return TlsInTls(connection, context, name)
    return context.wrap_socket(connection, server_hostname=name)


def _open_http_tunnel(proxy: Proxy, host: str, port: int, connection: socket.socket) -> socket.socket:
    """By CONNECT (RFC 9110, 9.3.6). Nothing comes after its answer before we speak: TLS is next."""
    target = _netloc(host, port)
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *_authorization(proxy)]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = b""
    while b"\r\n\r\n" not in answer and len(answer) < LONGEST_ANSWER_BYTES:
        answer += _receive(connection)
    status = re.match(rb"HTTP/1\.\d (\d{3})", answer)
    if status is None:
        raise httpx.ProxyError("it speaks no HTTP")
    if not status[1].startswith(b"2"):
        raise httpx.ProxyError(f"CONNECT was answered with {status[1].decode()}")
    return connection


def _open_socks_tunnel(proxy: Proxy, host: str, port: int, connection: socket.socket) -> socket.socket:
    """RFC 1928, and 1929 for the password."""
    from socksio import ProtocolError, socks5  # an extra

    talk = socks5.SOCKS5Connection()

    def ask(request: Any) -> Any:
        talk.send(request)
        connection.sendall(talk.data_to_send())
        return talk.receive_data(_receive(connection))

    methods, connect = socks5.SOCKS5AuthMethod, socks5.SOCKS5Command.CONNECT
    method = methods.USERNAME_PASSWORD if proxy.user else methods.NO_AUTH_REQUIRED
    login = socks5.SOCKS5UsernamePasswordRequest(proxy.user.encode(), proxy.password.encode())
    try:
        if ask(socks5.SOCKS5AuthMethodsRequest([method])).method != method:
            raise httpx.ProxyError("SOCKS: it wants another way to log in")
        if proxy.user and not ask(login).success:
            raise httpx.ProxyError("SOCKS: user or password is wrong")
        reply = ask(socks5.SOCKS5CommandRequest.from_address(connect, (host, port)))
    except ProtocolError as error:
        raise httpx.ProxyError(f"SOCKS: {error}") from error
    if reply.reply_code != socks5.SOCKS5ReplyCode.SUCCEEDED:
        raise httpx.ProxyError(f"SOCKS: {reply.reply_code.name}")
    return connection


def _netloc(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _authorization(proxy: Proxy) -> list[str]:
    if not proxy.user:
        return []
    return ["Proxy-Authorization: Basic " + b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()]


def _receive(connection: socket.socket) -> bytes:
    data = connection.recv(RECEIVE_BYTES)
    if not data:
        raise ConnectionResetError("the proxy hung up")
    return data


class TlsInTls(socket.socket):
    """To a host behind a proxy that is itself reached by TLS: ssl.SSLSocket wraps plain connections only.

    Its own descriptor is a second one of the same connection, for whoever looks at it or ends it below TLS.
    """

    def __init__(self, outer: ssl.SSLSocket, context: ssl.SSLContext, name: str) -> None:
        self._outer, self._in, self._out = outer, ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=name)
        self._run(self._tls.do_handshake)
        super().__init__(fileno=os.dup(outer.fileno()))

    def getpeercert(self, binary_form: Literal[True]) -> bytes | None:
        return self._tls.getpeercert(binary_form)

    def recv(self, size: int, flags: int = 0) -> bytes:
        try:
            return self._run(partial(self._tls.read, size))
        except ssl.SSLEOFError:
            return b""

    def sendall(self, data: Any, flags: int = 0) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._run(partial(self._tls.write, rest)) :]

    def settimeout(self, seconds: float | None) -> None:
        super().settimeout(seconds)
        self._outer.settimeout(seconds)

    def close(self) -> None:
        super().close()
        self._outer.close()

    def _run(self, call: Callable[[], T]) -> T:
        """Again with more bytes from the other side, as long as it wants them."""
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                pass
            finally:
                if to_send := self._out.read():
                    self._outer.sendall(to_send)
            if received := self._outer.recv(RECEIVE_BYTES):
                self._in.write(received)
            else:
                self._in.write_eof()
