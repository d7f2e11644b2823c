#!/usr/bin/env bash
# A server with Debian or Ubuntu and systemd. Run again it upgrades; .env stays, and no answer in work is lost.
#   sudo bash deploy/install.sh                          from a checkout
#   curl -fsSL RAW_URL/deploy/install.sh | sudo bash     fetches one itself: REPOSITORY=URL, and REF=v1.0.0 or a branch
#   sudo WHEELHOUSE=wheelhouse bash deploy/install.sh    without internet, from what `make wheelhouse` has fetched
#   sudo bash /opt/gpt2giga/install.sh --rollback        returns to what was installed before the last upgrade
# All is in functions that the last line calls: of a download that broke off nothing runs.
set -euo pipefail

repository=${REPOSITORY:-https://git.example.org/gpt2giga}
target=/opt/gpt2giga
unit=/etc/systemd/system/gpt2giga.service
python=$target/venv/bin/python # the way through the link, which the service goes as well
build=""
release=""
self=${BASH_SOURCE[0]:-} # nothing where it comes through a pipe

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }
version() { "$target/venv/bin/gpt2giga" --version | sed 's/.* //'; }

check_machine() {
    [ "$(id -u)" = 0 ] || fail "run it as root, with sudo"
    [ -d /run/systemd/system ] || fail "systemd does not run here; docs/deployment.md has other ways"
    command -v apt-get >/dev/null || fail "there is no apt-get; this script is for Debian and Ubuntu"
    exec 9>/run/gpt2giga-install.lock
    flock --nonblock 9 || fail "it runs already" # and would remove the release that is being made here
}

apt_install() {
    apt-get update -q
    apt-get install -q -y --no-install-recommends "$@"
}

# The system's own Python: one of pyenv or uv lies in root's home, where the service may not go.
check_python() {
    /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
    /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "Python 3.10 or newer is needed"
}

# Sets source: the checkout that this file lies in, or one that is fetched.
find_source() {
    source=$(dirname "$self")/..
    [ ! "$self" -ef "$source/deploy/install.sh" ] || return 0
    case $repository in *git.example.org*) fail "say where to fetch from: REPOSITORY=URL" ;; esac
    command -v git >/dev/null || apt_install git
    say "Fetching $repository ..."
    git -c advice.detachedHead=false clone --quiet --depth 1 ${REF:+--branch "$REF"} "$repository" "$build/source"
    source=$build/source
}

pip() { "$release/bin/python" -m pip install --disable-pip-version-check --quiet "$@"; }
# What a reload does not exchange: it is in memory when the service forks its next process.
# Isolated, or a checkout in the current folder would be found first. Not by its scripts: they name the link.
told_by() { "$1/bin/python" -I -m gpt2giga --version; }
server_of() { "$1/bin/python" -m pip freeze --disable-pip-version-check 2>/dev/null | grep -E '^(gunicorn|gevent|greenlet)=' || true; }

# Sets release: a virtual environment beside the one in use, which nobody sees before it is whole. A copy, so that
# what somebody has added by hand (redis, socksio) stays; but not of one whose Python a newer system has taken away.
make_release() {
    release=$target/releases/$(date +%Y%m%d-%H%M%S)
    mkdir -p "$target/releases"
    if "$python" -m pip --version >/dev/null 2>&1; then
        cp -a "$(readlink -f "$target/venv")" "$release"
    else
        /usr/bin/python3 -m venv "$release"
    fi
    # A copy is built, so that root leaves no files in the checkout.
    mkdir "$build/copy"
    cp -r "$source"/{gpt2giga,gpt2giga_sandbox,pyproject.toml,setup.py,requirements.txt,README.md,LICENSE} "$build/copy"
    commit=""
    [ ! -e "$source/.git" ] || commit=$(git -c safe.directory='*' -C "$source" rev-parse --short HEAD 2>/dev/null || true)
    # shellcheck disable=SC2016 # it is git's word, not a variable
    [ -z "$commit" ] || sed -i 's/\$Format:%h\$/'"$commit/" "$build/copy/gpt2giga/version.py"
    say "Installing into $release ..."
    [ -z "${WHEELHOUSE:-}" ] || export PIP_NO_INDEX=1 PIP_FIND_LINKS="$WHEELHOUSE"
    pip --requirement "$source/requirements.lock"
    pip --no-deps --force-reinstall "$build/copy"
    "$release/bin/python" -I -c 'import gpt2giga.factory' || fail "what was installed does not load; nothing was changed"
    # Started through the link the service finds the next release there as well, when it reloads.
    grep -rlIZ "$release" "$release/bin" | xargs -0 sed -i "s|$release|$target/venv|g"
}

