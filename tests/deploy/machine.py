"""A machine with systemd of its own: a container over this very file system, whose changes are kept in memory."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from tests.deploy.running import children, running
from tests.sockets import eventually

# Only for this process tree: mounts made here vanish with it. /tmp stays as it is, since the tests' files are below.
BOOT = """
set -euo pipefail
mount -t tmpfs -o size=2g none {folder}
mkdir {folder}/upper {folder}/work {folder}/root
mount -t overlay overlay -o lowerdir=/,upperdir={folder}/upper,workdir={folder}/work {folder}/root
cd {folder}/root
rm -rf etc/machine-id etc/systemd/system/multi-user.target.wants opt/gpt2giga usr/local/bin/gpt2giga
touch etc/machine-id
mkdir -p etc/tmpfiles.d opt && ln -sf /dev/null etc/tmpfiles.d/tmp.conf
SYSTEMD_NSPAWN_TMPFS_TMP=0 exec systemd-nspawn --quiet --boot --directory . --register=no --keep-unit \
    --private-network --console=pipe {binds}
"""
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class NoMachine(Exception):
    """The kernel, or what we may do with it, does not allow one."""


class Machine:
    def __init__(self, folder: Path, **binds: Path) -> None:
        self._log = folder / "machine.log"
        inner = folder / "machine"
        inner.mkdir()
        bound = " ".join(f"--bind-ro={path}:/srv/{name}" for name, path in binds.items())
        self._script = BOOT.format(folder=inner, binds=bound)

    def __enter__(self) -> Machine:
        command = ["unshare", "--mount", "--propagation", "private", "bash", "-c", self._script]
        with contextlib.ExitStack() as stack:
            self._nspawn = stack.enter_context(running(command, self._log))
            if not eventually(self._has_booted, 60):
                raise NoMachine(self._log.read_text()[-500:])
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _has_booted(self) -> bool:
        if self._nspawn.poll() is not None:
            raise NoMachine(self._log.read_text()[-500:])
        return bool(children(self._nspawn.pid)) and self.run("systemctl is-system-running", check=False).stdout in (
            "running\n",
            "degraded\n",
        )

    def _inside(self, command: str) -> list[str]:
        [init] = children(self._nspawn.pid)
        return ["nsenter", "-a", "-t", str(init), "env", "-i", PATH, "bash", "-c", command]

    def run(self, command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(self._inside(command), capture_output=True, text=True, timeout=180)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}{self._journal()}"
        return done

    def _journal(self) -> str:
        command = self._inside("journalctl -u gpt2giga -n 40 --no-pager")
        return subprocess.run(command, capture_output=True, text=True).stdout

    def start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(self._inside(command), stdout=subprocess.PIPE, text=True, start_new_session=True)

    def says(self, command: str) -> str:
        return self.run(command).stdout.strip()
