"""nginx with the shipped configuration: only ports, paths and the certificate are a test's own."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from pathlib import Path

from tests.deploy.running import DEPLOY, edited, running
from tests.deploy.streams import Place
from tests.service import free_port
from tests.sockets import eventually

# What Debian's nginx.conf has around a site, and nothing that would hide a mistake in it.
MAIN = """
user root;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    gzip on;
    gzip_types text/event-stream application/json;
    include site.conf;
}}
"""


class Nginx:
    def __init__(self, folder: Path, variant: str, upstream: str, *changes: tuple[str, str]) -> None:
        self.port, plain, self._folder = free_port(), free_port(), folder / "nginx"
        tls = "tls" in variant
        ours = [("listen 80;", f"listen 127.0.0.1:{plain if tls else self.port};")]
        if "unix" in variant:
            ours.append(("unix:/run/gpt2giga/gpt2giga.sock", upstream))
        else:
            ours.append(("127.0.0.1:8080", upstream))
        if tls:
            certificate(self._folder)
            ours += [
                ("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port} ssl http2;"),
                ("/etc/letsencrypt/live/gpt2giga.example.com", str(self._folder)),
            ]
        edited(DEPLOY / "nginx" / variant, self._folder / "site.conf", *ours)
        edited(DEPLOY / "nginx/snippet.conf", self._folder / "snippets/gpt2giga.conf", *changes)
        (self._folder / "nginx.conf").write_text(MAIN.format(folder=self._folder))
        self.plain_port = plain
        self.variant = variant
        self.place = Place(self.port, tls=tls)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Nginx:
        command = ["nginx", "-p", str(self._folder), "-c", str(self._folder / "nginx.conf"), "-e", "stderr"]
        subprocess.run([*command, "-t", "-q"], check=True)
        with contextlib.ExitStack() as stack:
            stack.enter_context(running(command, self._folder / "output.log"))
            assert eventually(self._listens), (self._folder / "error.log").read_text()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def certificate(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run([*command, *files], check=True, capture_output=True)
