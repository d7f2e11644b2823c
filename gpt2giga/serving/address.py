"""The address the service listens on: can it be had, and what to say once it is."""

from __future__ import annotations

import errno
import os
import socket
import stat
from dataclasses import replace

from gpt2giga import __version__
from gpt2giga.config.settings import ServerSettings, Settings, SettingsError
from gpt2giga.language import _, reason

ALL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def on_loopback(server: ServerSettings) -> ServerSettings:
    """To connect to: "all addresses" is for listening only."""
    return replace(server, host=ALL_ADDRESSES.get(server.host, server.host))


def check_address(server: ServerSettings) -> None:
    """Raises SettingsError. Asked first, since gunicorn would try for five seconds and tell it at length."""
    try:
        if server.host.startswith("unix:"):
            _try_path(server.host.removeprefix("unix:"))
        else:
            _try_port(server.host, server.port)
    except OSError as error:
        sentence = _(
            "cannot listen on {address} (GPT2GIGA_HOST, GPT2GIGA_PORT): {why}",
            address=server.address,
            why=reason(error),
        )
        raise SettingsError(sentence) from None


def _try_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _try_path(path: str) -> None:
    """A socket that nobody listens on is left over from a service that was killed; gunicorn puts its own there."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.bind(path)
            os.unlink(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not stat.S_ISSOCK(os.stat(path).st_mode) or _is_served(path):
                raise


def _is_served(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path) == 0


def banner(settings: Settings) -> str:
    """One line; for the sandbox and whoever reads that also what to do first, and each says that it is the sandbox."""
    is_socket = settings.server.host.startswith("unix:")
    url = settings.server.address if is_socket else f"http://{settings.server.address}"
    line = _(
        "gpt2giga {version} listens on {url}, backend: {backend}",
        version=__version__,
        url=url,
        backend=_(settings.backend),
    )
    if is_socket or not settings.server.sandbox or settings.server.log_format == "json":
        return line
    page = f"http://{on_loopback(settings.server).address}"
    question = '{"messages": [{"role": "user", "content": "Привет!"}]}'
    lines = [
        line,
        _("Base URL of the sandbox: {url}/v1", url=url),
        _("Try the sandbox:") + f"  curl {url}/v1/chat/completions -d '{question}'",
    ]
    if settings.server.ui:
        lines.append(_("Open {page} in a browser to chat with the sandbox", page=page))
    return "\n".join(lines)
