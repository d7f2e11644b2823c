"""A certificate authority of our own, made with the command `openssl` (3.0 or newer)."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

# The command `openssl ca`, which alone takes any dates, wants a file.
AUTHORITY = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
new_certs_dir = {folder}
default_md = sha256
policy = any
rand_serial = yes
copy_extensions = copy
[any]
commonName = supplied
"""


@dataclass(frozen=True)
class Signed:
    certificate: str
    key: str


class Authority:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")  # Python 3.13 and later ask for it
        self._own = self._make("authority", "-x509", "-subj", "/CN=An authority nobody knows", *usage)
        self.root = self._own.certificate

    def sign(self, name: str, *extensions: str) -> Signed:
        added = [word for extension in extensions for word in ("-addext", extension)]
        signer = ("-CA", self._own.certificate, "-CAkey", self._own.key)
        return self._make(name, "-x509", *signer, "-subj", f"/CN={name}", *added)

    def for_server(self) -> Signed:
        return self.sign("server", "subjectAltName=IP:127.0.0.1", "basicConstraints=critical,CA:FALSE")

    def for_days(self, name: str, first: float, last: float, *extensions: str) -> Signed:
        """Good from so many days after today to so many."""
        (self._folder / "index.txt").write_text("")
        (self._folder / "ca.conf").write_text(AUTHORITY.format(folder=self._folder))
        added = [word for extension in extensions for word in ("-addext", extension)]
        request = self._make(name, "-new", "-subj", f"/CN={name}", *added)
        made = Signed(str(self._folder / f"{name}-signed.pem"), request.key)
        days = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400)) for days in (first, last)]
        signer = ("-cert", self._own.certificate, "-keyfile", self._own.key, "-startdate", days[0], "-enddate", days[1])
        files = ("-in", request.certificate, "-out", made.certificate, "-notext", "-batch")
        command = ["openssl", "ca", "-config", str(self._folder / "ca.conf"), *signer, *files]
        subprocess.run(command, check=True, capture_output=True)
        return made

    def _make(self, name: str, *options: str) -> Signed:
        made = Signed(*(str(self._folder / f"{name}.{kind}") for kind in ("pem", "key")))
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2")
        command = ["openssl", "req", *options, *key, "-out", made.certificate, "-keyout", made.key]
        subprocess.run(command, check=True, capture_output=True)
        return made
