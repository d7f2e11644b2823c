"""install.sh, the shipped unit, the guide's unit and uninstall.sh, one after the other on one booted machine."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpt2giga import __version__
from tests.deploy.machine import Machine, NoMachine
from tests.deploy.running import DEPLOY
from tests.sockets import eventually

INSTALL = "WHEELHOUSE=/srv/wheels bash /srv/checkout/deploy/install.sh"
ENV = "/opt/gpt2giga/.env"
OWN = "600 gpt2giga gpt2giga"
UNIT = "/etc/systemd/system/gpt2giga.service"
MOST_EXPOSED = 1.5
INSTALLED = "/opt/gpt2giga/venv/lib/python3*/site-packages/gpt2giga"
URL = "http://127.0.0.1:8080"
HELLO = '{"messages": [{"role": "user", "content": "a"}], "stream": %s}'
CHAT = f"curl -sN -d '{HELLO}' {URL}/v1/chat/completions"
WORDS = " ".join(map(str, range(60)))

GUIDES_UNIT = """\
[Unit]
Description=GigaChat OpenAI Proxy (gpt2giga)
After=network.target

[Service]
Type=simple
User=www-data
WorkingDirectory=/opt/gpt2giga
EnvironmentFile=/opt/gpt2giga/.env
ExecStart=/usr/local/bin/gpt2giga
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""
GUIDES_ENV = """\
# === Обязательные ===

# Твой Authorization Key из Sber Studio (base64 строка)
GIGACHAT_CREDENTIALS=твой_ключ_из_sber_studio

# Scope твоего аккаунта
GIGACHAT_SCOPE=GIGACHAT_API_PERS

# === Опциональные ===

# Порт (по умолчанию 8080, можно менять)
GPT2GIGA_PORT=8080

# Хост (по умолчанию 127.0.0.1 — только localhost)
GPT2GIGA_HOST=127.0.0.1

# SSL верификация к GigaChat (False для обхода сертификатов Минцифры)
GIGACHAT_VERIFY_SSL_CERTS=False

# Модель для эмбеддингов (по умолчанию EmbeddingsGigaR — 2560-dim)
GPT2GIGA_EMBEDDINGS=Embeddings
"""
SANDBOX = "GIGACHAT_BASE_URL=http://127.0.0.1:8090/api/v1\nGIGACHAT_AUTH_URL=http://127.0.0.1:8090/api/v2/oauth\n"
KEY = "c2FuZGJveDpzYW5kYm94"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, wheels: Path, checkout: Path) -> Iterator[Machine]:
    try:
        with Machine(tmp_path_factory.mktemp("machine"), wheels=wheels, checkout=checkout) as machine:
            yield machine
    except NoMachine as refusal:
        pytest.skip(f"no container with systemd can be started here: {refusal}")


@pytest.fixture(scope="module")
def installed(machine: Machine) -> Machine:
    """With the sandbox beside it, which stands for GigaChat."""
    machine.run(INSTALL)
    machine.run("systemd-run --quiet --unit sandbox /opt/gpt2giga/venv/bin/gpt2giga sandbox")
    write_env(machine, f"# Ключ\nGIGACHAT_CREDENTIALS={KEY}\nGPT2GIGA_PORT=8080 # порт\n{SANDBOX}")
    machine.run("systemctl start gpt2giga")
    return machine


def sandbox(machine: Machine, what: str, value: object) -> None:
    machine.run(
        f"curl -sf -H 'Content-Type: application/json' -d '{json.dumps(value)}' http://127.0.0.1:8090/sandbox/{what}"
    )


def write_env(machine: Machine, text: str) -> None:
    machine.run(f"cat > {ENV} <<'END'\n{text}END")


def runs_as(machine: Machine) -> str:
    return machine.says("ps -o user= -p $(systemctl show -p MainPID --value gpt2giga)")


def health(machine: Machine, where: str = URL) -> dict[str, str]:
    return json.loads(machine.says(f"curl -s {where}/health"))


