"""The way to GigaChat, tried step by step: for `gpt2giga doctor`. Every function raises ProxyError when its step fails.

What a failure means, and its cure, is what `failures` says of it: nothing is explained twice.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

import certifi
import httpx

from gpt2giga.config.account import AccountSettings
from gpt2giga.config.parsers import SCOPES
from gpt2giga.errors import NotAuthenticated, ProxyError, UpstreamUnavailable
from gpt2giga.language import _, ngettext, reason
from gpt2giga.upstream.transport.failures import to_proxy_error, translated
from gpt2giga.upstream.transport.login import login_client
from gpt2giga.upstream.transport.proxy import port_of, Proxy, proxy_for
from gpt2giga.upstream.transport.sdk import CONNECT_TIMEOUT, GigaChatClient
from gpt2giga.upstream.transport.tls import RUSSIAN_ROOT, ssl_context

FARTHEST_CLOCK = 24 * 3600


def hosts_of(account: AccountSettings, *, pass_token: bool) -> list[SplitResult]:
    """Those that give tokens and answers; one when both are the same."""
    urls = [account.auth_url] if account.credentials or pass_token else []
    found = {urlsplit(url).netloc: urlsplit(url) for url in [*urls, account.base_url]}
    return [*found.values()]


def names(hosts: list[SplitResult]) -> str:
    """Do the hosts have addresses?"""
    found = []
    for host in hosts:
        if proxy := proxy_for(host.geturl()):
            _try_proxy(proxy)
            found.append(
                _(
                    "{hostname}: left to the proxy {host}:{port} ({variable})",
                    hostname=host.hostname,
                    host=proxy.host,
                    port=proxy.port,
                    variable=proxy.variable,
                )
            )
            continue
        try:
            entries = socket.getaddrinfo(host.hostname, port_of(host), type=socket.SOCK_STREAM)
        except OSError as error:
            raise UpstreamUnavailable(
                _(
                    "{hostname} has no address ({why}): check this machine's DNS and network, or set "
                    "HTTPS_PROXY where only a proxy leads out.",
                    hostname=host.hostname,
                    why=reason(error),
                )
            ) from None
        found.append(_("{hostname} is {address}", hostname=host.hostname, address=entries[0][4][0]))
    return "; ".join(found)


def _try_proxy(proxy: Proxy) -> None:
    try:
        socket.create_connection((proxy.host, proxy.port), CONNECT_TIMEOUT).close()
    except OSError as error:
        raise UpstreamUnavailable(
            _(
                "{variable}: no proxy answers on {host}:{port} ({why}). Start it, name another one, or "
                "take {variable} away where GigaChat is reached directly.",
                variable=proxy.variable,
                host=proxy.host,
                port=proxy.port,
                why=reason(error),
            )
        ) from None


def clock_lead(account: AccountSettings) -> float | None:
    """Seconds that this machine's clock is ahead of GigaChat's; None where GigaChat does not tell its time."""
    url = account.auth_url if account.credentials else account.base_url
    with closing(login_client(account, ssl_context(account), CONNECT_TIMEOUT)) as client:
        try:
            answered = parsedate_to_datetime(client.head(url).headers["Date"])
        except (httpx.HTTPError, KeyError, ValueError):
            return None
    return time.time() - answered.timestamp()


def certificates(account: AccountSettings, hosts: list[SplitResult]) -> str:
    """Does TLS work, and which root signed?"""
    return "; ".join(f"{host.hostname}: {_certificate(account, host)}" for host in hosts)


def _certificate(account: AccountSettings, host: SplitResult) -> str:
    if proxy := proxy_for(host.geturl()):
        return _("reached through the proxy ({variable})", variable=proxy.variable)
    if host.scheme == "http":
        _connect(host, None)
        return _("no TLS, by its address")
    issuer = _connect(host, ssl_context(account))
    root = next((name for name, context in _roots(account) if _accepts(host, context)), "")
    if account.verify_ssl_certs:
        return _("signed by {root}, issued by {issuer}", root=root, issuer=issuer)
    if root:
        return _("not checked, without need: {root} signed it. Set GIGACHAT_VERIFY_SSL_CERTS=True", root=root)
    return _("not checked (GIGACHAT_VERIFY_SSL_CERTS=False), and signed by no root that is known here")


def _roots(account: AccountSettings) -> Iterator[tuple[str, ssl.SSLContext]]:
    files = {_("a public root"): certifi.where(), _("the Russian root that gpt2giga brings"): str(RUSSIAN_ROOT)}
    if account.ca_bundle_file:
        files["GIGACHAT_CA_BUNDLE_FILE"] = account.ca_bundle_file
    for name, file in files.items():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(file)
        if account.cert_file:
            context.load_cert_chain(account.cert_file, account.key_file, account.key_file_password)
        yield name, context


def _accepts(host: SplitResult, context: ssl.SSLContext) -> bool:
    try:
        _connect(host, context)
    except ProxyError:
        return False
    return True


def _connect(host: SplitResult, context: ssl.SSLContext | None) -> str:
    """Who issued the certificate, where it was checked."""
    try:
        connection = socket.create_connection((host.hostname or "", port_of(host)), CONNECT_TIMEOUT)
        with closing(connection):
            return _shake_hands(connection, context, host.hostname or "") if context else ""
    except OSError as error:
        failure = httpx.ConnectError(str(error), request=httpx.Request("GET", host.geturl()))
        failure.__cause__ = error
        why = (
            f" OpenSSL: {error.verify_message.rstrip('.')}." if isinstance(error, ssl.SSLCertVerificationError) else ""
        )
        raise UpstreamUnavailable(f"{host.netloc}: {to_proxy_error(failure)}{why}") from error


def _shake_hands(connection: socket.socket, context: ssl.SSLContext, name: str) -> str:
    with context.wrap_socket(connection, server_hostname=name) as secured:
        certificate: Any = secured.getpeercert() or {}
    words = {key: value for pairs in certificate.get("issuer", ()) for key, value in pairs}
    return str(words.get("commonName") or words.get("organizationName") or _("nobody it names"))


def is_known(account: AccountSettings) -> bool:
    """Whether GigaChat gives a token for the key and its scope. Raises ProxyError where it does not answer."""
    try:
        _token(account)
    except NotAuthenticated:
        return False
    return True


def token(account: AccountSettings) -> str:
    """Does GigaChat know the key, and for this scope?"""
    try:
        seconds = _token(account)
    except NotAuthenticated as error:
        scope = account.credentials and _scope_that_works(account)
        if not scope:
            raise
        raise NotAuthenticated(
            _(
                "GIGACHAT_SCOPE={scope} does not belong to this key, {right} does: set GIGACHAT_SCOPE={right}.",
                scope=account.scope,
                right=scope,
            )
        ) from error
    kind = account.scope if account.credentials else _("the account")
    return _("a token for {kind}{validity}", kind=kind, validity=_validity(seconds))


def scope_of_key(account: AccountSettings) -> str:
    """The first of the account's own and the others that the key is good for. Raises ProxyError."""
    try:
        _token(account)
    except NotAuthenticated:
        if scope := _scope_that_works(account):
            return scope
        raise
    return account.scope


def _token(account: AccountSettings) -> float:
    """Seconds that a new token is good for, by this machine's clock."""
    with closing(GigaChatClient(account)) as client, translated():
        issued = client.get_token()
    return issued.expires_at / 1000 - time.time() if issued else 0


def _validity(seconds: float) -> str:
    """A clock that is wrong spoils the validity of certificates too, so it is worth a word."""
    if 0 < seconds < FARTHEST_CLOCK:
        return ngettext(", good for {count} minute", ", good for {count} minutes", round(seconds / 60))
    return ""


def _scope_that_works(account: AccountSettings) -> str:
    others = (scope for scope in SCOPES if scope != account.scope)
    return next((scope for scope in others if _gives_token(replace(account, scope=scope))), "")


def _gives_token(account: AccountSettings) -> bool:
    try:
        _token(account)
    except ProxyError:
        return False
    return True
