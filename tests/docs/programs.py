"""Programs of the documents that cannot run in `make test`: why, and which target tries them in which file."""

from __future__ import annotations

from dataclasses import dataclass

ROOT_ONLY = "changes the machine, as root"
NETWORK = "needs the network"
CLIENT = "comes from npm, too large to install for this"


@dataclass(frozen=True)
class Elsewhere:
    """`shows` stands in `file`, where the program is called, or where the test does by hand what it would do."""

    why: str
    target: str
    file: str
    shows: str


# Lines with curl that do not address the service of the reader's machine, as they begin.
CURLS = {
    "curl -fsSL RAW_URL/deploy/install.sh": Elsewhere(
        NETWORK, "test-deploy", "tests/deploy/test_systemd.py", "head -c $cut {script} | bash"
    ),
    "curl -i https://SITE/.env": Elsewhere(
        "needs a site of one's own",
        "test-deploy",
        "tests/deploy/test_shared_hosting.py",
        "answer.status_code in (401, 403, 404)",
    ),
}
ELSEWHERE = {
    "apt-get": Elsewhere(ROOT_ONLY, "test-deploy", "tests/deploy/needs.sh", "apt-get install"),
    "bash": Elsewhere(ROOT_ONLY, "test-deploy", "tests/deploy/test_systemd.py", "bash /srv/checkout/deploy/install.sh"),
    "systemctl": Elsewhere(ROOT_ONLY, "test-deploy", "tests/deploy/test_systemd.py", "systemctl enable gpt2giga"),
    "journalctl": Elsewhere(ROOT_ONLY, "test-deploy", "tests/deploy/test_systemd.py", "journalctl -u gpt2giga"),
    "nginx": Elsewhere(ROOT_ONLY, "test-deploy", "tests/deploy/nginx.py", '"nginx"'),
    "a2enmod": Elsewhere(ROOT_ONLY, "test-deploy", "tests/deploy/apache.py", "LoadModule"),
    "a2ensite": Elsewhere(ROOT_ONLY, "test-deploy", "tests/deploy/test_shared_hosting.py", "apache-mod_wsgi.conf"),
    "docker": Elsewhere(ROOT_ONLY, "test-deploy", "tests/deploy/test_other_ways.py", '"Dockerfile"'),
    "git": Elsewhere(NETWORK, "test-deploy", "tests/deploy/conftest.py", "copytree(ROOT / name"),
    "python3": Elsewhere("takes seconds", "test-deploy", "tests/deploy/conftest.py", '"-m", "venv"'),
    "pip": Elsewhere(NETWORK, "test-deploy", "tests/deploy/conftest.py", '"requirements.lock"'),
    "uv": Elsewhere(NETWORK, "test-deploy", "tests/deploy/test_packages.py", '"upgrade"'),
    "pipx": Elsewhere(NETWORK, "test-deploy", "tests/deploy/test_packages.py", "/usr/bin/pipx"),
    "gunicorn": Elsewhere("needs a key", "test-deploy", "tests/deploy/test_other_ways.py", '"gunicorn", "-c"'),
    "make": Elsewhere("installs first", "demo", "tests/test_cli.py", '"--sandbox"'),
    "openclaw": Elsewhere(CLIENT, "test-openclaw", "tests/openclaw/openclaw.py", '"openclaw"'),
    "claude": Elsewhere(CLIENT, "test-clients", "tests/clients/test_claude_code.py", "ANTHROPIC_BASE_URL"),
}