def test_of_a_download_that_broke_off_nothing_runs(machine: Machine) -> None:
    """Through the pipe, at every tenth letter. It would say at least that a repository has to be named."""
    script = "/srv/checkout/deploy/install.sh"
    cuts = f"seq 1 10 $(($(stat -c %s {script}) - 2))"
    machine.run(f"for cut in $({cuts}); do head -c $cut {script} | bash; done >/tmp/said 2>&1", check=False)
    said = machine.says("cat /tmp/said")
    assert "syntax error" in said and "install.sh:" not in said and "..." not in said
    assert machine.run("ls /opt/gpt2giga", check=False).returncode != 0
    unknown = "REPOSITORY=https://git.example.org/gpt2giga"
    refused = machine.run(f"cat {script} | {unknown} bash", check=False)
    assert refused.returncode != 0 and "REPOSITORY=URL" in refused.stderr


def test_first_install_asks_for_the_key(machine: Machine, checkout: Path) -> None:
    said = machine.says(INSTALL)
    assert f"Put your Authorization Key into {ENV}" in said
    assert machine.says(f"stat -c '%a %U %G' {ENV}") == OWN
    assert machine.says(f"cat {ENV}") == (checkout / ".env.example").read_text().strip()
    assert machine.run("systemctl is-active gpt2giga", check=False).stdout == "inactive\n"
    assert machine.says("systemctl is-enabled gpt2giga") == "enabled"
    assert machine.run("systemctl start gpt2giga", check=False).returncode != 0, "without a key it cannot run"
    assert "GIGACHAT_CREDENTIALS" in machine.says("journalctl -u gpt2giga -o cat --no-pager")
    machine.run("systemctl stop gpt2giga")


def test_the_unit_is_in_order_and_hardened(installed: Machine) -> None:
    installed.run("systemd-analyze verify /etc/systemd/system/gpt2giga.service")
    for where in "--offline=true /etc/systemd/system/gpt2giga.service", "gpt2giga.service":
        said = installed.says(f"systemd-analyze security --no-pager {where} | tail -1")
        exposure = float(re.search(r"(\d+\.\d+) \w+", said)[1])
        print(said)
        assert exposure <= MOST_EXPOSED


def test_the_shipped_unit_is_hardened() -> None:
    """As it lies in the folder, also where no machine can be started."""
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", DEPLOY / "gpt2giga.service"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert float(re.search(r"exposure level .*: (\d+\.\d+) ", said)[1]) <= MOST_EXPOSED


def test_it_serves(installed: Machine) -> None:
    assert health(installed)["status"] == "ok"
    assert json.loads(installed.says(CHAT % "false"))["object"] == "chat.completion"
    assert installed.says(CHAT % "true").endswith("data: [DONE]")
    assert installed.says("systemctl show -p User --value gpt2giga") == "gpt2giga"
    assert runs_as(installed) == "gpt2giga"
    assert installed.says("systemctl show -p MemoryMax --value gpt2giga").isdigit(), "it is not infinity"
    assert installed.run(f"runuser -u www-data -- cat {ENV}", check=False).returncode != 0, "a website's user"
    assert installed.says("ls -A /run/gpt2giga").startswith("gpt2giga-slots"), "slots need a folder to write to"
    journal = installed.says("journalctl -u gpt2giga -o cat --no-pager")
    assert "path=/v1/chat/completions status=200" in journal and "Traceback" not in journal
    assert installed.says("find /opt/gpt2giga -maxdepth 1 -newer /opt/gpt2giga/.env | wc -l") == "0"


def test_what_does_not_load_changes_nothing(installed: Machine) -> None:
    """Also for whoever stands in a checkout that would load."""
    before = installed.says("readlink /opt/gpt2giga/venv")
    installed.run("cp -r /srv/checkout /root/broken && echo 'import none' >> /root/broken/gpt2giga/factory.py")
    refused = installed.run(f"cd /srv/checkout && {INSTALL.replace('/srv/checkout', '/root/broken')}", check=False)
    assert refused.returncode != 0 and "does not load; nothing was changed" in refused.stderr
    assert installed.says("readlink /opt/gpt2giga/venv; ls /opt/gpt2giga/releases").split() == [
        before,
        before.removeprefix("releases/"),
    ]
    refused = installed.run("WHEELHOUSE=/srv/none bash /srv/checkout/deploy/install.sh", check=False)
    assert "no folder /srv/none" in refused.stderr


