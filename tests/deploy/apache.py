"""Apache with one site: Passenger, mod_wsgi or CGI, and the shipped files."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from pathlib import Path

from tests.deploy.running import running
from tests.deploy.streams import Place
from tests.service import free_port
from tests.sockets import eventually

MODULES = Path("/usr/lib/apache2/modules")
# What Debian's apache2.conf says where it matters: nothing of the file system is open, and .htaccess counts only
# where a site says so.
MAIN = """
ServerName localhost
ServerRoot {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
DefaultRuntimeDir {folder}
Mutex file:{folder} default
User www-data
Group www-data
LoadModule mpm_event_module {modules}/mod_mpm_event.so
ThreadsPerChild 64
ServerLimit 2
MaxRequestWorkers 128
{loads}
TypesConfig /etc/mime.types
AccessFileName .htaccess
<FilesMatch "^\\.ht">
    Require all denied
</FilesMatch>
<Directory />
    AllowOverride None
    Require all denied
</Directory>
Listen 127.0.0.1:{port}
{site}
"""
ALWAYS = "authz_core authz_host mime dir setenvif alias autoindex rewrite"


class Apache:
    def __init__(self, folder: Path, modules: str, site: str) -> None:
        self.port, self._folder = free_port(), folder / "apache"
        self._folder.mkdir()
        self._folder.chmod(0o755)
        (self._folder / "passenger").mkdir()
        (self._folder / "passenger").chmod(0o777)
        self.site = folder
        loads = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in f"{ALWAYS} {modules}".split())
        site = site.format(folder=self._folder, port=self.port)
        text = MAIN.format(folder=self._folder, modules=MODULES, loads=loads, port=self.port, site=site)
        (self._folder / "apache.conf").write_text(text)
        self.place = Place(self.port)
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Apache:
        command = ["apache2", "-f", str(self._folder / "apache.conf"), "-DFOREGROUND"]
        subprocess.run([*command[:-1], "-t"], check=True, capture_output=True)
        with contextlib.ExitStack() as stack:
            stack.enter_context(running(command, self._folder / "output.log"))
            assert eventually(self._listens), self.log()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self) -> str:
        logs = self._folder / "error.log", self._folder / "passenger/passenger.log"
        return "".join(log.read_text() for log in logs if log.exists())
