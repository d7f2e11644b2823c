#!/usr/bin/env bash
# The browser for `make test-ui`: Debian's Chromium with its driver, and letters for both languages.
set -euo pipefail

command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0
packages="chromium chromium-driver fonts-noto-core"
[ "$(id -u)" = 0 ] || { echo "The page's tests need a browser: sudo apt-get install $packages" >&2; exit 1; }
apt-get update -q
apt-get install -q -y --no-install-recommends $packages
