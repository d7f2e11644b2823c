#!/usr/bin/env bash
# Undoes install.sh: sudo bash /opt/gpt2giga/uninstall.sh [--purge], or the same file in a checkout.
# .env, kept responses and what `systemctl edit` has written stay unless --purge is given.
set -euo pipefail

target=/opt/gpt2giga
unit=/etc/systemd/system/gpt2giga.service

main() {
    [ "$(id -u)" = 0 ] || { echo "uninstall.sh: run it as root, with sudo" >&2; exit 1; }

    if [ -e "$unit" ]; then
        systemctl disable --now --quiet gpt2giga || true
        rm -f "$unit" "$unit.before"
        systemctl daemon-reload
        systemctl reset-failed --quiet gpt2giga 2>/dev/null || true
    fi
    if [ "$(readlink /usr/local/bin/gpt2giga || true)" = "$target/venv/bin/gpt2giga" ]; then
        rm /usr/local/bin/gpt2giga
    fi
    rm -rf "$target"/{venv,venv.before,releases,install.sh,uninstall.sh}
    if [ "${1:-}" = --purge ]; then
        rm -rf "$target/.env" /var/lib/gpt2giga "$unit.d"
        userdel gpt2giga 2>/dev/null || true
        groupdel gpt2giga 2>/dev/null || true # where another user was a member of it
    fi
    rmdir "$target" 2>/dev/null || true
    left=$({ find "$target" -mindepth 1 -maxdepth 1; find /var/lib/gpt2giga "$unit.d" -maxdepth 0; } 2>/dev/null | sort | tr '\n' ' ' || true)
    echo "Removed.${left:+ Still there: $left}"
}

# It removes its own file, too.
{ main "$@"; exit; }
