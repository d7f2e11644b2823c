#!/usr/bin/env bash
# Installs what tests/deploy needs besides Python packages. Root only; for CI and machines to throw away.
set -euo pipefail

missing=()
for package in nginx apache2 libapache2-mod-passenger libapache2-mod-wsgi-py3 systemd systemd-container redis-server \
    tinyproxy-bin microsocks postgresql prometheus shellcheck curl openssl python3-venv procps util-linux git make pipx; do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0
[ "$(id -u)" = 0 ] || { echo "needs.sh: as root, please: apt-get install ${missing[*]}" >&2; exit 1; }

# The tests start servers of their own; those of the packages would only take this machine's ports.
if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rm /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
fi
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
