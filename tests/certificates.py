"""A certificate authority of our own, made with the command `openssl` (3.0 or newer)."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Signed:
    certificate: str
    key: str


class Authority:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = self._make("authority", "-x509", "-subj", "/CN=An authority nobody knows")
        self.root = self._own.certificate

    def sign(self, name: str, *extensions: str) -> Signed:
        added = [word for extension in extensions for word in ("-addext", extension)]
        signer = ("-CA", self._own.certificate, "-CAkey", self._own.key)
        return self._make(name, "-x509", *signer, "-subj", f"/CN={name}", *added)

    def for_server(self) -> Signed:
        return self.sign("server", "subjectAltName=IP:127.0.0.1", "basicConstraints=critical,CA:FALSE")

    def _make(self, name: str, *options: str) -> Signed:
        made = Signed(*(str(self._folder / f"{name}.{kind}") for kind in ("pem", "key")))
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2")
        command = ["openssl", "req", *options, *key, "-out", made.certificate, "-keyout", made.key]
        subprocess.run(command, check=True, capture_output=True)
        return made