def test_an_upgrade_takes_effect_and_loses_no_stream(installed: Machine, checkout: Path) -> None:
    version = checkout / "gpt2giga/version.py"
    before = installed.says("systemctl show -p MainPID --value gpt2giga"), installed.says(f"cat {ENV}")
    sandbox(installed, "script", {"text": WORDS})
    sandbox(installed, "settings", {"hold_after": 2})
    stream = installed.start(CHAT % "true")
    assert stream.stdout is not None and "role" in stream.stdout.readline()
    installed.run("cd /srv && git init -q && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m other")
    old = version.read_text()
    version.write_text(re.sub('NUMBER = ".*"', 'NUMBER = "99.0"', old))
    try:
        assert "gpt2giga 99.0 runs" in installed.says(INSTALL)
        assert "gpt2giga 99.0 runs" in installed.says(INSTALL), "as somebody does when it did not work at once"
        assert eventually(lambda: health(installed)["version"] == "99.0")
        assert "Format" in installed.says(f"grep ^COMMIT {INSTALLED}/version.py"), "the repository around is another"
    finally:
        version.write_text(old)
    assert stream.poll() is None
    sandbox(installed, "settings", {"hold_after": None})
    rest = stream.communicate(timeout=60)[0]
    assert rest.rstrip().endswith("data: [DONE]") and " 59" in rest
    assert before == (installed.says("systemctl show -p MainPID --value gpt2giga"), installed.says(f"cat {ENV}"))


def test_the_way_back_loses_no_stream_either(installed: Machine) -> None:
    rollback = "bash /opt/gpt2giga/install.sh --rollback"
    sandbox(installed, "settings", {"hold_after": 2})
    stream = installed.start(CHAT % "true")
    assert stream.stdout is not None and "role" in stream.stdout.readline()
    assert f"Returned to gpt2giga {__version__}." in installed.says(rollback)
    assert eventually(lambda: health(installed)["version"] == __version__)
    assert "Returned to gpt2giga 99.0." in installed.says(rollback), "the newer one is kept, for whom it helps"
    assert eventually(lambda: health(installed)["version"] == "99.0")
    assert stream.poll() is None
    sandbox(installed, "settings", {"hold_after": None})
    assert stream.communicate(timeout=60)[0].rstrip().endswith("data: [DONE]")
    assert "install.sh: --back is unknown" in installed.run(rollback[:-8] + "back", check=False).stderr


def test_an_upgrade_through_the_pipe(installed: Machine) -> None:
    """From a repository, whose next commit is between releases; and what was added by hand stays. Root has another
    program of that name."""
    installed.run("install -m 0755 /bin/false /usr/local/sbin/gpt2giga")
    installed.run(
        "pip=/opt/gpt2giga/venv/bin/pip && $pip install -q --no-index --find-links /srv/wheels redis && cd /root && "
        "cp -r /srv/checkout repository && cd repository && git init -q && "
        """sed -i 's/^NUMBER = .*/NUMBER = "99.1.dev0"/' gpt2giga/version.py && git add --all && """
        "git -c user.name=a -c user.email=a@b commit -q -m first"
    )
    command = "cat /srv/checkout/deploy/install.sh | WHEELHOUSE=/srv/wheels REPOSITORY=file:///root/repository bash"
    said = installed.says(command)
    commit = installed.says("git -C /root/repository rev-parse --short HEAD")
    assert f"gpt2giga 99.1.dev0+g{commit} runs" in said
    assert eventually(lambda: health(installed)["version"] == f"99.1.dev0+g{commit}")
    assert installed.says("/opt/gpt2giga/venv/bin/python -c 'import redis; print(redis.__name__)'") == "redis"
    assert installed.says("ls /opt/gpt2giga/releases | wc -l") == "2", "this one and the former"
    assert "file:///root/repository" in installed.says("grep ^repository= /opt/gpt2giga/install.sh")
    assert installed.says("stat -c %a /opt/gpt2giga/install.sh") == "700", "it could hold a token as well"
    installed.run("rm /usr/local/sbin/gpt2giga")


