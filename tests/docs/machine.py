"""A folder that stands for the reader's machine: the documents' commands run in it, one block after another.

Only what stands in its own `bin` can be called. Files are really copied, linked and asked for; programs that need
root, the network or a client's installation are stand-ins (programs.py says which, and where they are tried for real).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from gpt2giga.store.database import Database
from gpt2giga.store.sqlite import FILE, SQLiteFile
from gpt2giga_sandbox.sound import opus
from tests.docs.blocks import ROOT
from tests.docs.programs import ELSEWHERE

REAL = ("cat", "chmod", "cp", "env", "grep", "gzip", "ln", "mkdir", "mkfifo", "mktemp", "rm", "tar", "touch")
SHIPPED = (
    *(
        "gpt2giga",
        "gpt2giga_sandbox",
        "deploy",
        "app.py",
        "wsgi.py",
        "passenger_wsgi.py",
        "Makefile",
        "pyproject.toml",
        "setup.py",
        "LICENSE",
    ),
    *(
        "requirements.txt",
        "requirements-dev.txt",
        "constraints.txt",
        "requirements.lock",
        ".env.example",
        "compose.yaml",
        "Dockerfile",
    ),
    "README.md",
)
# What Debian's packages have made.
FOLDERS = (
    "opt",
    "home",
    "usr/local/bin",
    "var/lib/gpt2giga",
    "etc/nginx/snippets",
    "etc/nginx/conf.d",
    "etc/apache2/sites-available",
)
SECONDS = 60
RECORDING = "voice.ogg"  # the reader's own

# The program by its first line, so that nothing of this machine's own is called by mistake.
SCRIPTS = {
    "sudo": """
        while :; do case $1 in -u) shift 2 ;; -*) shift ;; *=*) export "$1" && shift ;; *) break ;; esac; done
        exec "$@" """,
    # It must be there to be edited.
    "nano": 'test -w "$1"',
    "make": 'exec /usr/bin/make --silent --dry-run "$@"',
    # The installer, whose traces the next line counts on.
    "bash": """
        /bin/bash -n "${{1:-/dev/stdin}}" && mkdir -p {root}/opt/gpt2giga
        cp {checkout}/.env.example {root}/opt/gpt2giga/.env
        cp {bin}/gpt2giga {root}/usr/local/bin/""",
    # The repository's files as a web server has them, or the running service.
    "curl": """
        case $2 in RAW_URL/*) exec cat "{checkout}/${{2#RAW_URL/}}" ;; esac
        exec {curl} "$@" """,
    "git": 'test "$1 $2" = "clone URL" && mkdir -p "$3" && cp -R {checkout}/. "$3"',
    # Groups belong to root.
    "install": 'test "$3" = -g && exec /usr/bin/install "$1" "$2" "$5" "$6"',
    "python3": """
        test "$1 $2" = "-m venv" && mkdir -p "$3/bin" && cp {bin}/pip "$3/bin/pip" """,
    "pip": """
        test "$1" = install && shift
        while test $# -gt 0; do case $1 in
            --constraint | --requirement) test -s "$2" && shift 2 || exit 1 ;;
            --find-links) shift 2 ;;
            --no-deps | --no-index | gpt2giga) shift ;;
            .) test -s pyproject.toml && shift || exit 1 ;;
            *) exit 1 ;;
        esac; done
        cp {bin}/gunicorn {bin}/gpt2giga "${{0%/pip}}" """,
    "gunicorn": 'test "$1" = -c && test -s "$2" && test -s "${{3%:app}}.py"',
    # Without a verb it serves until somebody stops it.
    "gpt2giga": """
        test $# -gt 0 && exec {python} -m gpt2giga "$@"
        said=$(mktemp -u) && mkfifo "$said"
        {python} -m gpt2giga --port {port} >"$said" &
        read -r line <"$said"
        kill $! && wait $!
        case $line in *"listens on http://127.0.0.1:{port}"*) ;; *) exit 1 ;; esac""",
}
# These are on the way only once pip has put them there.
INSTALLED = ("gunicorn", "gpt2giga", "pip")


class ReadersMachine:
    def __init__(self, folder: Path, *, port: int, **environ: str) -> None:
        """port: a free one, for the service when it is started."""
        self._root = folder / "machine"
        self._bin, self._later, checkout = (folder / name for name in ("bin", "later", "checkout"))
        for path in (self._bin, self._later, checkout, *(self._root / name for name in FOLDERS)):
            path.mkdir(parents=True)
        for name in SHIPPED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, checkout / name)
        places = {"checkout": checkout, "root": self._root, "bin": self._later, "python": sys.executable, "port": port}
        places["curl"] = shutil.which("curl") or "curl"
        (checkout / RECORDING).write_bytes(opus("Привет!"))
        for program, script in SCRIPTS.items():
            self._put(self._later if program in INSTALLED else self._bin, program, script.format(**places))
        for program in ELSEWHERE.keys() - SCRIPTS.keys():
            self._put(self._bin, program, "exit 0")
        for program in REAL:
            (self._bin / program).symlink_to(shutil.which(program) or program)
        Database(SQLiteFile(self._root / "var/lib/gpt2giga" / FILE)).do(lambda _: None)
        self._environ = {
            "PATH": f"{self._bin}:{self._root}/usr/local/bin",
            "HOME": str(self._root / "home"),
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
            **environ,
        }
        self._checkout = self._current = checkout

    def install(self) -> None:
        """As if the installer had run, and the service after it."""
        shutil.copy(self._later / "gpt2giga", self._root / "usr/local/bin")

    @staticmethod
    def _put(folder: Path, program: str, script: str) -> None:
        (folder / program).write_text(f"#!/bin/sh\n{script}\n")
        (folder / program).chmod(0o755)

    def start_over(self, *, in_checkout: bool) -> None:
        self._current = self._checkout if in_checkout else Path(tempfile.mkdtemp(dir=self._root))

    def run(self, block: str) -> None:
        """In the folder where the block before it ended."""
        for path in ("/opt/gpt2giga", "/etc/", "/usr/local/bin", "/var/lib/gpt2giga"):
            block = block.replace(path, f"{self._root}{path}")
        block = block.replace("&&", "\n")  # bash goes on after a failure before that
        script = f'set -euo pipefail\n{block}\npwd >"$HOME/current"\n'
        done = subprocess.run(
            ["/bin/bash", "-c", script],
            cwd=self._current,
            env={**self._environ, "TMPDIR": os.environ.get("TMPDIR", "/tmp")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{block}\nended with {done.returncode}: {done.stdout}{done.stderr}"
        self._current = Path((self._root / "home" / "current").read_text().strip())
