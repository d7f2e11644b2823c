#!/usr/bin/env bash
# Debian or Ubuntu with systemd: sudo bash deploy/install.sh
# Run again it upgrades; .env stays, and no answer in work is lost.
set -euo pipefail

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=/opt/gpt2giga
unit=/etc/systemd/system/gpt2giga.service
python=$target/venv/bin/python

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "run it as root: sudo bash $0"
[ -d /run/systemd/system ] || fail "systemd does not run here; docs/deployment.md has other ways"
command -v apt-get >/dev/null || fail "there is no apt-get; this script is for Debian and Ubuntu"

# The system's own Python: one of pyenv or uv lies in root's home, where the service may not go.
if ! /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null; then
    apt-get update -q
    apt-get install -q -y --no-install-recommends python3-venv
fi
/usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "Python 3.10 or newer is needed"

# Everybody may read what is installed, whatever root's umask.
umask 022
mkdir -p "$target"
[ -x "$python" ] || /usr/bin/python3 -m venv "$target/venv"

# A copy is built, so that root leaves no files in the checkout.
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cp -r "$source"/{gpt2giga,gpt2giga_sandbox,pyproject.toml,requirements.txt,README.md,LICENSE} "$build"

versions() { "$python" -m pip freeze --disable-pip-version-check | grep -E '^(gunicorn|gevent|greenlet)=' || true; }
pip() { "$python" -m pip install --quiet --disable-pip-version-check "$@"; }
before=$(versions)
say "Installing into $target/venv ..."
pip --requirement "$source/requirements.lock"
pip --no-deps --force-reinstall "$build"
"$python" -c 'import gpt2giga.factory' || fail "what was installed does not load; the running service was left alone"

if [ ! -e "$target/.env" ]; then
    install -m 0600 "$source/.env.example" "$target/.env"
    if [ -n "${GIGACHAT_CREDENTIALS:-}" ]; then
        sed -i '/^GIGACHAT_CREDENTIALS=/d' "$target/.env"
        printf '\nGIGACHAT_CREDENTIALS=%s\n' "$GIGACHAT_CREDENTIALS" >>"$target/.env"
    fi
fi

ln -sfn "$target/venv/bin/gpt2giga" /usr/local/bin/gpt2giga

getent passwd gpt2giga >/dev/null || useradd --system --user-group --no-create-home --home-dir /nonexistent \
    --shell /usr/sbin/nologin gpt2giga
runs_as() { systemctl show --property User --value gpt2giga; }
former=$(runs_as)
changed=
if ! cmp -s "$source/deploy/gpt2giga.service" "$unit"; then
    [ ! -e "$unit" ] || { changed=yes; cp "$unit" "$unit.before"; say "The former unit is kept as $unit.before"; }
    install -m 0644 "$source/deploy/gpt2giga.service" "$unit"
    systemctl daemon-reload
fi
systemctl enable --quiet gpt2giga
# Whoever `systemctl edit` has chosen, this one alone reads .env: earlier versions ran as www-data, as websites do.
user=$(runs_as)
chown "$user:" "$target/.env"
chmod 0600 "$target/.env"

if systemctl is-active --quiet gpt2giga && [ "$former" != "$user" ]; then
    say "The service starts anew as the user $user, when the answers in work have ended (up to 5 minutes) ..."
    systemctl restart gpt2giga
elif systemctl is-active --quiet gpt2giga; then
    systemctl reload gpt2giga
    if [ -n "$changed" ] || [ "$before" != "$(versions)" ]; then
        say "The server or its unit changed as well; that counts from the next: sudo systemctl restart gpt2giga"
    fi
elif ! grep -Eq '^[[:space:]]*(export )?(GIGACHAT_(CREDENTIALS|ACCESS_TOKEN|USER|CERT_FILE)|GPT2GIGA_(PASS_TOKEN|SANDBOX))[[:space:]]*=[[:space:]]*[^[:space:]]' "$target/.env"; then
    say "Installed. Put your Authorization Key into $target/.env, then: sudo systemctl start gpt2giga"
    exit
elif ! systemctl restart gpt2giga; then
    journalctl --sync || true
    journalctl --unit gpt2giga --lines 20 --output cat --no-pager >&2 || true
    fail "the service did not start; mend $target/.env, then: sudo systemctl restart gpt2giga"
fi
(cd "$target" && gpt2giga probe) || fail "the service does not answer: journalctl -u gpt2giga"
say "gpt2giga runs: systemctl status gpt2giga"
