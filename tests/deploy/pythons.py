"""Prints for which Python on which system all that requirements.lock names is there as wheels: make pythons.

The network is asked, nothing is installed. Whether the service runs there is another question.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile

from tests.deploy.running import ROOT

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
# 2_28 is the glibc of Debian 10, Ubuntu 20.04 and what is newer.
SYSTEMS = {
    "Linux x86_64": "x86_64-manylinux_2_28",
    "Linux ARM": "aarch64-manylinux_2_28",
    "Alpine": "x86_64-unknown-linux-musl",
    "macOS ARM": "aarch64-apple-darwin",
    "macOS Intel": "x86_64-apple-darwin",
    "Windows": "x86_64-pc-windows-msvc",
}


def found(uv: str, target: str, python: str, system: str) -> str:
    """`wheels`, or the first package that would have to be compiled."""
    command = [uv, "pip", "install", "--dry-run", "--no-config", "--target", target, "--no-deps", "--require-hashes"]
    where = ["--python-version", python, "--python-platform", system, "--only-binary", ":all:"]
    asked = [*command, *where, "--requirement", "requirements.lock"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        return "wheels"
    if missing := re.search(r"Because (\w[\w.-]*)\S* has no usable wheels", re.sub(r"\{.*?\}", "", done.stderr)):
        return f"no {missing[1].partition('==')[0]}"
    sys.exit(done.stderr)


def main() -> None:
    [uv] = sys.argv[1:]
    print("".join(f"{cell:<18}" for cell in ("Python", *SYSTEMS)))
    with tempfile.TemporaryDirectory() as target:
        for python in PYTHONS:
            cells = (found(uv, target, python, system) for system in SYSTEMS.values())
            print("".join(f"{cell:<18}" for cell in (python, *cells)), flush=True)


if __name__ == "__main__":
    main()