# The link is exchanged in one step. The former release is kept, older ones are not. Whoever installs the same version
# once more, because it did not work, can still return to the one before. Sets former_server.
switch_to() {
    if [ -d "$target/venv" ] && [ ! -L "$target/venv" ]; then # of versions that knew no releases
        mv "$target/venv" "$target/releases/first"
        ln -s releases/first "$target/venv"
    fi
    former_server=""
    ln -sfn "releases/${1##*/}" "$target/venv.new"
    if [ -L "$target/venv" ]; then
        former_server=$(server_of "$target/venv")
        [ "$(told_by "$target/venv")" = "$(told_by "$target/venv.new")" ] ||
            ln -sfn "$(readlink "$target/venv")" "$target/venv.before"
    fi
    mv -T "$target/venv.new" "$target/venv"
    for old in "$target"/releases/*; do
        [ "$old" -ef "$target/venv" ] || [ "$old" -ef "$target/venv.before" ] || rm -rf "$old"
    done
}

make_env() {
    [ ! -e "$target/.env" ] || return 0
    install -m 0600 "$source/.env.example" "$target/.env"
    if [ -n "${GIGACHAT_CREDENTIALS:-}" ]; then
        sed -i '/^GIGACHAT_CREDENTIALS=/d' "$target/.env"
        printf '\nGIGACHAT_CREDENTIALS=%s\n' "$GIGACHAT_CREDENTIALS" >>"$target/.env"
    fi
}

# For --rollback, uninstalling and the next upgrade where no checkout is kept. Root's alone: a token may be in the address.
keep_scripts() {
    install -m 0700 "$source/deploy/install.sh" "$target/install.sh.new"
    sed -i "s|^repository=.*|repository=\${REPOSITORY:-$repository}|" "$target/install.sh.new"
    mv "$target/install.sh.new" "$target/install.sh" # a new file: bash may be reading the former one
    install -m 0644 "$source/deploy/uninstall.sh" "$target/uninstall.sh"
}

runs_as() { systemctl show --property User --value gpt2giga; }

# Sets user, former_user and unit_changed.
install_unit() {
    getent passwd gpt2giga >/dev/null || useradd --system --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin gpt2giga
    former_user=$(runs_as)
    unit_changed=""
    if ! cmp -s "$source/deploy/gpt2giga.service" "$unit"; then
        [ ! -e "$unit" ] || { unit_changed=yes; cp "$unit" "$unit.before"; say "The former unit is kept as $unit.before"; }
        install -m 0644 "$source/deploy/gpt2giga.service" "$unit"
        systemctl daemon-reload
    fi
    systemctl enable --quiet gpt2giga
    # Whoever `systemctl edit` has chosen, this one alone reads .env: earlier versions ran as www-data, as websites do.
    user=$(runs_as)
    chown "$user:" "$target/.env"
    chmod 0600 "$target/.env"
}

reload() {
    systemctl reload gpt2giga
    if [ -n "$1" ] || [ "$former_server" != "$(server_of "$target/venv")" ]; then
        say "The server or its unit changed as well; that counts from the next: sudo systemctl restart gpt2giga"
    fi
}

has_account() {
    grep -Eq '^[[:space:]]*(export )?(GIGACHAT_(CREDENTIALS|ACCESS_TOKEN|USER|CERT_FILE)|GPT2GIGA_(PASS_TOKEN|SANDBOX))[[:space:]]*=[[:space:]]*[^[:space:]]' "$target/.env"
}

serve() {
    if systemctl is-active --quiet gpt2giga && [ "$former_user" != "$user" ]; then
        say "The service starts anew as the user $user, when the answers in work have ended (up to 5 minutes) ..."
        systemctl restart gpt2giga
    elif systemctl is-active --quiet gpt2giga; then
        reload "$unit_changed"
    elif ! has_account; then
        say "gpt2giga $(version) is installed. Put your Authorization Key into $target/.env, then: sudo systemctl start gpt2giga"
        exit
    elif ! systemctl restart gpt2giga; then
        journalctl --sync || true
        journalctl --unit gpt2giga --lines 20 --output cat --no-pager >&2 || true
        fail "the service did not start; mend $target/.env, then: sudo systemctl restart gpt2giga"
    fi
    probe
}

probe() {
    (cd "$target" && venv/bin/gpt2giga probe) || fail "the service does not answer: journalctl -u gpt2giga. What was installed" \
        "before comes back with: sudo bash $target/install.sh --rollback"
    say "gpt2giga $(version) runs: systemctl status gpt2giga"
}

upgrade() {
    [ -z "${WHEELHOUSE:-}" ] || [ -d "$WHEELHOUSE" ] || fail "there is no folder $WHEELHOUSE here (WHEELHOUSE)"
    check_python
    umask 022 # everybody may read what is installed, whatever root's umask
    build=$(mktemp -d)
    trap 'rm -rf "$build" ${release:+"$release"}' EXIT
    find_source
    make_release
    switch_to "$release"
    release="" # it stays
    make_env
    keep_scripts
    ln -sfn "$target/venv/bin/gpt2giga" /usr/local/bin/gpt2giga
    install_unit
    serve
}

rollback() {
    [ -d "$target/venv.before/" ] || fail "there is nothing to return to: no upgrade since the first installation"
    switch_to "$(readlink "$target/venv.before")"
    say "Returned to gpt2giga $(version). Once more --rollback goes forward again."
    ! systemctl is-active --quiet gpt2giga || { reload ""; probe; }
}

main() {
    check_machine
    case ${1:-} in
        "") upgrade ;;
        --rollback) rollback ;;
        *) fail "$1 is unknown; there is only --rollback" ;;
    esac
}

{ main "$@"; exit; }