def test_one_installation_at_a_time(installed: Machine) -> None:
    before = installed.says("ls -l /opt/gpt2giga /opt/gpt2giga/releases")
    for command in (INSTALL, "bash /opt/gpt2giga/install.sh --rollback"):
        refused = installed.run(f"flock /run/gpt2giga-install.lock env {command}", check=False)
        assert refused.returncode != 0 and "it runs already" in refused.stderr
    assert installed.says("ls -l /opt/gpt2giga /opt/gpt2giga/releases") == before


def test_reload_reads_the_settings_again(installed: Machine) -> None:
    former = installed.says(f"cat {ENV}") + "\n"
    write_env(installed, former + "GPT2GIGA_API_KEY=secret\n")
    installed.run("systemctl reload gpt2giga")
    assert eventually(lambda: "invalid_api_key" in installed.says(f"curl -s {URL}/v1/models"))
    write_env(installed, former)
    installed.run("systemctl reload gpt2giga")
    assert eventually(lambda: "invalid_api_key" not in installed.says(f"curl -s {URL}/v1/models"))


def test_a_unix_socket_for_nginx(installed: Machine) -> None:
    former = installed.says(f"cat {ENV}") + "\n"
    write_env(installed, former + "GPT2GIGA_HOST=unix:/run/gpt2giga/gpt2giga.sock\n")
    installed.run("systemctl restart gpt2giga")
    assert health(installed, "--unix-socket /run/gpt2giga/gpt2giga.sock http://localhost")["status"] == "ok"
    assert installed.says("stat -c '%a %U %G' /run/gpt2giga/gpt2giga.sock") == "660 gpt2giga gpt2giga"
    [as_told] = re.findall("sudo (usermod .*) &&", (DEPLOY / "nginx/gpt2giga-unix.conf").read_text())
    asked = "runuser -u www-data -- curl -sf --unix-socket /run/gpt2giga/gpt2giga.sock http://localhost/health"
    assert installed.run(asked, check=False).returncode != 0
    installed.run(as_told)
    assert json.loads(installed.says(asked))["status"] == "ok"
    assert installed.run(f"runuser -u www-data -- cat {ENV}", check=False).returncode != 0
    write_env(installed, former)
    installed.run("systemctl restart gpt2giga")


@pytest.mark.parametrize("line", ["GPT2GIGA_PORT=http", "GPT2GIGA_PORT=8090", "GIGACHAT_CA_BUNDLE_FILE=/none.pem"])
def test_a_broken_start_is_seen(installed: Machine, line: str) -> None:
    former = installed.says(f"cat {ENV}") + "\n"
    write_env(installed, former + line + "\n")
    assert installed.run("systemctl restart gpt2giga", check=False).returncode != 0
    assert line.partition("=")[0] in installed.says("journalctl -u gpt2giga -o cat -n 30 --no-pager")
    write_env(installed, former)
    installed.run("systemctl restart gpt2giga")


def test_the_installer_sees_it_too(installed: Machine) -> None:
    former = installed.says(f"cat {ENV}") + "\n"
    write_env(installed, former + "GPT2GIGA_PORT=http\n")
    installed.run("systemctl stop gpt2giga")
    refused = installed.run(INSTALL, check=False)
    assert refused.returncode != 0 and "GPT2GIGA_PORT" in refused.stderr
    write_env(installed, former)


def test_the_guides_unit(installed: Machine) -> None:
    """Word for word, with the guide's .env; only GigaChat's address and the key are the sandbox's."""
    installed.run("systemctl disable --now gpt2giga")
    installed.run(f"cat > /etc/systemd/system/gpt2giga.service <<'END'\n{GUIDES_UNIT}END")
    write_env(installed, GUIDES_ENV.replace("твой_ключ_из_sber_studio", KEY) + SANDBOX)
    installed.run("systemctl daemon-reload && systemctl enable gpt2giga && systemctl start gpt2giga")
    assert eventually(lambda: installed.run(f"curl -sf {URL}/health", check=False).returncode == 0, 20)
    assert installed.says(CHAT % "true").endswith("data: [DONE]")
    assert "active (running)" in installed.says("systemctl status gpt2giga --no-pager")
    installed.run("systemctl restart gpt2giga")
    assert eventually(lambda: installed.run(f"curl -sf {URL}/health", check=False).returncode == 0, 20)


def test_install_takes_over_from_the_guides_unit(installed: Machine) -> None:
    installed.run(f"chown root:root {ENV} && chmod 0600 {ENV}")  # as `gpt2giga init` leaves it
    said = installed.says(INSTALL)
    assert installed.says(f"stat -c '%a %U %G' {ENV}") == OWN
    assert "gpt2giga.service.before" in said and "starts anew as the user gpt2giga" in said
    assert health(installed)["status"] == "ok"
    assert installed.says("systemctl show -p Type --value gpt2giga") == "notify"
    assert runs_as(installed) == "gpt2giga"


def test_install_takes_over_from_www_data(installed: Machine) -> None:
    """The unit of earlier versions. Answers in work end first, and kept responses stay readable."""
    installed.run(f"sed -i 's/^User=.*/User=www-data/; s/^Group=.*/Group=www-data/' {UNIT}")
    installed.run(f"chown root:www-data {ENV} && chmod 0640 {ENV} && systemctl daemon-reload")
    installed.run("systemctl restart gpt2giga")
    assert runs_as(installed) == "www-data"
    ask = f"""curl -sf -d '{{"input": "a"}}' {URL}/v1/responses"""
    kept = json.loads(installed.says(ask))["id"]
    sandbox(installed, "script", {"text": WORDS, "frame_delay": 0.05})
    stream = installed.start(CHAT % "true")
    assert stream.stdout is not None and "role" in stream.stdout.readline()
    assert "starts anew as the user gpt2giga" in installed.says(INSTALL)
    assert stream.communicate(timeout=60)[0].rstrip().endswith("data: [DONE]")
    assert runs_as(installed) == "gpt2giga"
    assert installed.says(f"stat -c '%a %U %G' {ENV}") == OWN
    assert json.loads(installed.says(f"curl -sf {URL}/v1/responses/{kept}"))["id"] == kept
    assert installed.says("find /var/lib/gpt2giga -not -user gpt2giga") == ""
    assert "starts anew" not in installed.says(INSTALL), "once"


def test_uninstall(installed: Machine) -> None:
    uninstall = "bash /srv/checkout/deploy/uninstall.sh"
    installed.run(f"mkdir {UNIT}.d && printf '[Service]\\nNice=1\\n' >{UNIT}.d/override.conf")
    said = installed.says("bash /opt/gpt2giga/uninstall.sh")
    assert said == f"Removed. Still there: {UNIT}.d {ENV} /var/lib/gpt2giga"
    assert installed.run(f"curl -s {URL}/health", check=False).returncode != 0
    left = installed.says(f"ls -d {UNIT} /usr/local/bin/gpt2giga /opt/gpt2giga/venv 2>&1 || true")
    assert left.count("No such file") == 3, left
    assert installed.says(f"{uninstall} --purge") == installed.says(uninstall) == "Removed."
    assert installed.run(f"ls -d /opt/gpt2giga /var/lib/gpt2giga {UNIT}*", check=False).stdout == ""
    assert installed.run("getent passwd gpt2giga; getent group gpt2giga", check=False).stdout == ""


def test_scripts_pass_shellcheck() -> None:
    scripts = [*map(str, DEPLOY.glob("*.sh"))]
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True)
    assert scripts and done.returncode == 0, done.stdout
